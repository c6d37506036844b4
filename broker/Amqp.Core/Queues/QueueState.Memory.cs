using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Records;

namespace Amqp.Core.Queues;

/// <content>
/// Which bodies are in memory: all of them until <see cref="Evict"/> is called. Then those that consumers get next (see
/// <see cref="ReadWindow"/>) and some that they hold; what is published behind a backlog is evicted as soon as the store has it, and is given
/// to the store for that if it does not have to have it.
/// </content>
public sealed partial class QueueState
{
    /// <summary>Bytes of messages that are on their way to the store only to make room. Each lot waits for one answer of the store:
    /// with 1 MiB a fast publisher outruns it twice as far.</summary>
    private const long PageOutBytes = 8_388_608;

    /// <summary>Bodies that are looked at for eviction at a time: a millisecond of work or so.</summary>
    private const int LookedAtMax = 16_384;

    /// <summary>What an unacked message takes besides the rest: its slot in the table of unacked messages, and its tag in the channel.</summary>
    private const int UnackedBytes = 64;

    private readonly List<long> _paging = [];

    // Up to here everything that can be evicted has been: in the run, and of what consumers hold.
    private long _trimmedTo;
    private long _heldTrimmedTo;

    private long _writtenEnd;

    /// <summary>Bytes of messages in memory, ready and unacked.</summary>
    public long BodyBytes => _log.BodyBytes;

    /// <summary>What the queue adds to the memory in use: its messages as far as they are not counted with another queue that has
    /// them too, and what it knows of each.</summary>
    public long MemoryBytes => _log.MemoryBytes + ((long)UnackedBytes * _unacked.Count)
        + ((long)DeduplicationIndex.EntryBytes * (_seen?.Count ?? 0)) + ((long)MessageGroups.EntryBytes * (_groups?.EntryCount ?? 0));

    /// <summary>Messages of which only the entry is in memory.</summary>
    public int AbsentCount => _log.Count - _log.BodyCount;

    /// <summary>Takes over what the store kept of the queue. Before anything else.</summary>
    /// <param name="now">On the queue's clock.</param>
    public void Restore(RecoveredQueue recovered, long now)
    {
        foreach (var (position, size, bodySize, attributes, redelivered) in recovered.Messages)
        {
            var flags = EntryFlags.Persistent | EntryFlags.Stored | EntryFlags.Written;
            Put(position, message: null, size, bodySize, attributes, redelivered ? flags | EntryFlags.Redelivered : flags, now);
        }
        LineUp();
        LoseKeys();
        _log.SkipTo(recovered.NextPosition);
        _ready.OpenWindows(bytes: 0, atLeastOne: false);
    }

    /// <summary>A message that is known from records comes into the queue.</summary>
    /// <param name="message">Null: it stays in the store for now.</param>
    private void Put(long position, Message? message, int size, int bodySize, in MessageAttributes attributes, EntryFlags flags, long now)
    {
        if (attributes.DeliveryCount > 0) flags |= EntryFlags.Redelivered;
        _log.Insert(position, size, bodySize, OnQueueClock(attributes.ExpiresAt), flags, Math.Min(attributes.Priority, _maxPriority), attributes.DeliveryCount);
        if (message is not null) _log.SetBody(position, message);
        Place(position, attributes.ReadyAt, now);
    }

    /// <summary>A message without a holder waits where it has to: until it is due, to go on from its exchange, or as all others do.</summary>
    private void Place(long position, long readyAt, long now)
    {
        ref var entry = ref _log[position];
        var due = HoldsDelays ? entry.ExpiresAt : OnQueueClock(readyAt);
        if (HoldsDelays || due > now) Delay(position, due);
        else if (RemembersKeys && !IsKey(entry.Priority)) entry.Slot = _unacked.Add(_deadLetterHolder, position); // see LineUp
        else
        {
            entry.Slot = MessageHolder.None;
            _ready.Insert(position, entry.Priority, entry.BodySize);
            return;
        }
        if (_log.BodyOf(position) is null) _unackedAbsent++;
    }

    /// <summary>What ended while the broker was down ended long ago on the queue's clock, but not at 0, which is never.</summary>
    private long OnQueueClock(long at)
    {
        if (at == 0) return 0;
        var own = at - WallClockAheadMs;
        return own == 0 ? 1 : own;
    }

    /// <summary>The queue is no more: other queues that have its messages have them alone from here on.</summary>
    /// <returns>What stays of <see cref="MemoryBytes"/>: those queues will take it off.</returns>
    public long ReleaseAll() => _log.ReleaseAll();

    /// <summary>Every enqueue record of a position below this one is durable, as <see cref="QueueEffects.EnqueuedEnd"/> was when they were handed over.</summary>
    /// <param name="lateCount">So many of those that were late as well: see <see cref="QueueEffects.LateCount"/>. Until it is told of them their messages stay
    /// in memory.</param>
    public void Written(long end, long lateCount = 0)
    {
        _writtenEnd = Math.Max(_writtenEnd, end);
        if (_late.Count > 0) WrittenLate(lateCount);
    }

