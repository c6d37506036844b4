using System.Collections.Immutable;
using Amqp.Core.Ports;

namespace Amqp.Core.Topology;

/// <summary>
/// On which node of a cluster a new queue is to be: by <c>x-queue-leader-locator</c> or <c>x-queue-master-locator</c>, the policy keys of these names, or what the node
/// is configured for. As in RabbitMQ an exclusive queue is always where its connection is.
/// </summary>
/// <param name="Self">The node on which it is declared.</param>
/// <param name="Running">Nodes that run and take new queues; empty when all are being drained.</param>
/// <param name="DefaultLocator">For queues of which nothing else says where.</param>
/// <param name="Chance">A random number, 0 or above.</param>
public sealed record QueuePlacement(ClusterNode Self, ImmutableArray<ClusterNode> Running, string DefaultLocator, int Chance)
{
    public const string ClientLocal = "client-local";

    private const string Random = "random";

    // By all of these names RabbitMQ means the node that leads the fewest queues.
    private static readonly string[] Balanced = ["balanced", "least-leaders", "min-masters"];

    /// <summary>Where what is declared here is, if it stays here.</summary>
    internal QueueHome Here(bool isDurable) => On(Self, isDurable);

    /// <summary>Where a queue that is being declared is to be.</summary>
    /// <param name="topology">All queues that there are.</param>
    /// <param name="wanted">The node that it is to be on, if that runs and takes queues; null: as it is configured.</param>
    internal QueueHome HomeOf(QueueDefinition queue, TopologySnapshot topology, string? wanted) => On(Choose(queue, topology, wanted), queue.Durable);

    private ClusterNode Choose(QueueDefinition queue, TopologySnapshot topology, string? wanted)
    {
        if (queue.Exclusive || Running.IsEmpty) return Self;
        if (wanted is not null && Running.FirstOrDefault(node => node.Name == wanted) is { Name: not null } there) return there;
        var locator = queue.Settings.LeaderLocator ?? DefaultLocator;
        if (Balanced.Contains(locator)) return WithFewest(topology);
        return locator == Random ? Running[Chance % Running.Length] : Self;
    }

    private ClusterNode WithFewest(TopologySnapshot topology)
    {
        var counts = Running.ToDictionary(node => node.Name, _ => 0);
        foreach (var queue in topology.VirtualHosts.Values.SelectMany(vhost => vhost.Queues.Values))
        {
            if (queue.Home.Node is { } node && counts.TryGetValue(node, out var count)) counts[node] = count + 1;
        }
        return Running.MinBy(node => counts[node.Name]);
    }

    private static QueueHome On(ClusterNode node, bool isDurable) => new(node.Name, isDurable ? 0 : node.Epoch);
}
