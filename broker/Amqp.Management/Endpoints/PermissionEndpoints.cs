using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>What users may do in virtual hosts.</summary>
internal sealed class PermissionEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/permissions", () => Answer.Of(All(host.Node.Topology.VirtualHosts.Values)));
        api.MapGet("/vhosts/{vhost}/permissions", (PathNames names) =>
            Answer.OrNotFound(host.Node.Topology.Find(names["vhost"]) is { } vhost ? All([vhost]) : null));
        api.MapGet("/users/{user}/permissions", (PathNames names) => Answer.OrNotFound(
            host.Node.Topology.FindUser(names["user"]) is { } user ? All(host.Node.Topology.VirtualHosts.Values, user.Name) : null));
        api.MapGet("/permissions/{vhost}/{user}", (PathNames names) =>
            Answer.OrNotFound(Find(names) is { } permissions ? Show(names["vhost"], names["user"], permissions) : null));
        api.MapPut("/permissions/{vhost}/{user}", Put);
        api.MapDelete("/permissions/{vhost}/{user}", Delete);
    }

    private static IEnumerable<object> All(IEnumerable<VirtualHost> vhosts, string? user = null) =>
        from vhost in vhosts
        orderby vhost.Name
        from entry in vhost.Permissions
        where user is null || entry.Key == user
        orderby entry.Key
        select Show(vhost.Name, entry.Key, entry.Value);

    private static object Show(string vhost, string user, Permissions permissions) => new
    {
        user,
        vhost,
        configure = permissions.Configure.Text,
        write = permissions.Write.Text,
        read = permissions.Read.Text,
    };

    private async Task<IResult> Put(PathNames names, Body body)
    {
        if (host.Node.Topology.Find(names["vhost"]) is null || host.Node.Topology.FindUser(names["user"]) is null) return Answer.NotFound;
        var isNew = Find(names) is null;
        var permissions = new Permissions(new(body.Text("configure")), new(body.Text("write")), new(body.Text("read")));
        var result = await host.Node.Change(new SetPermissions(names["vhost"], names["user"], permissions));
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(isNew);
    }

    private async Task<IResult> Delete(PathNames names) =>
        Find(names) is null ? Answer.NotFound : await Answer.To(host.Node.Change(new ClearPermissions(names["vhost"], names["user"])));

    private Permissions? Find(PathNames names) => host.Node.Topology.Find(names["vhost"])?.Permissions.GetValueOrDefault(names["user"]);
}
