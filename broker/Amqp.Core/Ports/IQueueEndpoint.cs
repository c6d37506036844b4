using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Core.Ports;

/// <summary>
/// A queue as its users see it (channels, transactions, dead-lettering queues, operators), wherever its leader is. What is posted is done
/// in the order of the posts, and what came of it is told to what the operation names: nothing here waits.
/// </summary>
public interface IQueueEndpoint
{
    QueueDefinition Definition { get; }

    /// <summary>Deleted, or about to be: what is posted is refused. From any thread.</summary>
    bool IsDeleted { get; }

    /// <summary>Posts one operation; from any thread.</summary>
    void Post(in QueueOperation operation);

    /// <summary>Posts several operations that stay together; they may be done on the calling thread. Only for read loops, which own nothing
    /// that a queue could ask for.</summary>
    void PostAndRun(ReadOnlySpan<QueueOperation> operations);
}
