namespace Amqp.Core.Records;

/// <summary>What a record of the message store says. The numbers are on disks and on the wire between nodes: they stay.</summary>
public enum RecordType : byte
{
    /// <summary>A message entered a queue; its body is in the record, or in a <see cref="Body"/>.</summary>
    Enqueue = 1,

    /// <summary>A body that several queues share, by an id of its own.</summary>
    Body = 2,

    /// <summary>Messages left a queue.</summary>
    Settle = 3,

    /// <summary>Enqueues and settlements of several queues that happened together or not at all.</summary>
    Transaction = 4,

    /// <summary>Messages that are in a queue have been handed out before.</summary>
    Delivered = 5,

    /// <summary>The store was closed in order; nothing was handed out that a <see cref="Delivered"/> before it does not name.</summary>
    Closed = 6,

    /// <summary>A message that only found no room in memory: it ends with the process, and its record means nothing afterwards.</summary>
    Page = 7,

    /// <summary>A message that is in a queue has other attributes from here on.</summary>
    Change = 8,

    /// <summary>As <see cref="Enqueue"/>, at a position where a message of the queue may have been before: it has a key of its own in the store, see
    /// <see cref="Positions"/>.</summary>
    EnqueueAgain = 9,
}
