using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>What users may do in virtual hosts.</summary>
internal sealed class PermissionEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/permissions", () => Answer.List(All(host.Node.Topology.VirtualHosts.Values)))
            .For(Right.Administrator, "Lists the permissions of all users");
        api.MapGet("/vhosts/{vhost}/permissions", (PathNames names) =>
            Answer.List(host.Node.Topology.Find(names["vhost"]) is { } vhost ? All([vhost]) : null))
            .For(Right.Administrator, "Lists the permissions in a virtual host");
        api.MapGet("/users/{user}/permissions", (PathNames names) => Answer.List(
            host.Node.Topology.FindUser(names["user"]) is { } user ? All(host.Node.Topology.VirtualHosts.Values, user.Name) : null))
            .For(Right.Administrator, "Lists the permissions of a user");
        api.MapGet("/permissions/{vhost}/{user}", (PathNames names) =>
            Answer.OrNotFound(Find(names) is { } permissions ? Show(names["vhost"], names["user"], permissions) : null))
            .For(Right.Administrator, "Shows the permissions of a user in a virtual host");
        api.MapPut("/permissions/{vhost}/{user}", Put)
            .For(Right.Administrator, "Sets them, as patterns of the names of queues and exchanges").WithBody("""{"configure":"^orders-.*","write":".*","read":".*"}""");
        api.MapDelete("/permissions/{vhost}/{user}", Delete).For(Right.Administrator, "Clears them: the user cannot open the virtual host any more");
    }

    public static IEnumerable<object> All(IEnumerable<VirtualHost> vhosts, string? user = null) =>
        from vhost in vhosts
        orderby vhost.Name
        from entry in vhost.Permissions
        where user is null || entry.Key == user
        orderby entry.Key
        select Show(vhost.Name, entry.Key, entry.Value);

    /// <exception cref="BadRequestException">One of the three is missing.</exception>
    public static Permissions PermissionsIn(Body body) => new(new(body.Text("configure")), new(body.Text("write")), new(body.Text("read")));

    private static object Show(string vhost, string user, Permissions permissions) => new
    {
        user,
        vhost,
        configure = permissions.Configure.Text,
        write = permissions.Write.Text,
        read = permissions.Read.Text,
    };

    private async Task<IResult> Put(PathNames names, Body body, Requester who)
    {
        if (host.Node.Topology.Find(names["vhost"]) is null || host.Node.Topology.FindUser(names["user"]) is null) return Answer.NotFound;
        var isNew = Find(names) is null;
        var result = await who.Change(host.Node, new SetPermissions(names["vhost"], names["user"], PermissionsIn(body)));
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(isNew);
    }

    private async Task<IResult> Delete(PathNames names, Requester who) =>
        Find(names) is null ? Answer.NotFound : await Answer.To(who.Change(host.Node, new ClearPermissions(names["vhost"], names["user"])));

    private Permissions? Find(PathNames names) => host.Node.Topology.Find(names["vhost"])?.Permissions.GetValueOrDefault(names["user"]);
}
