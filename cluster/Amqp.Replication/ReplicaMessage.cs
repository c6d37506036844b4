using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Replication;

/// <summary>
/// What the copies of a queue say to each other. Any of these may be lost, late, doubled or overtaken by others.
/// <code>
/// Join      to the leader:  I follow you from here on, in a session of this number
/// Feed      to the mirror:  place 1, 2, 3 ... of your session: what is there, part by part, and what happens meanwhile
/// Want      to the leader:  I lack these messages
/// Taken     to the leader:  everything up to this place is on my disk
/// Refuse    to the mirror:  I do not serve this session: join again
/// </code>
/// </summary>
/// <param name="Epoch">Of the leader that this is from or for.</param>
/// <param name="Session">Which of the mirror's attempts to follow this belongs to; the mirror numbers them, and no two have the same number.</param>
public abstract record ReplicaMessage(uint Epoch, long Session);

/// <summary>A mirror wants to follow from the start: whatever was in its session before is over.</summary>
public sealed record Join(uint Epoch, long Session, Member Mirror) : ReplicaMessage(Epoch, Session);

/// <summary>A mirror has everything up to a place of its session on its disk.</summary>
/// <param name="Place">Of the last item.</param>
/// <param name="IsComplete">And it lacks nothing that the leader had by then.</param>
/// <param name="Lacking">Messages that it was told of and does not have yet.</param>
public sealed record Taken(uint Epoch, long Session, long Place, bool IsComplete, int Lacking) : ReplicaMessage(Epoch, Session);

/// <summary>A mirror lacks messages that the leader has.</summary>
/// <param name="Number">Of its questions, from 1 on; one at a time is open.</param>
/// <param name="Positions">Ascending.</param>
public sealed record Want(uint Epoch, long Session, long Number, long[] Positions) : ReplicaMessage(Epoch, Session);

/// <summary>The leader does not serve this session.</summary>
public sealed record Refuse(uint Epoch, long Session) : ReplicaMessage(Epoch, Session);

/// <summary>One item for a mirror.</summary>
/// <param name="Place">Counts from 1 in the session: what comes out of turn is not taken.</param>
public sealed record Feed(uint Epoch, long Session, long Place, FeedItem Item) : ReplicaMessage(Epoch, Session);

/// <summary>What a leader tells a mirror, in this order.</summary>
/// <param name="Number">Of the leader's last batch by then.</param>
/// <param name="Bytes">What it takes in memory, about.</param>
public abstract record FeedItem(long Number, long Bytes);

/// <summary>What happened in the queue: the operations of one step of the leader.</summary>
/// <param name="Marks">Which publishes are in it.</param>
/// <param name="IsTogether">A transaction is in it: the disk of a mirror is to have all of it or nothing.</param>
public sealed record Batch(long Number, StoreRecord[] Records, ProducerMark[] Marks, bool IsTogether, long Bytes) : FeedItem(Number, Bytes);

/// <summary>All that is in the queue from one position to before another, without the messages themselves.</summary>
/// <param name="Live">Ascending.</param>
/// <param name="Last">With the last part: what else there is.</param>
public sealed record Part(long Number, long From, long End, LiveMessage[] Live, LastPart? Last) : FeedItem(Number, Live.Length * LiveBytes)
{
    private const long LiveBytes = 48;
}

/// <param name="Producers">Which publishes are in the queue.</param>
/// <param name="Ends">See <see cref="QueueConfiguration.Ends"/>.</param>
public sealed record LastPart(ProducerMark[] Producers, EpochEnd[] Ends);

/// <summary>The answer to a <see cref="Want"/>, or a part of it: the parts come in order.</summary>
/// <param name="Want">Its number.</param>
/// <param name="End">Of the positions that were asked for, those below this one are answered by now.</param>
/// <param name="Records">Of these, the messages that are still in the queue, as they entered it and as they changed.</param>
public sealed record Fill(long Number, long Want, long End, StoreRecord[] Records, long Bytes) : FeedItem(Number, Bytes);
