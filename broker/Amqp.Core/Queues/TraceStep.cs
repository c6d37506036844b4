using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <summary>What can happen to a message that is traced.</summary>
public enum TraceStep : byte
{
    /// <summary>A client published it, and it goes to some queues.</summary>
    Published,

    /// <summary>A client published it, and no queue gets it.</summary>
    Unroutable,

    /// <summary>It is in a queue.</summary>
    Entered,

    /// <summary>A queue that is full did not take it.</summary>
    Refused,

    /// <summary>A queue has one with the same key, and did not take it.</summary>
    Duplicate,

    /// <summary>A consumer was sent it.</summary>
    Delivered,

    /// <summary>A client fetched it (basic.get).</summary>
    Got,

    /// <summary>It came back to its queue.</summary>
    Returned,

    /// <summary>It left its queue: by its holder, or because it was handed out where no acknowledgement is wanted.</summary>
    Acknowledged,

    /// <summary>It left its queue, and so with all that follow: see <see cref="RemovalReason"/>.</summary>
    Rejected,
    Expired,
    BeyondLength,
    DeliveryLimit,
    Due,
    Purged,
    Damaged,

    /// <summary>Its queue was deleted while it was in it.</summary>
    QueueDeleted,
}

/// <summary>Is told what becomes of the messages of a queue.</summary>
public interface IQueueTrace
{
    /// <param name="position">In the queue; without meaning where the queue did not take it.</param>
    /// <param name="message">Null: it is in the store only.</param>
    void Add(TraceStep step, long position, Message? message);
}
