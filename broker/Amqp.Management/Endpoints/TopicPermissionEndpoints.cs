using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Which routing keys users may use on topic exchanges.</summary>
internal sealed class TopicPermissionEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/topic-permissions", () => Answer.List(All(host.Node.Topology.VirtualHosts.Values)))
            .For(Right.Administrator, "Lists the topic permissions of all users");
        api.MapGet("/vhosts/{vhost}/topic-permissions", (PathNames names) =>
            Answer.List(host.Node.Topology.Find(names["vhost"]) is { } vhost ? All([vhost]) : null))
            .For(Right.Administrator, "Lists the topic permissions in a virtual host");
        api.MapGet("/users/{user}/topic-permissions", (PathNames names) => Answer.List(
            host.Node.Topology.FindUser(names["user"]) is { } user ? All(host.Node.Topology.VirtualHosts.Values, user.Name) : null))
            .For(Right.Administrator, "Lists the topic permissions of a user");
        api.MapGet("/topic-permissions/{vhost}/{user}", (PathNames names) => Answer.OrNotFound(
            host.Node.Topology.Find(names["vhost"]) is { } vhost && host.Node.Topology.FindUser(names["user"]) is { } user ? All([vhost], user.Name) : null))
            .For(Right.Administrator, "Shows the topic permissions of a user in a virtual host");
        api.MapPut("/topic-permissions/{vhost}/{user}", Put)
            .For(Right.Administrator, "Sets them for an exchange, as patterns of routing keys").WithBody("""{"exchange":"amq.topic","write":"^orders\\.","read":".*"}""");
        api.MapDelete("/topic-permissions/{vhost}/{user}", async (PathNames names, string? exchange, Requester who) =>
            host.Node.Topology.Find(names["vhost"]) is { } vhost && host.Node.Topology.FindUser(names["user"]) is { } user
                ? await Answer.To(who.Change(host.Node, new ClearTopicPermissions(vhost.Name, user.Name, exchange)))
                : Answer.NotFound).For(Right.Administrator, "Clears them");
    }

    public static IEnumerable<object> All(IEnumerable<VirtualHost> vhosts, string? user = null) =>
        from vhost in vhosts
        orderby vhost.Name
        from entry in vhost.TopicPermissions
        where user is null || entry.Key.User == user
        orderby entry.Key.User, entry.Key.Exchange
        select Show(vhost.Name, entry.Key, entry.Value);

    private static object Show(string vhost, (string User, string Exchange) whoWhere, TopicPermissions permissions) => new
    {
        user = whoWhere.User,
        vhost,
        exchange = whoWhere.Exchange,
        write = permissions.Write,
        read = permissions.Read,
    };

    private async Task<IResult> Put(PathNames names, Body body, Requester who)
    {
        var (vhost, user, exchange) = (names["vhost"], names["user"], body.Text("exchange"));
        if (host.Node.Topology.Find(vhost) is null || host.Node.Topology.FindUser(user) is null) return Answer.NotFound;
        var isNew = host.Node.Topology.Find(vhost)?.TopicPermissions.ContainsKey((user, exchange)) != true;
        var result = await who.Change(host.Node, new SetTopicPermissions(vhost, user, exchange, body.Text("write"), body.Text("read")));
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(isNew);
    }
}
