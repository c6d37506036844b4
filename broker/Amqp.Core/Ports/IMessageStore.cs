using Amqp.Core.Messages;
using Amqp.Core.Metrics;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Core.Ports;

/// <summary>
/// Where messages survive the process, and where those go that memory has no room for. Queues hand over records and never
/// wait; what came of them is told to the queue's <see cref="IStoreListener"/>.
/// <para>
/// Order of calls: <see cref="Open"/> for the queues that are known by then, which is quickest so; <see cref="Start"/> once; then anything,
/// <see cref="Open"/> too. What belongs to a queue is there until its <see cref="Forget"/>, whether anything opens it or not.
/// A write or flush that fails is fatal and never tried again: the store reports it to its maker, and answers nothing
/// any more. A full disk is no failure: see <see cref="Start"/>.
/// </para>
/// </summary>
public interface IMessageStore
{
    /// <summary>What it did so far.</summary>
    StoreCounters Counters { get; }

    /// <summary>
    /// Begins to keep a queue's messages; from any thread, before anything else about this queue. After <see cref="Start"/> it may take
    /// seconds, if the store has messages of the queue: the indexes of all segments are read for it.
    /// </summary>
    /// <param name="listener">Told what came of its commits.</param>
    /// <returns>What the store has of the queue, or null when it knows nothing of it.</returns>
    RecoveredQueue? Open(QueueId queue, IStoreListener listener);

    /// <summary>The queue is given up for now: its messages stay, except those that were only paged out, and it can be opened again.</summary>
    /// <param name="closed">Called when all that was committed is durable and the listener will not be called any more, on a thread of
    /// the store. It must neither block nor throw.</param>
    void Close(QueueId queue, Action closed);

    /// <summary>The queue is deleted, and all it had, open or not; nothing is told to its listener any more, or once more at most. Its id
    /// never comes back.</summary>
    void Forget(QueueId queue);

    /// <summary>Queues that the store has messages of and that are not open, and how many.</summary>
    IReadOnlyList<(QueueId Queue, int Messages)> NotOpen();

    /// <summary>
    /// The store begins to write.
    /// </summary>
    /// <param name="fullChanged">Called with true when there is no room on the disk for more messages, and publishers should be held
    /// back; with false when there is again. What was committed meanwhile waits in memory and is written then. On a thread of the
    /// store; it must neither block nor throw.</param>
    void Start(Action<bool> fullChanged);

    /// <summary>
    /// Takes records of one queue; from any thread, without blocking. Those of a queue are written in the order of the calls.
    /// Whether a settled message was written or not is the store's affair: one that was not never will be.
    /// </summary>
    /// <param name="ticket">Above 0: <see cref="IStoreListener.Committed"/> is called with it, or with a later one, when every message
    /// in these records and those before is durable (pages: readable) or settled. Tickets of a queue grow. 0: no call is needed.</param>
    /// <param name="isTogether">After a crash all of the messages and settlements in these records are found, or none: what a transaction does in one queue. It is one record on
    /// the disk, for which all of it is collected in memory once more; what it settles keeps its space until it is written, and on a full disk that waits in line with messages;
    /// and damage in it costs all of it. Messages in it that are settled before it is written are not written, as ever. What else is among the records gets in line behind
    /// it, for itself.</param>
    void Commit(QueueId queue, ReadOnlySpan<StoreRecord> records, long ticket, bool isTogether = false);

    /// <summary>Takes records of any number of queues that become durable together or not at all.</summary>
    /// <param name="records">Enqueues and settlements. The array is the store's from here on.</param>
    /// <param name="committed">Called when they are durable, on a thread of the store. It must neither block nor throw.</param>
    void CommitTransaction(StoreRecord[] records, Action committed);

    /// <summary>
    /// Asks for messages that are not settled, and that the store had on opening or has said it committed: by
    /// <see cref="IStoreListener.Committed"/>, or with their transaction. The answer does not wait for what is being committed meanwhile;
    /// there is none when the queue is forgotten.
    /// </summary>
    /// <param name="positions">Ascending. The array is the store's from here on, and comes back with the answer.</param>
    /// <param name="reader">Gets the answer.</param>
    void Read(QueueId queue, long[] positions, IMessageReader reader);

    /// <summary>An id for a body that several queues will store (<see cref="Message.BodyId"/>); from any thread. It is this store's own: a
    /// message that goes to another one gets another there.</summary>
    long NextBodyId();
}

/// <summary>What the store tells a queue of its commits: on a thread of the store, so that it must neither block nor throw.</summary>
public interface IStoreListener
{
    /// <summary>The messages of every commit of the queue up to this ticket are durable.</summary>
    void Committed(long ticket);
}

/// <summary>What reads messages of a queue: the queue for its consumers, or what catches a mirror up. Called on a thread of the store, so that it
/// must neither block nor throw.</summary>
public interface IMessageReader
{
    /// <summary>The answer to a read.</summary>
    /// <param name="positions">What was asked for.</param>
    /// <param name="messages">One for each position. Null: it was settled meanwhile, or else its record is damaged; the store has
    /// reported that, and the message is lost.</param>
    void Loaded(long[] positions, Message?[] messages);
}

/// <summary>What a store has of a queue when it is opened.</summary>
/// <param name="NextPosition">Above every position that the store knows of. What it has forgotten had lower epochs: see
/// <see cref="Positions"/>.</param>
/// <param name="Messages">In the order of their positions. Can be looked at once: at once, and before <see cref="IMessageStore.Start"/> if the
/// queue was opened before it.</param>
public sealed record RecoveredQueue(long NextPosition, IEnumerable<RecoveredMessage> Messages);

/// <param name="Position">Its position in the queue.</param>
/// <param name="Size">As <see cref="Message.Size"/>, or a little more.</param>
/// <param name="BodySize">As <see cref="Message.BodySize"/>.</param>
/// <param name="Attributes">What its record says of it.</param>
/// <param name="Redelivered">It was, or after an unclean end or a <see cref="IMessageStore.Close"/> may have been, handed out before.</param>
public readonly record struct RecoveredMessage(long Position, int Size, int BodySize, MessageAttributes Attributes, bool Redelivered);
