using System.Collections.Immutable;

namespace Amqp.Core.Topology;

/// <summary>
/// A node of the cluster has ended: the queues go that end with their node or with one of its connections. That this may be done late, and twice, does no harm: a later start of
/// the node has a higher number.
/// </summary>
/// <param name="Node">Its name.</param>
/// <param name="Epoch">Of the start that ended; what is left of earlier ones goes as well.</param>
public sealed record EndNode(string Node, uint Epoch) : TopologyCommand
{
    /// <summary>Of the queues that are not durable, those that stay, because nodes that run have them too.</summary>
    public ImmutableHashSet<QueueId> Kept { get; init; } = [];

    /// <summary>Queues that are not durable and began on other nodes, and that no node that runs has any more: they go too.</summary>
    public ImmutableHashSet<QueueId> Lost { get; init; } = [];

    public override string? By => null;
}

/// <summary>No node of the cluster ran: what is transient is gone, exchanges and bindings too, as when a node that is alone is started again.</summary>
public sealed record EndAllTransient : TopologyCommand
{
    public override string? By => null;
}

/// <summary>A node belongs to the cluster no more: all queues go that have their messages there.</summary>
/// <param name="Node">Its name.</param>
public sealed record RemoveQueuesOfNode(string Node) : TopologyCommand
{
    /// <summary>Of those, the ones that stay, because other nodes have them too.</summary>
    public ImmutableHashSet<QueueId> Kept { get; init; } = [];

    /// <summary>Queues that other nodes had before, and that are now nowhere but there: they go too.</summary>
    public ImmutableHashSet<QueueId> Lost { get; init; } = [];

    internal bool Takes(QueueDefinition queue) => Lost.Contains(queue.Id) || (queue.Home.Node == Node && !Kept.Contains(queue.Id));
}
