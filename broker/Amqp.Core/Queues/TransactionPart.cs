using Amqp.Core.Messages;
using Amqp.Core.Records;

namespace Amqp.Core.Queues;

/// <summary>
/// What one transaction does in one queue. From its preparation to its end it holds the messages concerned, as a consumer
/// would: those it publishes and those it settles, so that nothing else sees them and either outcome is still possible.
/// <para>The transaction's channel fills it; from <see cref="QueueState.Prepare"/> on it belongs to the queue's actor.</para>
/// </summary>
public sealed class TransactionPart : MessageHolder
{
    /// <summary>Messages that enter the queue, in order.</summary>
    public List<Message> Publishes { get; } = [];

    /// <summary>Messages that were handed out and are to be settled. After preparation only those that the part has got hold of.</summary>
    public List<HeldMessage> Settlements { get; } = [];

    /// <summary>Messages that it concerns.</summary>
    public int Count => Publishes.Count + Settlements.Count;

    /// <summary>What must be durable before the part may be committed; filled by preparation. Empty for a mirrored queue, which tells its disk and its mirrors
    /// at the same time, when the part is committed.</summary>
    public List<StoreRecord> Records { get; } = [];

    /// <summary>The record of the message at this position has to be durable, too, before the transaction is committed: one of its messages is a duplicate of
    /// that. <see cref="QueueState.NotStored"/>: there is none.</summary>
    public long AwaitedPosition { get; internal set; } = QueueState.NotStored;

    /// <summary>What it does is safe only when the queue has answered the commit: it is mirrored, or led by another node, and its records are not among those that this node stores
    /// for the transaction. Set by preparation.</summary>
    public bool AnswersCommit { get; set; }

    /// <summary>The queue holds what it concerns, and waits for its end.</summary>
    internal bool IsPrepared { get; set; }

    /// <summary>What it publishes has its place in the queue already; if not, the queue is mirrored, and takes it when the part is committed.</summary>
    internal bool HasPlaces { get; set; }

    /// <summary>Position of the first published message, if they have places; the others follow it.</summary>
    internal long FirstPosition { get; set; }

    /// <summary>The message at that position is one of those published.</summary>
    internal bool HasPublished(long position) => HasPlaces && position >= FirstPosition && position - FirstPosition < Publishes.Count;
}

/// <summary>A message with a holder, and what is to become of it.</summary>
/// <param name="Holder">Who has it.</param>
/// <param name="Position">Its place in its queue.</param>
/// <param name="Settlement">What becomes of it.</param>
public readonly record struct HeldMessage(MessageHolder Holder, long Position, Settlement Settlement)
{
    /// <summary>The transaction's records tell the store that it leaves.</summary>
    internal bool IsRecorded { get; init; }
}
