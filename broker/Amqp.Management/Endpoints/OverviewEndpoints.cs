using Amqp.Broker;
using Amqp.Management.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>The whole broker at a glance.</summary>
internal sealed class OverviewEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api) => api.MapGet("/overview", Show);

    private async Task<IResult> Show()
    {
        var (queues, connections, topology) = (host.Node.Queues.List().ToArray(), await host.Node.Connections.List(), host.Node.Topology);
        var ready = queues.Sum(queue => (long)queue.Figures.Ready);
        var unacked = queues.Sum(queue => (long)queue.Figures.Unacked);
        return Answer.Of(new
        {
            product_name = NodeIdentity.OwnName,
            product_version = NodeIdentity.OwnVersion,
            // Tools choose by it what to ask for.
            rabbitmq_version = host.Identity.ProductVersion,
            cluster_name = host.Node.ClusterName,
            node = host.Identity.Name,
            object_totals = new
            {
                connections = connections.Length,
                channels = connections.Sum(connection => connection.Channels.Length),
                exchanges = topology.VirtualHosts.Values.Sum(vhost => vhost.Exchanges.Count),
                queues = queues.Length,
                consumers = connections.Sum(connection => connection.Channels.Sum(channel => channel.Consumers.Length)),
            },
            queue_totals = new { messages = ready + unacked, messages_ready = ready, messages_unacknowledged = unacked },
            message_stats = MessageStats.OfClient(host.Node.Meter),
            listeners = NodeEndpoints.ListenersOf(host),
        });
    }
}
