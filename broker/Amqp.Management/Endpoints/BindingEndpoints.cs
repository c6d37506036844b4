using Amqp.Core.Topology;
using Amqp.Management.Http;
using AMQP.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Bindings, those of the default exchange too, which follow from the names of the queues.</summary>
internal sealed class BindingEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/bindings", () => Answer.Of(host.Node.Topology.VirtualHosts.Values.OrderBy(vhost => vhost.Name, StringComparer.Ordinal).SelectMany(All)));
        api.MapGet("/bindings/{vhost}", (PathNames names) => Answer.OrNotFound(host.Node.Topology.Find(names["vhost"]) is { } vhost ? All(vhost) : null));
    }

    private static IEnumerable<object> All(VirtualHost vhost)
    {
        var implied = vhost.Queues.Keys.Order(StringComparer.Ordinal).Select(queue => new Binding("", Destination.Queue(queue), queue, FieldTable.Empty));
        var made = vhost.Bindings.All
            .OrderBy(binding => binding.Source, StringComparer.Ordinal)
            .ThenBy(binding => binding.Destination.Name, StringComparer.Ordinal)
            .ThenBy(binding => binding.RoutingKey, StringComparer.Ordinal);
        return implied.Concat(made).Select(binding => Show(vhost, binding));
    }

    private static object Show(VirtualHost vhost, Binding binding) => new
    {
        source = binding.Source,
        vhost = vhost.Name,
        destination = binding.Destination.Name,
        destination_type = binding.Destination.Kind == ResourceKind.Queue ? "queue" : "exchange",
        routing_key = binding.RoutingKey,
        arguments = binding.Arguments,
    };
}
