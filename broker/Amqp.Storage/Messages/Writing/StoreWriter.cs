using System.Diagnostics;
using Amqp.Core.Metrics;
using Amqp.Core.Records;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Messages.Merging;
using Amqp.Storage.Messages.Recovering;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Messages.Writing;

/// <summary>
/// What the store's thread does: takes a group of requests, writes what of them has to be written, flushes once, and tells
/// those that wait. While it flushes the next group gathers: the flush is the window of the batch, and no timer is needed.
/// What one flush is not for stays in line until the next group was taken, which may say that it is settled by now.
/// <para>
/// On a full disk messages wait in line and are written when there is room; settlements go on in what room is left, and
/// without any, too: what they settle needs no record when its segment goes.
/// </para>
/// </summary>
/// <param name="counters">Of what it does.</param>
/// <param name="keysFrom">See <see cref="Positions.KeysFrom"/>.</param>
internal sealed partial class StoreWriter(ISegmentEngine engine, StoreState state, Damages damages, StoreCounters counters, long keysFrom, Action prepareReserve)
{
    /// <summary>A blob is appended and flushed when it has grown to this: so that no request waits long for its group.</summary>
    private const int BlobBytes = 4 << 20;

    /// <summary>The part of the last segment of a full disk that only settlements get: one in so many.</summary>
    private const int SettleReserveShare = 32;

    private readonly PendingRecords _pending = new();
    private readonly Settlements _settlements = new();
    private readonly Settlements _settledTogether = new();
    private readonly Settlements _delivered = new();
    private readonly Queue<(QueueIndex Queue, long Ticket, long End)> _tickets = new();
    private readonly List<QueueIndex> _toTell = [];
    private readonly Queue<(long End, Action Done)> _done = new();
    private readonly BlobBuilder _blob = new(engine, state);
    private readonly Merge _merge = new(engine, state, damages);
    private long _lastKey = keysFrom;
    private long _firstUnflushed;
    private bool _needsFlush;
    private bool _isLineLeft;
    private bool _gaveBack;
    private int _mergesLeft;

    /// <summary>There is no room on the disk beyond the current segment.</summary>
    public bool IsFull { get; private set; }

    /// <summary>Something is left to do that needs no request: to write what waits in line, or there may be more to merge, for as often
    /// as there were segments.</summary>
    public bool HasWork => _isLineLeft || ((_merge.IsUnderWay || (_gaveBack && _mergesLeft > 0)) && !IsFull);

    private int SettleReserve => (int)((state.Segments.Current?.Capacity ?? 0) / SettleReserveShare);

    /// <summary>Works off a group.</summary>
    public void Process(StoreGroup group)
    {
        if (group.Requests.Count > 0)
        {
            _mergesLeft = state.Segments.Count;
            lock (state.Lock) Take(group);
        }
        Write();
    }

    /// <summary>Writes what one flush is for, gives dead segments back, and merges a little.</summary>
    public void Write()
    {
        if (engine.HasReserve) IsFull = false;
        _isLineLeft = WriteMessages() && _pending.Count > 0;
        WriteSettlements();
        Finish();
        if (_merge.TryStep(_blob, size => TryMakeRoom(size, entries: 1, left: SettleReserve))) Finish();
        _gaveBack = DropDead();
        if (_gaveBack) _mergesLeft--;
    }

    /// <summary>Nothing comes any more: writes what waits, and that the end was in order.</summary>
    public void Close()
    {
        do Write();
        while (_isLineLeft);
        foreach (var queue in state.Queues.Values.Where(queue => queue.Listener is null)) NoteAllDelivered(queue);
        // Only now, because a segment goes when its messages are settled, whatever it says of deliveries.
        _delivered.WriteTo(_blob.Delivered, IsKnown, size => TryMakeRoom(size, entries: 1, left: 0));
        if (state.Segments.Current is null || !TryMakeRoom(RecordHeader.Size, entries: 1, left: 0)) return;
        _blob.Closed();
        Finish();
        engine.TrySeal(state.Segments.Current.Id, _blob.Footer);
    }

    /// <summary>Behind everything that was committed; what is closed was not told of its last commits then, and does not want to know.</summary>
    private void Close(in StoreRequest request)
    {
        var (id, done) = (request.Queue, request.Done!);
        _done.Enqueue((_pending.End, () =>
        {
            lock (state.Lock)
            {
                if (state.Queues.TryGetValue(id, out var queue)) GiveUp(queue);
            }
            done();
        }));
    }

