using Amqp.Core.Topology;

namespace Amqp.Core.Ports;

/// <summary>
/// Queues that other nodes lead, for the users of this one. Called by the topology service, one call after the other, before a change of the topology can be seen:
/// it must neither block nor throw.
/// </summary>
public interface IRemoteQueues
{
    /// <summary>There is a queue.</summary>
    /// <returns>Null: it is on this node. Else it is for its users here, until the queue is deleted; what is posted goes to the node that leads it.</returns>
    IQueueEndpoint? Open(QueueDefinition queue);

    /// <summary>A queue that was opened goes by other policies now.</summary>
    void Follow(QueueDefinition queue);

    /// <summary>A queue that was opened was deleted.</summary>
    void Close(QueueId queue);
}

/// <summary>Queues that this node leads, for the users of other nodes; from any thread.</summary>
public interface ILocalQueues
{
    /// <returns>Null: it is not here, or not yet, or not any more.</returns>
    IQueueEndpoint? Find(QueueId queue);
}
