using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Records;

namespace Amqp.Core.Queues;

/// <content>
/// Which bodies are in memory: all of them until <see cref="Evict"/> is called. Then, by position:
/// <code>
///    unacked           window, for the consumers      evicted        fresh
/// . u . B . u . | B  B  B  B  (being read)  (being read) | .  .  .  .  .  .  . | B  B  B
///               _next                                 _readEnd            _trimmedTo       End
/// </code>
/// The consumers eat the window from the left, <see cref="ReadAhead"/> extends it to the right; what is published behind a
/// backlog is evicted as soon as the store has it, and is given to the store for that if it does not have to have it.
/// </content>
public sealed partial class QueueState
{
    /// <summary>Messages that are kept, or read, ahead of the consumers.</summary>
    private const int WindowMessages = 1024;

    private const int FewMessages = 8;

    /// <summary>Bytes of messages that are on their way to the store only to make room. Each lot waits for one answer of the store:
    /// with 1 MiB a fast publisher outruns it twice as far.</summary>
    private const long PageOutBytes = 8_388_608;

    private const int ReadsInFlightMax = 2;

    /// <summary>Bodies that are looked at for eviction at a time: a millisecond of work or so.</summary>
    private const int LookedAtMax = 16_384;

    /// <summary>What an unacked message takes besides the rest: its slot in the table of unacked messages, and its tag in the channel.</summary>
    private const int UnackedBytes = 64;

    /// <summary>Value of <see cref="_readEnd"/> while no ready message from <see cref="_next"/> on has been evicted.</summary>
    private const long NoEnd = long.MaxValue;

    private readonly List<long> _paging = [];
    private readonly List<long> _reading = [];
    private readonly List<long> _lookedAt = [];

    // Ready messages from _next to here are in memory or being read; how many those are, and how large.
    private long _readEnd = NoEnd;
    private int _aheadCount;
    private long _aheadBytes;
    private int _readsInFlight;

    // Returned messages up to here have been read, so they are not evicted again.
    private long _returnedReadTo = -1;

    // Up to here everything that can be evicted has been: in the run, and of what consumers hold.
    private long _trimmedTo;
    private long _heldTrimmedTo;

    private long _writtenEnd;

    /// <summary>Bytes of messages in memory, ready and unacked.</summary>
    public long BodyBytes => _log.BodyBytes;

    /// <summary>What the queue adds to the memory in use: its messages as far as they are not counted with another queue that has
    /// them too, and what it knows of each.</summary>
    public long MemoryBytes => _log.MemoryBytes + ((long)UnackedBytes * _unacked.Count);

    /// <summary>Messages of which only the entry is in memory.</summary>
    public int AbsentCount => _log.Count - _log.BodyCount;

    /// <summary>Takes over what the store kept of the queue. Before anything else.</summary>
    public void Restore(RecoveredQueue recovered)
    {
        foreach (var (position, size, bodySize, attributes, redelivered) in recovered.Messages)
        {
            var flags = EntryFlags.Persistent | EntryFlags.Stored | EntryFlags.Written;
            // What ended while the broker was down ended long ago on the queue's clock, but not at 0, which is never.
            _log.Restore(
                position,
                size,
                bodySize,
                attributes.ExpiresAt == 0 ? 0 : Math.Max(1, attributes.ExpiresAt - WallClockAheadMs),
                redelivered ? flags | EntryFlags.Redelivered : flags);
            CountReady(1, _log[position].BodySize);
        }
        _log.SkipTo(recovered.NextPosition);
        _readEnd = 0;
    }

    /// <summary>The queue is no more: other queues that have its messages have them alone from here on.</summary>
    /// <returns>What stays of <see cref="MemoryBytes"/>: those queues will take it off.</returns>
    public long ReleaseAll() => _log.ReleaseAll();

    /// <summary>Every enqueue record of a position below this one is durable.</summary>
    public void Written(long end) => _writtenEnd = Math.Max(_writtenEnd, end);

    /// <summary>The messages that <see cref="Evict"/> gave to the store can be read from it.</summary>
    public void PagedOut()
    {
        foreach (var position in _paging)
        {
            if (_log.Contains(position)) _log[position].Set(EntryFlags.Written);
        }
        _paging.Clear();
        if (_paging.Capacity > WindowMessages) _paging.Capacity = 0;
    }