    private void GiveUp(QueueIndex queue)
    {
        queue.Listener = null;
        foreach (var (key, location) in queue.All().Where(message => message.Location.IsPage).ToList())
        {
            queue.Take(key);
            state.Drop(location);
        }
    }

    /// <summary>A queue that is not open can't say which of its messages were handed out before, and what earlier lives said may be gone.</summary>
    private void NoteAllDelivered(QueueIndex queue)
    {
        foreach (var (key, _) in queue.All()) _delivered.Add(queue, segment: 0, new PositionRun(key, 1));
    }

    /// <summary>A copy of the current segment's footer as it is; from any thread that holds the state's lock.</summary>
    public byte[] CurrentFooter() => _blob.Footer.ToArray();

    /// <summary>The reserve could not be prepared.</summary>
    public void ReserveIsMissing() => IsFull = !engine.HasReserve;

    /// <summary>Writes messages in line up to what one flush is for. False: nothing was in line, or there is no room.</summary>
    private bool WriteMessages()
    {
        var any = false;
        while (_pending.Count > 0 && _blob.Length < BlobBytes)
        {
            ref var pending = ref _pending.Peek();
            var lines = 1 + (pending.Transaction?.Messages ?? 0);
            if (!pending.IsCancelled && !TryWrite(ref pending)) break;
            any = true;
            for (; lines > 0; lines--) _pending.RemoveFirst();
        }
        return any;
    }

    private bool TryWrite(ref PendingRecord pending)
    {
        if (pending.Transaction is { } transaction) return TryWriteTransaction(transaction);
        if (pending.Type == RecordType.Change) return TryWriteChange(pending.Queue!, pending.Key);
        // So that none is ever found without the settlement of the one that was at its position before.
        if (Positions.IsKey(pending.Key) && !TryWriteSettlements()) return false;
        var message = pending.Message!;
        // A shared body needs a record besides the message's own.
        if (!TryMakeRoom(RecordBuffer.SizeOf(message) + RecordBuffer.SharedSize, entries: 2, left: SettleReserve)) return false;
        _blob.Enqueue(pending.Type, pending.Queue!, pending.Key, pending.Attributes, message);
        return true;
    }

    private bool TryWriteChange(QueueIndex queue, long key)
    {
        if (!queue.TryFindChange(key, out var change) || !change.IsPending) return true; // its message has left
        if (!TryMakeRoom(RecordBuffer.ChangeSize, entries: 1, left: SettleReserve)) return false;
        lock (state.Lock) queue.SetChange(key, change with { IsPending = false });
        _blob.Change(queue, key, change.Attributes);
        return true;
    }

    /// <summary>What a transaction settles counts as settled only here, when nothing but the write itself can come between.</summary>
    private bool TryWriteTransaction(PendingTransaction transaction)
    {
        if (!TryMakeRoom(transaction.Bytes, transaction.Entries, left: SettleReserve)) return false;
        if (transaction.HasKeys && !TryWriteSettlements()) return false;
        // What it settles may be in the blob that is being made, and has no location before that is appended.
        if (transaction.SettlesPending()) Append();
        var settlements = transaction.CountSettlements();
        if (settlements == 0 && IsCancelled(transaction)) return true;
        if (!TryMakeRoom(checked(transaction.Bytes + (settlements * RecordBuffer.SettleOneSizeMax)), transaction.Entries + settlements, left: SettleReserve)) return false;
        _blob.BeginTransaction(transaction.Bytes + (settlements * RecordBuffer.SettleOneSizeMax));
        for (var number = _pending.First + 1; number <= _pending.First + transaction.Messages; number++)
        {
            ref var message = ref _pending[number];
            if (!message.IsCancelled) _blob.Enqueue(message.Type, message.Queue!, message.Key, message.Attributes, message.Message!);
        }
        lock (state.Lock) transaction.Settle(state, _settledTogether);
        _settledTogether.WriteTo(_blob.Settle, static (_, _) => true, static _ => true);
        _blob.EndTransaction();
        return true;
    }

