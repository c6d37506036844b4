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

    /// <summary>To the node that leads it. The only place that says which one that is.</summary>
    public LeaderLink Leader { get; } = leader;

    public QueueDefinition Definition
    {
        get => _definition;
        set => _definition = value;
    }

    public bool IsDeleted => _isDeleted;

    /// <summary>What has messages of it, or consumes from it, on this node. Owned by the leader's link; null: nothing does.</summary>
    public List<RemoteHolder>? Holders { get; set; }

    public BrokerError NotFound => BrokerError.QueueNotFound(Definition.Vhost, Definition.Name);

    /// <summary>Its leader cannot be reached.</summary>
    public BrokerError Down => Definition.Durable ? BrokerError.QueueHomeNodeDown(Definition.Vhost, Definition.Name, Leader.Node) : NotFound;

    public void Post(in QueueOperation operation) => Leader.Post(this, operation);

    public void PostAndRun(ReadOnlySpan<QueueOperation> operations) => Leader.PostAndRun(this, operations);

    /// <summary>It was deleted.</summary>
    public void Close()
    {
        _isDeleted = true;
        Leader.Closed(this);
    }
}
