using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Topology;

namespace Amqp.Core.Queues;

/// <summary>What is wanted of a queue; see the methods of <see cref="QueueOperation"/>.</summary>
public enum QueueOperationKind : byte
{
    // These are many, and brief.
    Publish,
    Credit,
    Settle,

    // And the others.
    Release,
    AddConsumer,
    RemoveConsumer,
    Resume,
    Get,
    Purge,
    Status,
    Browse,
    Cancel,
    Delete,
    Prepare,
    CommitPart,
    GiveHistory,
    AbortPart,

    // What the queue's own node tells it: the clock, the store, the memory, an operator.
    Tick,
    Committed,
    Loaded,
    Evict,
    Configure,
    DeadLettered,
    DeadLetterRefused,
    DeadLettersRead,
    Browsed,
    Removed,
    Index,
    Replicate,
    Tend,
    Stop,
}

/// <summary>One operation on a queue: a line in its mailbox. A struct, so that a message on its way costs no object of its own here.</summary>
public readonly struct QueueOperation
{
    public QueueOperationKind Kind { get; private init; }

    /// <summary>The message (or messages), consumer, holder or part of a transaction that this is about.</summary>
    public object? Subject { get; private init; }

    /// <summary>Where the answer goes, or null when nothing waits. For a publish the <see cref="IPublisher"/>, for
    /// what was loaded its positions.</summary>
    public object? ReplyTo { get; private init; }

    /// <summary>Position of the message; for a publish its number with the publisher, for a commit its ticket,
    /// for credit the bytes.</summary>
    public long Position { get; private init; }

    public DeleteConditions Conditions { get; private init; }

    public Settlement Settlement { get; private init; }

    /// <summary>Of a publish: it was sent to another leader before, which has perhaps given it to a consumer.</summary>
    public bool MayHaveBeenHandedOut { get; private init; }

    /// <summary>Users of the queue want it, and not its own node.</summary>
    public bool IsOfUsers => Kind <= QueueOperationKind.AbortPart;

    /// <summary>Messages leave their holder. Settlements in a row are all applied before anything is handed out again.</summary>
    public bool IsSettlement => Kind is QueueOperationKind.Settle or QueueOperationKind.Release;

    /// <summary>Messages come back to be handed out again.</summary>
    public bool ReturnsMessages => Kind == QueueOperationKind.Release || (Kind == QueueOperationKind.Settle && Settlement is Settlement.Requeue or Settlement.Abandon);

    /// <summary>A message arrives.</summary>
    /// <param name="publisher">Told what became of it, or null.</param>
    /// <param name="number">The message's number there.</param>
    /// <param name="mayHaveBeenHandedOut">See <see cref="MayHaveBeenHandedOut"/>.</param>
    public static QueueOperation Publish(Message message, IPublisher? publisher, long number, bool mayHaveBeenHandedOut = false) =>
        new() { Kind = QueueOperationKind.Publish, Subject = message, ReplyTo = publisher, Position = number, MayHaveBeenHandedOut = mayHaveBeenHandedOut };

    /// <summary>What the publishes before it, posted with it, have taken of their connection's credit.</summary>
    public static QueueOperation Credit(IPublishCredit credit, long bytes) =>
        new() { Kind = QueueOperationKind.Credit, Subject = credit, Position = bytes };

    /// <summary>A message leaves its holder.</summary>
    public static QueueOperation Settle(Settlement settlement, MessageHolder holder, long position) =>
        new() { Kind = QueueOperationKind.Settle, Settlement = settlement, Subject = holder, Position = position };

    /// <summary>Everything the holder has and has not settled returns to its place; a consumer is removed as well.</summary>
    public static QueueOperation Release(MessageHolder holder) => new() { Kind = QueueOperationKind.Release, Subject = holder };

    /// <summary>A consumer comes; it is told itself when it is added, before its first delivery.</summary>
    public static QueueOperation AddConsumer(QueueConsumer consumer, IReply<ConsumeResult> reply) =>
        new() { Kind = QueueOperationKind.AddConsumer, Subject = consumer, ReplyTo = reply };

    /// <summary>A consumer goes. The answer is the number of messages that it still holds.</summary>
    public static QueueOperation RemoveConsumer(QueueConsumer consumer, IReply<int> reply) =>
        new() { Kind = QueueOperationKind.RemoveConsumer, Subject = consumer, ReplyTo = reply };

    /// <summary>The room that the consumer refused is there.</summary>
    public static QueueOperation Resume(QueueConsumer consumer) => new() { Kind = QueueOperationKind.Resume, Subject = consumer };

    /// <summary>The first ready message is wanted.</summary>
    /// <param name="holder">Has it until it is settled; null when it counts as settled at once.</param>
    public static QueueOperation Get(MessageHolder? holder, IReply<GetResult> reply) =>
        new() { Kind = QueueOperationKind.Get, Subject = holder, ReplyTo = reply };

    /// <summary>Drops the ready messages; the answer is how many.</summary>
    public static QueueOperation Purge(IReply<int> reply) => new() { Kind = QueueOperationKind.Purge, ReplyTo = reply };

    /// <summary>What a declare of it tells; a use of the queue.</summary>
    public static QueueOperation Status(IReply<QueueStatus> reply) => new() { Kind = QueueOperationKind.Status, ReplyTo = reply };

    /// <summary>Looks for a part of the queue; the answer is that part.</summary>
    public static QueueOperation Browse(BrowsedPart part, IReply<BrowsedPart> reply) =>
        new() { Kind = QueueOperationKind.Browse, Subject = part, ReplyTo = reply };

    /// <summary>Takes out a message that waits for its time; the answer is false if none does at that position.</summary>
    public static QueueOperation Cancel(long position, IReply<bool> reply) =>
        new() { Kind = QueueOperationKind.Cancel, Position = position, ReplyTo = reply };

    /// <summary>Deletes the queue.</summary>
    /// <param name="user">Who wants it; null: the broker itself.</param>
    public static QueueOperation Delete(DeleteConditions conditions, IReply<DeleteResult>? reply, string? user = null) =>
        new() { Kind = QueueOperationKind.Delete, Conditions = conditions, ReplyTo = reply, Subject = user };

    /// <summary>The queue takes hold of everything that the part concerns, and tells the transaction.</summary>
    public static QueueOperation Prepare(TransactionPart part, ITransaction transaction) =>
        new() { Kind = QueueOperationKind.Prepare, Subject = part, ReplyTo = transaction };

    /// <summary>The queue is not there any more: another node, or what it belonged to, took it away.</summary>
    public static QueueOperation Removed => new() { Kind = QueueOperationKind.Removed };

    /// <summary>The transaction is durable, as far as this node's store makes it so.</summary>
    /// <param name="reply">When the part is safe, if that <see cref="TransactionPart.AnswersCommit"/>.</param>
    public static QueueOperation CommitPart(TransactionPart part, IReply<bool>? reply) => new() { Kind = QueueOperationKind.CommitPart, Subject = part, ReplyTo = reply };

    /// <summary>Another queue refused: a prepared part is undone.</summary>
    public static QueueOperation AbortPart(TransactionPart part) => new() { Kind = QueueOperationKind.AbortPart, Subject = part };

    /// <summary>See <see cref="IStoreListener.Committed"/>.</summary>
    public static QueueOperation Committed(long ticket) => new() { Kind = QueueOperationKind.Committed, Position = ticket };

    /// <summary>See <see cref="IMessageReader.Loaded"/>.</summary>
    public static QueueOperation Loaded(long[] positions, Message?[] messages) =>
        new() { Kind = QueueOperationKind.Loaded, Subject = messages, ReplyTo = positions };

    /// <summary>Memory has become tight.</summary>
    public static QueueOperation Evict => new() { Kind = QueueOperationKind.Evict };

    /// <summary>A policy has changed what the queue goes by.</summary>
    public static QueueOperation Configure(QueueSettings settings) => new() { Kind = QueueOperationKind.Configure, Subject = settings };

    /// <summary>Dead letters are where they go.</summary>
    public static QueueOperation DeadLettered(long[] positions) => new() { Kind = QueueOperationKind.DeadLettered, Subject = positions };

    /// <summary>A queue could not take a dead letter.</summary>
    public static QueueOperation DeadLetterRefused(long position, IQueueEndpoint target) =>
        new() { Kind = QueueOperationKind.DeadLetterRefused, Position = position, Subject = target };

    /// <summary>See <see cref="IMessageReader.Loaded"/>, of messages that are to be dead-lettered.</summary>
    public static QueueOperation DeadLettersRead(long[] positions, Message?[] messages) =>
        new() { Kind = QueueOperationKind.DeadLettersRead, Subject = messages, ReplyTo = positions };

    /// <summary>See <see cref="IMessageReader.Loaded"/>, of messages that are looked at.</summary>
    /// <param name="browsing">Who asked for them, and has them.</param>
    public static QueueOperation Browsed(IMessageReader browsing) => new() { Kind = QueueOperationKind.Browsed, Subject = browsing };

    /// <summary>What is here is given to a destination as well: it was bound to the exchange that keeps its last messages here.</summary>
    public static QueueOperation GiveHistory(Destination destination) => new() { Kind = QueueOperationKind.GiveHistory, Subject = destination };

    /// <summary>The store can be read: the queue learns the keys of its messages.</summary>
    public static QueueOperation Index => new() { Kind = QueueOperationKind.Index };

    /// <summary>Something concerns the copy of the queue on this node.</summary>
    public static QueueOperation Replicate(IReplicaEvent what) => new() { Kind = QueueOperationKind.Replicate, Subject = what };

    /// <summary>Nothing but what follows every operation: there is more to evict than was done at once.</summary>
    public static QueueOperation Tend => new() { Kind = QueueOperationKind.Tend };

    /// <summary>The node stops in order; nothing is handed out any more.</summary>
    /// <param name="stopped">Called when the store has been told all that it has to know.</param>
    public static QueueOperation Stop(Action stopped) => new() { Kind = QueueOperationKind.Stop, ReplyTo = stopped };

    /// <summary>Something is due by the clock.</summary>
    public static QueueOperation Tick => new() { Kind = QueueOperationKind.Tick };
}
