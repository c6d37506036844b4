using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

internal enum EdgeMailKind : byte
{
    /// <summary>Something is wanted of a queue.</summary>
    Operation,

    /// <summary>The leader has sent lines.</summary>
    Lines,

    /// <summary>The leader has sent what cannot be read.</summary>
    Unreadable,

    CanSend,
    CannotSend,
    CanHear,
    CannotHear,

    /// <summary>A queue was deleted.</summary>
    Closed,

    /// <summary>A mirrored queue is used on another way.</summary>
    Left,

    Tick,
    Stop,
}

/// <summary>A line in the mailbox of a <see cref="LeaderLink"/>.</summary>
/// <param name="Subject">Lines that came, or why they cannot be read.</param>
/// <param name="Session">Of these.</param>
internal readonly record struct EdgeMail(EdgeMailKind Kind, RemoteQueue? Queue = null, QueueOperation Operation = default, object? Subject = null, long Session = 0);

/// <summary>A question that the leader has not answered.</summary>
/// <param name="Holder">What is to have the message that is asked for, or the consumer that goes.</param>
internal readonly record struct Question(RemoteQueue Queue, QueueOperation Operation, RemoteHolder? Holder);

/// <summary>A message that the leader has not said anything about. It is kept whole, so that it could be sent again.</summary>
/// <param name="Number">What the publisher calls it.</param>
internal readonly record struct UnansweredPublish(Core.Ports.IPublisher Publisher, long Number, RemoteQueue Queue, Core.Messages.Message Message);

/// <summary>Credit that the leader has not given back.</summary>
internal readonly record struct UnreturnedCredit(Core.Ports.IPublishCredit Credit, long Bytes);

/// <summary>A transaction's part in a queue that the leader has.</summary>
internal sealed class RemotePart(long number, TransactionPart part, RemoteQueue queue, Core.Ports.ITransaction transaction)
{
    public long Number => number;

    public TransactionPart Part => part;

    public RemoteQueue Queue => queue;

    /// <summary>Waits for its preparation; null: it was told.</summary>
    public Core.Ports.ITransaction? Transaction { get; set; } = transaction;

    /// <summary>Waits for its commit.</summary>
    public Core.Ports.IReply<bool>? Reply { get; set; }
}
