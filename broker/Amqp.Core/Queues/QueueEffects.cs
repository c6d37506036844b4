using System.Runtime.InteropServices;
using Amqp.Core.Messages;
using Amqp.Core.Records;

namespace Amqp.Core.Queues;

/// <summary>A message that a queue hands to a consumer.</summary>
/// <param name="Consumer">Who gets it.</param>
/// <param name="Position">Its name within the queue, to settle it by.</param>
/// <param name="Message">What to send.</param>
/// <param name="Redelivered">It was handed out before.</param>
public readonly record struct Delivery(QueueConsumer Consumer, long Position, Message Message, bool Redelivered);

/// <summary>
/// What the operations on a queue led to, in order: filled by <see cref="QueueState"/>, carried out and cleared by the
/// queue's actor after each drain of its mailbox, so that one list serves for ever.
/// </summary>
/// <param name="recordsFull">Called when many records have come together, of <see cref="QueueEffects.Records"/> or <see cref="QueueEffects.Stream"/>: a purge
/// may settle ten million messages. It is to take both, and clear them.</param>
/// <param name="recordsMax">Records that are held before they are to be taken.</param>
public sealed class QueueEffects(Action? recordsFull = null, int recordsMax = 4_096)
{
    /// <summary>Bytes of messages in the stream before it is to be taken: it is sent to mirrors as one piece, and what other queues send to them has its turn in between.</summary>
    private const long StreamBytesMax = 1 << 20;

    private readonly BatchList<Delivery> _deliveries = new();
    private readonly BatchList<StoreRecord> _records = new();
    private readonly BatchList<StoreRecord> _stream = new();
    private readonly List<long[]> _reads = [];
    private readonly BatchList<DeadLetter> _deadLetters = new();
    private readonly List<(BrowsedPart Part, long[] Absent)> _browsedParts = [];
    private readonly List<QueueConsumer> _turnedAway = [];
    private long _streamBytes;

    public ReadOnlySpan<Delivery> Deliveries => _deliveries.Items;

    /// <summary>What the store is told. Before anything else hears of what is in it.</summary>
    public ReadOnlySpan<StoreRecord> Records => _records.Items;

    /// <summary>What the mirrors of the queue are told; before anything else hears of what is in it, too.</summary>
    public ReadOnlySpan<StoreRecord> Stream => _stream.Items;

    /// <summary>What is in the records and in the stream is to be on a disk as a whole or not at all: a transaction is in it. They are not taken before all of it is there, and it ends when
    /// they are cleared.</summary>
    public bool KeepsTogether { get; set; }

    /// <summary>Many records have come together, and are to be taken.</summary>
    public bool AreMany => (_records.Count >= recordsMax || _stream.Count >= recordsMax || _streamBytes >= StreamBytesMax) && !KeepsTogether;

    /// <summary>Some of the records are of messages that enter.</summary>
    public bool HoldsEnqueues { get; private set; }

    /// <summary>Some of the records are of messages that are paged out.</summary>
    public bool HoldsPages { get; private set; }

    /// <summary>Above the position of every message whose enqueue was recorded.</summary>
    public long EnqueuedEnd { get; private set; }

    /// <summary>So many enqueues were recorded, ever, after one of a higher position: what is said of <see cref="EnqueuedEnd"/> says nothing of them.</summary>
    public long LateCount { get; private set; }

    /// <summary>Positions whose messages the store is asked for.</summary>
    public ReadOnlySpan<long[]> Reads => CollectionsMarshal.AsSpan(_reads);

    /// <summary>What is to be published to the dead-letter exchange.</summary>
    public ReadOnlySpan<DeadLetter> DeadLetters => _deadLetters.Items;

    /// <summary>Positions whose messages the store is asked for, to be dead-lettered; one such read at a time is under way.</summary>
    public long[]? DeadLetterRead { get; private set; }

    /// <summary>Parts of the queue that consumers look at, and positions in them whose messages the store is asked for.</summary>
    public ReadOnlySpan<(BrowsedPart Part, long[] Absent)> BrowsedParts => CollectionsMarshal.AsSpan(_browsedParts);

    /// <summary>Consumers that are to turn to the next leader.</summary>
    public ReadOnlySpan<QueueConsumer> TurnedAway => CollectionsMarshal.AsSpan(_turnedAway);

    public void TurnAway(QueueConsumer consumer) => _turnedAway.Add(consumer);

    public void ClearTurnedAway() => _turnedAway.Clear();

    public void Browse(BrowsedPart part, long[] absent) => _browsedParts.Add((part, absent));

    public void DeadLetter(in DeadLetter letter) => _deadLetters.Add(letter);

    public void ReadDeadLetters(long[] positions) => DeadLetterRead = positions;

    public void Deliver(in Delivery delivery) => _deliveries.Add(delivery);

    public void Record(in StoreRecord record)
    {
        if (record.Type == RecordType.Page) HoldsPages = true;
        if (record.Type == RecordType.Enqueue)
        {
            HoldsEnqueues = true;
            if (record.Position < EnqueuedEnd) LateCount++;
            else EnqueuedEnd = record.Position + 1;
        }
        Add(_records, record);
    }

    /// <summary>The mirrors hear of it.</summary>
    public void Tell(in StoreRecord record)
    {
        _streamBytes += record.Message?.Size ?? 0;
        Add(_stream, record);
    }

    private void Add(BatchList<StoreRecord> records, in StoreRecord record)
    {
        if (record.Type == RecordType.Settle && TryExtendLast(records, record)) return;
        records.Add(record);
        if (AreMany) recordsFull?.Invoke();
    }

    /// <summary>Settlements of messages in a row are one record: consumers mostly settle in order.</summary>
    private static bool TryExtendLast(BatchList<StoreRecord> records, in StoreRecord settle)
    {
        if (records.Count == 0) return false;
        ref readonly var last = ref records.Items[^1];
        if (last.Type != RecordType.Settle || last.Position + last.Count != settle.Position) return false;
        records.ReplaceLast(last with { Count = last.Count + settle.Count });
        return true;
    }

    public void Read(long[] positions) => _reads.Add(positions);

    public void ClearRecords()
    {
        KeepsTogether = false;
        if (_records.Count == 0) return;
        _records.Clear();
        HoldsEnqueues = HoldsPages = false;
    }

    public void ClearStream()
    {
        _stream.Clear();
        _streamBytes = 0;
    }

    public void ClearDeadLetters() => _deadLetters.Clear();

    public void ClearDeliveries() => _deliveries.Clear();

    public void Clear()
    {
        ClearDeadLetters();
        DeadLetterRead = null;
        ClearDeliveries();
        _reads.Clear();
        _browsedParts.Clear();
        ClearTurnedAway();
        ClearRecords();
        ClearStream();
    }
}