    /// <summary>True from the moment that page records are noted until <see cref="PagedOut"/>.</summary>
    public bool IsPagingOut => _paging.Count > 0;

    /// <summary>Looks at everything again with the next eviction: there was none for a while.</summary>
    public void LookAgain() => (_trimmedTo, _heldTrimmedTo) = (0, 0);

    /// <summary>
    /// Memory is tight: a queue with a backlog keeps what its consumers get next and evicts what the store has. Of the rest,
    /// it gives some to the store, so that it can evict that later. A queue that is read as fast as it is filled pays nothing.
    /// </summary>
    /// <param name="keptBytes">What it may keep for its consumers, and as much again that they hold.</param>
    /// <returns>True: there is more to be evicted, and this should be called again soon.</returns>
    public bool Evict(long keptBytes)
    {
        if (_log.BodyBytes <= 2 * keptBytes) return false;
        if (_readEnd == NoEnd) (_readEnd, _aheadCount, _aheadBytes) = (_next, 0, 0);
        RefillWindow(keptBytes, atLeastOne: _consumers.Count > 0);
        var pageRoom = IsPagingOut ? 0 : PageOutBytes;
        var looks = LookedAtMax;
        _heldTrimmedTo = EvictBetween(_heldTrimmedTo, _next - KeptCount(keptBytes), ref pageRoom, ref looks, KeptCount(keptBytes));
        _trimmedTo = EvictBetween(Math.Max(_trimmedTo, _readEnd), _log.End, ref pageRoom, ref looks, keptReturned: 0);
        return looks == 0;
    }

    /// <summary>
    /// Asks the store for what consumers will get next, before they have used up what is in memory, so that they wait for a
    /// window now and then and never message by message.
    /// </summary>
    /// <param name="windowBytes">How much to have in memory ahead of the consumers; at least one message.</param>
    /// <param name="isGetWaiting">A basic.get waits for the head.</param>
    public void ReadAhead(long windowBytes, bool isGetWaiting)
    {
        if (AbsentCount == 0 || _readsInFlight == ReadsInFlightMax) return;
        if (!(isGetWaiting || _consumers.Count > 0) || !TryPeek(out var head)) return;
        var isHeadAsleep = _log.BodyOf(head) is null && !_log[head].Is(EntryFlags.Loading);
        if (isHeadAsleep && head < _next) LookAtReturned(windowBytes);
        else if (isHeadAsleep) (_readEnd, _aheadCount, _aheadBytes) = (_next, 0, 0);

        if (_readEnd != NoEnd)
        {
            RefillWindow(windowBytes, atLeastOne: true);
            if (_readEnd >= _log.End) _readEnd = NoEnd;
        }
        if (_reading.Count == 0) return;
        _reading.Sort(); // a message that returned may have been noted after younger ones
        effects.Read([.. _reading]);
        _readsInFlight++;
        _reading.Clear();
    }

    /// <summary>The answer to a read.</summary>
    /// <returns>How many messages turned out to be damaged; they are no part of the queue any more.</returns>
    public int Loaded(ReadOnlySpan<long> positions, ReadOnlySpan<Message?> messages, long now)
    {
        _readsInFlight--;
        var damaged = 0;
        for (var index = 0; index < positions.Length; index++)
        {
            var position = positions[index];
            if (!_log.Contains(position)) continue; // purged, expired
            _log[position].Unset(EntryFlags.Loading);
            if (messages[index] is { } message) _log.SetBody(position, message);
            else
            {
                damaged++;
                // Of the returned ones its position stays behind, and is passed over when its turn comes.
                if (position >= _next) LeaveRun(position);
                CountReady(-1, -_log[position].BodySize);
                Remove(position, RemovalReason.Damaged);
            }
        }
        DeliverReady(now);
        return damaged;
    }

    /// <summary>Notes which of the ready messages were handed out before, for a store that is about to be closed in order.</summary>
    public void RecordDelivered()
    {
        for (var position = 0L; (position = _log.Next(position, Looking.ForReady)) < _log.End; position++)
        {
            if (_log[position].Is(EntryFlags.Redelivered) && _log[position].Is(EntryFlags.Persistent))
                effects.Record(StoreRecord.Delivered(id, position));
        }
    }

