using Amqp.Broker;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>The whole broker at a glance.</summary>
internal sealed class OverviewEndpoints(INodeHost host)
{
    /// <summary>What the command line is called where users have names.</summary>
    private static readonly string[] TagsOfOperators = [User.Administrator];

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/overview", Show).For(Right.Management);
        api.MapGet("/whoami", (Requester who) => Answer.Of(new
        {
            name = who.Name ?? TopologyCommand.OperatorOfHost,
            tags = who.User?.Tags.ToArray() ?? TagsOfOperators,
            is_internal_user = !who.IsOperatorOfHost,
        })).For(Right.Management);
    }

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
