namespace Amqp.Core.Queues;

/// <summary>What is known of a message in a queue.</summary>
[Flags]
internal enum EntryFlags : byte
{
    None = 0,

    /// <summary>There is a message.</summary>
    Present = 1,

    /// <summary>It was handed out before.</summary>
    Redelivered = 2,

    /// <summary>It is to survive the process.</summary>
    Persistent = 4,

    /// <summary>The store was given it, so the store is told when it leaves.</summary>
    Stored = 8,

    /// <summary>The store can give it back.</summary>
    Written = 16,

    /// <summary>The store was asked to give it back.</summary>
    Loading = 32,

    /// <summary>The mirrors have not heard of it yet, and need not if it leaves.</summary>
    Untold = 64,

    /// <summary>The store was given it after one of a higher position, and it is not known to be durable.</summary>
    Late = 128,
}
