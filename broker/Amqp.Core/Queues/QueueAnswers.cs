using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <summary>The conditions of queue.delete.</summary>
[Flags]
public enum DeleteConditions : byte
{
    None = 0,
    IfUnused = 1,
    IfEmpty = 2,
}

/// <summary>What came of adding a consumer.</summary>
public enum ConsumeResult
{
    Added,

    /// <summary>An exclusive consumer is there, or others are and this one wanted to be alone.</summary>
    ExclusiveUse,
}

/// <summary>What came of basic.get.</summary>
/// <param name="Message">What was got, or null: the queue was empty.</param>
/// <param name="Remaining">Ready messages left.</param>
public readonly record struct GetResult(Message? Message, long Position, bool Redelivered, int Remaining);

/// <summary>What queue.declare tells of a queue.</summary>
/// <param name="Gone">The queue is being deleted; its name may be declared anew.</param>
public readonly record struct QueueStatus(int ReadyCount, int ConsumerCount, bool Gone);

public enum DeleteOutcome
{
    Deleted,
    InUse,
    NotEmpty,
    Gone,
}

/// <summary>What came of queue.delete.</summary>
/// <param name="MessageCount">Ready messages that went with the queue.</param>
public readonly record struct DeleteResult(DeleteOutcome Outcome, int MessageCount);
