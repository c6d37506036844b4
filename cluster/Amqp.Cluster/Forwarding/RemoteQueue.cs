using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Forwarding;

/// <summary>A queue that another node leads, for the users of this one. There may be a hundred thousand: what few of them need is made when it is used.</summary>
internal sealed class RemoteQueue(QueueDefinition definition, LeaderLink leader) : IQueueEndpoint
{
    private volatile QueueDefinition _definition = definition;
    private volatile bool _isDeleted;
    private volatile MovingQueue? _moving;

    /// <summary>To the node that leads it. The only place that says which one that is.</summary>
    public LeaderLink Leader { get; } = leader;

    public QueueDefinition Definition
    {
        get => _definition;
        set => _definition = value;
    }

    public bool IsDeleted => _isDeleted;

    /// <summary>Of a mirrored queue: who uses this way to its leader. Null: the queue is not mirrored.</summary>
    public LeaderReach? Reach { get; set; }

    /// <summary>What has messages of it, or consumes from it, on this node. Owned by the leader's link; null: nothing does.</summary>
    public List<RemoteHolder>? Holders { get; set; }

    public BrokerError NotFound => BrokerError.QueueNotFound(Definition.Vhost, Definition.Name);

    /// <summary>Its leader cannot be reached.</summary>
    public BrokerError Down => Definition.Durable ? BrokerError.QueueHomeNodeDown(Definition.Vhost, Definition.Name, Leader.Node) : NotFound;

    /// <summary>Where users go since the queue has mirrors, who know it as this one; null: it has none.</summary>
    public MovingQueue? Moving => _moving;

    public void Post(in QueueOperation operation)
    {
        if (_moving is { } moving && !IsOfHolder(operation)) moving.Post(operation);
        else Leader.Post(this, operation);
    }

    public void PostAndRun(ReadOnlySpan<QueueOperation> operations)
    {
        if (_moving is not { } moving) Leader.PostAndRun(this, operations);
        else if (!AnyOfHolders(operations)) moving.PostAndRun(operations);
        else foreach (ref readonly var operation in operations) Post(operation);
    }

    /// <summary>It is about what a user has, or gets: the way on which that came knows it, and while the leader stays the same it stays right.</summary>
    public static bool IsOfHolder(in QueueOperation operation) =>
        operation.Kind is QueueOperationKind.Settle or QueueOperationKind.Resume or QueueOperationKind.Release or QueueOperationKind.RemoveConsumer;

    /// <summary>The queue has mirrors from now on: its users here, who know it as this one, go on there.</summary>
    public void TurnTo(MovingQueue moving) => _moving = moving;

    /// <summary>The leader cannot do that, or nothing says whether it has.</summary>
    public void Lose(in QueueOperation operation)
    {
        Reach?.Lose();
        if (Reach is { } reach) reach.Return(operation);
        else if (_moving is { } moving && operation.Kind != QueueOperationKind.Publish) moving.Post(operation);
        else Refusals.AsDown(operation, Down);
    }

    private static bool AnyOfHolders(ReadOnlySpan<QueueOperation> operations)
    {
        foreach (ref readonly var operation in operations)
        {
            if (IsOfHolder(operation)) return true;
        }
        return false;
    }

    /// <summary>Its user goes another way: what is under way comes back.</summary>
    public void Leave() => Leader.Left(this);

    /// <summary>It was deleted.</summary>
    public void Close()
    {
        _isDeleted = true;
        Leader.Closed(this);
    }
}
