using Amqp.Core.Topology;
using Amqp.Management.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Exchanges.</summary>
internal sealed class ExchangeEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/exchanges", () => Answer.Of(All(host.Node.Topology.VirtualHosts.Values)));
        api.MapGet("/exchanges/{vhost}", (PathNames names) => Answer.OrNotFound(host.Node.Topology.Find(names["vhost"]) is { } vhost ? All([vhost]) : null));
    }

    private IEnumerable<object> All(IEnumerable<VirtualHost> vhosts) =>
        from vhost in vhosts
        orderby vhost.Name
        from exchange in vhost.Exchanges.Values.OrderBy(exchange => exchange.Name, StringComparer.Ordinal)
        select new
        {
            name = exchange.Name,
            vhost = vhost.Name,
            type = exchange.Type,
            durable = exchange.Durable,
            auto_delete = exchange.AutoDelete,
            @internal = exchange.Internal,
            arguments = exchange.Arguments,
            policy = exchange.Policies.Policy?.Name,
            messages_delayed = host.Node.Queues.DelayedIn(exchange),
            message_stats = MessageStats.OfExchange(host.Node.MeterOf(exchange)),
        };
}