    private bool IsCancelled(PendingTransaction transaction)
    {
        for (var number = _pending.First + 1; number <= _pending.First + transaction.Messages; number++)
            if (!_pending[number].IsCancelled) return false;
        return true;
    }

    /// <summary>What waits of settlements is in the blob or in one before. False: there is no room for all of them.</summary>
    private bool TryWriteSettlements()
    {
        if (!_settlements.IsEmpty) WriteSettlements();
        return _settlements.IsEmpty;
    }

    private void WriteSettlements() => _settlements.WriteTo(_blob.Settle, IsSettlementNeeded, size => TryMakeRoom(size, entries: 1, left: 0));

    private static bool IsKnown(QueueIndex queue, int segment) => !queue.IsRemoved;

    private bool IsSettlementNeeded(QueueIndex queue, int segment) => !queue.IsRemoved && state.Segments.Contains(segment);

    /// <summary>Sees to it that the current segment takes that much more, if need be by beginning another. False: there is no room.</summary>
    private bool TryMakeRoom(int size, int entries, int left)
    {
        if (_blob.HasRoom(size, entries, engine.HasReserve ? 0 : left)) return true;
        if (IsFull && !engine.HasReserve) return false;
        Append();
        var roomAtLeast = size + ((long)entries * FooterWriter.EntryBytesMax) + (4 * engine.BlobOverheadMax);
        if (!engine.TryRoll(checked((int)roomAtLeast), _blob.Footer))
        {
            IsFull = true;
            return false;
        }
        var begun = engine.Segments[^1];
        lock (state.Lock)
        {
            state.Segments.Current = state.Segments.Add(checked((int)begun.Id.Number), begun.Bytes);
            _blob.BeginSegment();
        }
        state.Segments.MayHaveDead = true;
        prepareReserve();
        return true;
    }

    private void Append()
    {
        if (_blob.IsEmpty) return;
        _needsFlush |= _blob.NeedsFlush;
        var (startedAt, bytes) = (Stopwatch.GetTimestamp(), _blob.Length);
        _blob.Append();
        counters.Writes.Add(Stopwatch.GetElapsedTime(startedAt), bytes);
    }

    private void Flush()
    {
        _needsFlush = false;
        var startedAt = Stopwatch.GetTimestamp();
        engine.Flush();
        var took = Stopwatch.GetElapsedTime(startedAt);
        counters.Flushes.Add(took, bytes: 0);
        counters.FlushSeconds.Add(took.TotalSeconds);
        var messages = _pending.First - _firstUnflushed;
        _firstUnflushed = _pending.First;
        counters.GroupMessages.Add(messages);
        counters.MessagesWritten.Add(messages);
    }

    /// <summary>Appends, flushes, and tells those whose records are on the disk.</summary>
    private void Finish()
    {
        Append();
        if (_needsFlush) Flush();
        while (_tickets.TryPeek(out var ticket) && ticket.End <= _pending.First)
        {
            _tickets.Dequeue();
            if (ticket.Queue.CompletedTicket == 0) _toTell.Add(ticket.Queue);
            ticket.Queue.CompletedTicket = ticket.Ticket;
        }
        foreach (var queue in _toTell)
        {
            var ticket = queue.CompletedTicket;
            queue.CompletedTicket = 0;
            if (!queue.IsRemoved) queue.Listener?.Committed(ticket);
        }
        _toTell.Clear();
        // Only now: a queue that is closed by one of these may be opened again at once, and its new listener knows nothing of old tickets.
        while (_done.TryPeek(out var waiting) && waiting.End <= _pending.First) _done.Dequeue().Done();
    }

    /// <summary>True: something was given back.</summary>
    private bool DropDead()
    {
        if (!state.Segments.MayHaveDead) return false;
        var any = false;
        // One that is being read is looked at again.
        state.Segments.MayHaveDead = state.Segments.All.Any(segment => segment.IsPinned);
        while (TakeDead() is { } dead)
        {
            engine.Drop(dead.Id);
            _merge.Dropped(dead);
            any = true;
        }
        return any;
    }

    /// <summary>From here on the segment is not found any more, so no read in it can begin.</summary>
    private SegmentUse? TakeDead()
    {
        lock (state.Lock)
        {
            var dead = state.Segments.FindDead(_merge.Victim);
            if (dead is not null) state.Segments.Remove(dead);
            return dead;
        }
    }
}
