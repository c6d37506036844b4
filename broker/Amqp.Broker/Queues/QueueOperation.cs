using Amqp.Broker.Flow;
using Amqp.Broker.Loops;
using Amqp.Broker.Observability;
using Amqp.Broker.Publishing;
using Amqp.Core.Messages;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

internal enum QueueOperationKind : byte
{
    // These are many, and brief.
    Publish,
    Credit,
    Acknowledge,
    Reject,
    Requeue,

    // And the others.
    Release,
    AddConsumer,
    RemoveConsumer,
    Resume,
    Get,
    Purge,
    Status,
    Delete,
    Tick,
    Prepare,
    CommitPart,
    AbortPart,
    Committed,
    Loaded,
    LetGo,
    Tend,
    Inspect,
    Stop,
}

/// <summary>One line in a queue's mailbox. A struct, so that a message on its way costs no object of its own here.</summary>
internal readonly struct QueueOperation
{
    public QueueOperationKind Kind { get; private init; }

    /// <summary>The message (or messages), consumer, holder or part of a transaction that this is about.</summary>
    public object? Subject { get; private init; }

    /// <summary>Where the answer goes, or null when nobody waits. For a publish the <see cref="ConfirmTracker"/>, for
    /// what was loaded its positions.</summary>
    public object? ReplyTo { get; private init; }

    /// <summary>Position of the message; for a publish its number in the <see cref="ConfirmTracker"/>, for a commit its ticket,
    /// for credit the bytes.</summary>
    public long Position { get; private init; }

    public DeleteConditions Conditions { get; private init; }

    /// <summary>Messages leave their holder. Settlements in a row are all applied before anything is handed out again.</summary>
    public bool IsSettlement => Kind is QueueOperationKind.Acknowledge or QueueOperationKind.Reject or QueueOperationKind.Requeue
        or QueueOperationKind.Release;

    /// <param name="confirms">Who is told when the queue has taken the message, or null.</param>
    /// <param name="number">The message's number there.</param>
    public static QueueOperation Publish(Message message, ConfirmTracker? confirms, long number) =>
        new() { Kind = QueueOperationKind.Publish, Subject = message, ReplyTo = confirms, Position = number };

    /// <summary>What the publishes before it, posted with it, have taken of their connection's credit.</summary>
    public static QueueOperation Credit(PublishCredit credit, long bytes) =>
        new() { Kind = QueueOperationKind.Credit, Subject = credit, Position = bytes };

    public static QueueOperation Settle(QueueOperationKind kind, MessageHolder holder, long position) =>
        new() { Kind = kind, Subject = holder, Position = position };

    /// <summary>Everything the holder has and has not settled returns to its place; a consumer is removed as well.</summary>
    public static QueueOperation Release(MessageHolder holder) => new() { Kind = QueueOperationKind.Release, Subject = holder };

    public static QueueOperation AddConsumer(ConsumerLink consumer, Reply<ConsumeResult> reply) =>
        new() { Kind = QueueOperationKind.AddConsumer, Subject = consumer, ReplyTo = reply };

    /// <summary>The answer is the number of messages that the consumer still holds.</summary>
    public static QueueOperation RemoveConsumer(ConsumerLink consumer, Reply<int> reply) =>
        new() { Kind = QueueOperationKind.RemoveConsumer, Subject = consumer, ReplyTo = reply };

    public static QueueOperation Resume(ConsumerLink consumer) => new() { Kind = QueueOperationKind.Resume, Subject = consumer };

    public static QueueOperation Get(GetLink? holder, Reply<GetResult> reply) =>
        new() { Kind = QueueOperationKind.Get, Subject = holder, ReplyTo = reply };

    public static QueueOperation Purge(Reply<int> reply) => new() { Kind = QueueOperationKind.Purge, ReplyTo = reply };

    public static QueueOperation Status(Reply<QueueStatus> reply) => new() { Kind = QueueOperationKind.Status, ReplyTo = reply };

    public static QueueOperation Delete(DeleteConditions conditions, Reply<DeleteResult>? reply) =>
        new() { Kind = QueueOperationKind.Delete, Conditions = conditions, ReplyTo = reply };

    /// <summary>The queue takes hold of everything that the part concerns, and tells the transaction.</summary>
    public static QueueOperation Prepare(TransactionPart part, ITransaction transaction) =>
        new() { Kind = QueueOperationKind.Prepare, Subject = part, ReplyTo = transaction };

    /// <summary>The transaction is durable.</summary>
    public static QueueOperation CommitPart(TransactionPart part) => new() { Kind = QueueOperationKind.CommitPart, Subject = part };

    /// <summary>Another queue refused: a prepared part is undone.</summary>
    public static QueueOperation AbortPart(TransactionPart part) => new() { Kind = QueueOperationKind.AbortPart, Subject = part };

    /// <summary>See <see cref="Core.Ports.IStoreListener.Committed"/>.</summary>
    public static QueueOperation Committed(long ticket) => new() { Kind = QueueOperationKind.Committed, Position = ticket };

    /// <summary>See <see cref="Core.Ports.IStoreListener.Loaded"/>.</summary>
    public static QueueOperation Loaded(long[] positions, Message?[] messages) =>
        new() { Kind = QueueOperationKind.Loaded, Subject = messages, ReplyTo = positions };

    /// <summary>Memory has become tight.</summary>
    public static QueueOperation LetGo => new() { Kind = QueueOperationKind.LetGo };

    /// <summary>Nothing but what follows every operation: there is more memory to let go of than was done in one go.</summary>
    public static QueueOperation Tend => new() { Kind = QueueOperationKind.Tend };

    /// <summary>An operator looks at the queue, which is no use of it.</summary>
    public static QueueOperation Inspect(Reply<QueueInfo> reply) => new() { Kind = QueueOperationKind.Inspect, ReplyTo = reply };

    /// <summary>The node stops in order; nothing is handed out any more.</summary>
    public static QueueOperation Stop(StopCount count) => new() { Kind = QueueOperationKind.Stop, ReplyTo = count };

    public static QueueOperation Tick => new() { Kind = QueueOperationKind.Tick };
}

/// <summary>The conditions of queue.delete.</summary>
[Flags]
internal enum DeleteConditions : byte
{
    None = 0,
    IfUnused = 1,
    IfEmpty = 2,
}

internal enum ConsumeResult
{
    Added,

    /// <summary>An exclusive consumer is there, or others are and this one wanted to be alone.</summary>
    ExclusiveUse,
}

/// <param name="Message">What was got, or null: the queue was empty.</param>
/// <param name="Remaining">Ready messages left.</param>
internal readonly record struct GetResult(Message? Message, long Position, bool Redelivered, int Remaining);

/// <param name="Gone">The queue is being deleted; its name may be declared anew.</param>
internal readonly record struct QueueStatus(int ReadyCount, int ConsumerCount, bool Gone);

internal enum DeleteOutcome
{
    Deleted,
    InUse,
    NotEmpty,
    Gone,
}

/// <param name="MessageCount">Ready messages that went with the queue.</param>
internal readonly record struct DeleteResult(DeleteOutcome Outcome, int MessageCount);
