using Amqp.Broker;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Virtual hosts.</summary>
internal sealed class VhostEndpoints(BrokerNode node)
{
    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/vhosts", () => Answer.Of(node.Topology.VirtualHosts.Values.OrderBy(vhost => vhost.Name, StringComparer.Ordinal).Select(Show)));
        api.MapGet("/vhosts/{vhost}", (PathNames names) => Answer.OrNotFound(node.Topology.Find(names["vhost"]) is { } vhost ? Show(vhost) : null));
        api.MapPut("/vhosts/{vhost}", Put);
        api.MapDelete("/vhosts/{vhost}", async (PathNames names) =>
            node.Topology.Find(names["vhost"]) is { } vhost ? await Answer.To(node.Change(new DeleteVhost(vhost.Name))) : Answer.NotFound);
    }

    private object Show(VirtualHost vhost) => new
    {
        name = vhost.Name,
        description = vhost.Description,
        tags = vhost.Tags,
        metadata = new { description = vhost.Description, tags = vhost.Tags },
        default_queue_type = "classic",
        tracing = false,
        cluster_state = new Dictionary<string, string> { [node.Identity.Name] = "running" },
    };

    private async Task<IResult> Put(PathNames names, HttpRequest request)
    {
        var name = names["vhost"];
        // An empty body is allowed here: a virtual host need not be described.
        var hasBody = request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;
        var body = hasBody ? await Body.BindAsync(request.HttpContext) : null;
        var before = node.Topology.Find(name);
        if (before is not null && request.Headers.IfNoneMatch == "*") return Answer.Exists;
        var description = body?.TextOrNull("description") ?? before?.Description ?? "";
        var tags = body?.Words("tags")?.ToArray() ?? before?.Tags.ToArray() ?? [];
        var result = await node.Change(before is null ? new AddVhost(name, description, [.. tags]) : new DescribeVhost(name, description, [.. tags]));
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(isNew: before is null);
    }
}