    /// <summary>The messages that <see cref="Evict"/> gave to the store can be read from it.</summary>
    public void PagedOut()
    {
        foreach (var position in _paging)
        {
            // On a mirror another message may be there by now, or this one once more, which was not paged out.
            if (_log.Contains(position) && _log[position].Is(EntryFlags.Stored) && !_log[position].Is(EntryFlags.Persistent)) _log[position].Set(EntryFlags.Written);
        }
        _paging.Clear();
        if (_paging.Capacity > ReadWindow.MessagesMax) _paging.Capacity = 0;
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
        _ready.OpenWindows(keptBytes, atLeastOne: _consumers.Count > 0);
        var pageRoom = IsPagingOut ? 0 : PageOutBytes;
        var looks = LookedAtMax;
        var kept = KeptCount(keptBytes);
        if (_ready.Only is { } level && _role == QueueRole.ForClients)
        {
            _heldTrimmedTo = EvictBetween(_heldTrimmedTo, level.RunStart - kept, ref pageRoom, ref looks, kept);
            _trimmedTo = EvictBetween(Math.Max(_trimmedTo, level.Window.End), _log.End, ref pageRoom, ref looks, keptReturned: 0);
        }
        else
        {
            // What is held, what is next and what is behind it stand anywhere.
            _heldTrimmedTo = _trimmedTo = EvictBetween(Math.Min(_heldTrimmedTo, _trimmedTo), _log.End, ref pageRoom, ref looks, kept);
        }
        return looks == 0;
    }

    /// <summary>Asks the store for what consumers will get next.</summary>
    /// <param name="windowBytes">How much to have in memory ahead of the consumers; at least one message.</param>
    /// <param name="isGetWaiting">A basic.get waits for the head.</param>
    public void ReadAhead(long windowBytes, bool isGetWaiting)
    {
        if (AbsentCount == 0 || !(isGetWaiting || _consumers.Count > 0)) return;
        if (_ready.TryRead(windowBytes) is { } positions) _effects.Read(positions);
    }

    /// <summary>The answer to a read.</summary>
    /// <returns>How many messages turned out to be damaged; they are no part of the queue any more.</returns>
    public int Loaded(ReadOnlySpan<long> positions, ReadOnlySpan<Message?> messages, long now)
    {
        _ready.ReadAnswered();
        var damaged = 0;
        for (var index = 0; index < positions.Length; index++)
        {
            var position = positions[index];
            if (!_log.Contains(position)) continue; // purged, expired
            ref var entry = ref _log[position];
            if (!entry.Is(EntryFlags.Loading)) continue; // a mirror lost it and got it again
            entry.Unset(EntryFlags.Loading);
            var isDeadLetter = entry.Slot != MessageHolder.None; // it has expired meanwhile
            if (messages[index] is { } message)
            {
                if (isDeadLetter && _log.BodyOf(position) is null) _unackedAbsent--;
                _log.SetBody(position, message);
                continue;
            }
            damaged++;
            if (isDeadLetter)
            {
                ForgetHeld(position);
                continue;
            }
            _ready.Lose(position);
            Remove(position, RemovalReason.Damaged);
        }
        DeliverReady(now);
        return damaged;
    }

    /// <summary>Notes which of the ready messages were handed out before, for a store that is about to be closed in order.</summary>
    public void RecordDelivered()
    {
        PutBackAll();
        for (var position = 0L; (position = _log.Next(position, Looking.ForAny)) < _log.End; position++)
        {
            ref var entry = ref _log[position];
            if (entry.Slot == MessageHolder.None && entry.Is(EntryFlags.Redelivered) && entry.Is(EntryFlags.Persistent))
                _effects.Record(StoreRecord.Delivered(_id, position));
        }
    }

    /// <summary>Evicts the bodies in a range, up to the first one that is still on its way to the store, or as many as may be looked
    /// at; returns where that is.</summary>
    private long EvictBetween(long from, long end, ref long pageRoom, ref int looks, int keptReturned)
    {
        var firstPaged = long.MaxValue;
        var position = from;
        for (; looks > 0 && (position = _log.Next(position, Looking.ForBody)) < end; position++, looks--)
        {
            ref var entry = ref _log[position];
            if (entry.Slot == MessageHolder.None)
            {
                if (IsNext(position, _ready.LevelOf(entry.Priority), keptReturned)) continue;
            }
            else if (_unacked.HolderOf(entry.Slot) is TransactionPart) continue; // what it tells the store of it is settled

            if (IsWritten(position, entry))
            {
                _log.DropBody(position);
                if (entry.Slot != MessageHolder.None) _unackedAbsent++;
            }
            else if (entry.Is(EntryFlags.Stored) || pageRoom <= 0) break;
            else
            {
                _effects.Record(StoreRecord.Page(_id, position, _log.BodyOf(position)!));
                entry.Set(EntryFlags.Stored);
                _paging.Add(position);
                pageRoom -= entry.Size;
                firstPaged = Math.Min(firstPaged, position);
            }
        }
        return Math.Max(from, Math.Min(firstPaged, Math.Min(position, end)));
    }

    /// <summary>A ready message that consumers get soon.</summary>
    private static bool IsNext(long position, ReadyLevel level, int keptReturned) => position < level.RunStart
        ? level.ReturnedCount <= keptReturned || position <= level.Window.ReturnedReadTo
        : level.Window.Keeps(position);

    private bool IsWritten(long position, in MessageLog.Entry entry) => entry.Is(EntryFlags.Written)
        || (entry.Is(EntryFlags.Stored) && entry.Is(EntryFlags.Persistent) && position < _writtenEnd && !entry.Is(EntryFlags.Late));

    /// <summary>How many messages of this queue's size take that many bytes.</summary>
    private int KeptCount(long bytes) => (int)Math.Min(ReadWindow.MessagesMax, bytes * _log.BodyCount / Math.Max(1, _log.BodyBytes));
}