    /// <summary>Evicts the bodies in a range, up to the first one that is still on its way to the store, or as many as may be looked
    /// at; returns where that is.</summary>
    private long EvictBetween(long from, long end, ref long pageRoom, ref int looks, int keptReturned)
    {
        var firstPaged = NoEnd;
        var position = from;
        for (; looks > 0 && (position = _log.Next(position, Looking.ForBody)) < end; position++, looks--)
        {
            ref var entry = ref _log[position];
            if (entry.Slot == MessageHolder.None)
            {
                if (position < _next && (_returned.Count <= keptReturned || position <= _returnedReadTo)) continue;
            }
            else if (_unacked.HolderOf(entry.Slot) is TransactionPart) continue; // what it tells the store of it is settled

            if (IsWritten(position, entry)) _log.DropBody(position);
            else if (entry.Is(EntryFlags.Stored) || pageRoom <= 0) break;
            else
            {
                effects.Record(StoreRecord.Page(id, position, _log.BodyOf(position)!));
                entry.Set(EntryFlags.Stored);
                _paging.Add(position);
                pageRoom -= entry.Size;
                firstPaged = Math.Min(firstPaged, position);
            }
        }
        return Math.Max(from, Math.Min(firstPaged, Math.Min(position, end)));
    }

    private bool IsWritten(long position, in MessageLog.Entry entry) => entry.Is(EntryFlags.Written)
        || (entry.Is(EntryFlags.Stored) && entry.Is(EntryFlags.Persistent) && position < _writtenEnd);

    /// <summary>How many messages of this queue's size take that many bytes.</summary>
    private int KeptCount(long bytes) => (int)Math.Min(WindowMessages, bytes * _log.BodyCount / Math.Max(1, _log.BodyBytes));

    /// <summary>When half of the window is used up, moves <see cref="_readEnd"/> on until it is full, noting what has to be read.</summary>
    private void RefillWindow(long bytes, bool atLeastOne)
    {
        // Of very large messages the window holds a few, and is not to run empty for half of one.
        if (_aheadCount >= FewMessages && (_aheadCount >= WindowMessages / 2 || _aheadBytes >= bytes / 2)) return;
        _readEnd = Math.Max(_readEnd, _next);
        while ((_aheadCount == 0 && atLeastOne) || (_aheadCount < WindowMessages && _aheadBytes < bytes))
        {
            _readEnd = _log.Next(_readEnd, Looking.ForReady);
            if (_readEnd == _log.End || (!atLeastOne && _aheadBytes + _log[_readEnd].Size > bytes)) return;
            NoteIfAbsent(_readEnd);
            _aheadCount++;
            _aheadBytes += _log[_readEnd].Size;
            _readEnd++;
        }
    }

    /// <summary>Notes what has to be read of the first returned messages.</summary>
    private void LookAtReturned(long windowBytes)
    {
        var bytes = 0L;
        while (_lookedAt.Count < WindowMessages && (_lookedAt.Count == 0 || bytes < windowBytes) && _returned.TryDequeue(out var position, out _))
        {
            if (!_log.Contains(position)) continue;
            _lookedAt.Add(position);
            bytes += _log[position].Size;
            NoteIfAbsent(position);
            _returnedReadTo = position;
        }
        foreach (var position in _lookedAt) _returned.Enqueue(position, position);
        _lookedAt.Clear();
    }

    private void NoteIfAbsent(long position)
    {
        if (_log[position].Is(EntryFlags.Loading) || _log.BodyOf(position) is not null) return;
        _log[position].Set(EntryFlags.Loading);
        _reading.Add(position);
    }

    private void EnterRun(long position, int size)
    {
        if (_readEnd == NoEnd || position >= _readEnd) return;
        _aheadCount++;
        _aheadBytes += size;
    }

    private void LeaveRun(long position)
    {
        if (_readEnd == NoEnd || position >= _readEnd) return;
        _aheadCount--;
        _aheadBytes -= _log[position].Size;
    }
}
