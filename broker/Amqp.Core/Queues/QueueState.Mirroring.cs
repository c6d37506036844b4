using Amqp.Core.Messages;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Core.Queues;

/// <content>
/// Mirrors. A queue that is mirrored tells what happens to each of its messages, whether the store hears of it or not; a mirror does the same, message by message,
/// and decides nothing. It has what its leader has; no consumer and no transaction holds anything of it, only delays do:
/// <code>
/// leader: ready, unacked, set aside, waiting as dead letter, in transit  -->  mirror: ready
///         waits until it is due                                          -->          waits until it is due, and for ever while it is a mirror
///         published by a transaction that is not committed               -->          not there
/// </code>
/// A mirror may get messages in any order, and one that it had once more: its next leader may not know that it was settled.
/// </content>
public sealed partial class QueueState
{
    // Messages whose records came after some of higher positions, until they are durable, and how many such records there were with each: the last of each position, and all in order.
    private readonly Dictionary<long, long> _late = [];
    private readonly Queue<(long Position, long Number)> _lateInOrder = new();

    // Positions that were left out for the sake of an epoch.
    private (long From, long To) _skipped;

    // A mirror: what it has is none of its affair, whatever is configured or answered.
    private bool _follows;

    /// <summary>The queue's number.</summary>
    public QueueId Id => _id;

    /// <summary>Above the position of every message that ever entered. It is the <see cref="End"/>, unless nothing has since the queue leads in its epoch.</summary>
    public long MessagesEnd => _log.End == _skipped.To ? _skipped.From : _log.End;

    /// <summary>What happens goes into <see cref="QueueEffects.Stream"/>.</summary>
    public bool IsMirrored { get; set; }

    /// <summary>If not, consumers get nothing: another node is about to lead, or may lead already. <see cref="DeliverReturned"/> follows when they may again.</summary>
    public bool HandsOut { get; set; } = true;

    /// <summary>A mirror does what its leader did.</summary>
    /// <param name="record">Enqueue, Settle or Change. What it says of messages that are not here, or of one that enters and is, was heard before.</param>
    public void Replay(in StoreRecord record, long now)
    {
        _follows = true;
        switch (record.Type)
        {
            case RecordType.Enqueue:
                if (!_log.Contains(record.Position)) Enter(record, now);
                break;
            case RecordType.Settle:
                var end = Math.Min(record.Position + record.Count, _log.End);
                for (var position = record.Position; (position = _log.Next(position, Looking.ForAny)) < end; position++)
                {
                    TakeOut(position);
                    Forget(position);
                }
                SweepDelayed();
                break;
            case RecordType.Change:
                if (_log.Contains(record.Position)) Change(record, now);
                break;
            default:
                throw new InvalidOperationException($"a mirror is told of {record.Type}");
        }
    }

    /// <summary>What follows until the records are taken is to be on the disk as a whole or not at all.</summary>
    public void KeepTogether() => _effects.KeepsTogether = true;

    /// <summary>Tells what is in the queue, in the order of positions, so that a mirror can be compared with its leader.</summary>
    /// <param name="from">No message below this position.</param>
    /// <param name="countMax">So many at most.</param>
    /// <param name="into">They are appended to it.</param>
    /// <returns>Where to go on; the <see cref="End"/> or above when that was all.</returns>
    public long Describe(long from, int countMax, List<LiveMessage> into, long now)
    {
        var position = NextLive(from);
        for (; countMax > 0 && position < _log.End; position = NextLive(position + 1), countMax--) into.Add(new LiveMessage(position, AttributesAt(position, now)));
        return Math.Max(from, position);
    }

    /// <summary>A message is in the queue at that position; one that a transaction publishes is when that is committed.</summary>
    public bool Contains(long position) => _log.Contains(position) && !IsBeingPublished(position);

    /// <summary>The message at that position, if it is there and in memory.</summary>
    public Message? MessageAt(long position) => Contains(position) ? _log.BodyOf(position) : null;

    /// <summary>Bytes of the message at that position; 0: there is none.</summary>
    public int SizeAt(long position) => Contains(position) ? _log[position].Size : 0;

    /// <summary>What the records say of the message at that position, which is there.</summary>
    public MessageAttributes AttributesAt(long position, long now)
    {
        ref var entry = ref _log[position];
        var readyAt = _retries.TryGetValue(position, out var due) && due > now ? OnWallClock(due) : 0;
        return new MessageAttributes(OnWallClock(entry.ExpiresAt), entry.Priority, entry.DeliveryCount, readyAt);
    }

    /// <summary>A mirror leads from now on: it decides, and gives positions.</summary>
    /// <param name="epoch">Of the positions of new messages.</param>
    /// <param name="mayHaveBeenHandedOut">The leader before may have given any message to a consumer.</param>
    public void Lead(uint epoch, bool mayHaveBeenHandedOut, long now)
    {
        _follows = false;
        _skipped = (MessagesEnd, Positions.First(epoch));
        _log.SkipTo(_skipped.To);
        for (var position = 0L; mayHaveBeenHandedOut && (position = _log.Next(position, Looking.ForAny)) < _log.End; position++) _log[position].Set(EntryFlags.Redelivered);
        LineUp();
        ReleaseDue(now);
        DeliverReturned(now);
    }

    /// <summary>
    /// A leader is a mirror from now on. Consumers and dead letters hold nothing any more; what a transaction was to publish was never there. What is heard of all that
    /// later, as an answer to what was decided before, means nothing; reads are still to be answered.
    /// </summary>
    public void Follow()
    {
        _follows = true;
        foreach (var consumer in _consumers.All.ToArray())
        {
            RemoveConsumer(consumer);
            _effects.TurnAway(consumer);
        }
        _groups?.Clear();
        _setAsideBytes = 0;
        _waiting.Clear();
        _inTransit.Clear();
        _inTransitBytes = 0;
        _passing?.Clear();
        _ready.Clear();
        LookAgain();
        for (var position = 0L; (position = _log.Next(position, Looking.ForAny)) < _log.End; position++) GiveUp(position);
    }

    /// <summary>Nothing holds it any more, but its delay.</summary>
    private void GiveUp(long position)
    {
        ref var entry = ref _log[position];
        if (IsDelayed(position)) return;
        if (entry.Slot != MessageHolder.None)
        {
            var holder = _unacked.HolderOf(entry.Slot);
            var wasThere = !IsBeingPublished(position);
            LetGo(position);
            if (holder is TransactionPart part) part.IsPrepared = false;
            if (!wasThere)
            {
                _log.Remove(position);
                return;
            }
            if (holder is QueueConsumer consumer) consumer.Leave(1);
            if (holder is not DeadLetterHolder && holder != _groups?.Holder) entry.Set(EntryFlags.Redelivered);
        }
        Place(position, readyAt: 0, now: 0);
    }

    private void Enter(in StoreRecord record, long now)
    {
        var (position, message) = (record.Position, record.Message!);
        var isStored = IsStored(message, record.Attributes.Priority);
        var isLate = isStored && position < _effects.EnqueuedEnd;
        var flags = isStored ? EntryFlags.Persistent | EntryFlags.Stored : EntryFlags.None;
        Put(position, message, message.Size, message.BodySize, record.Attributes, isLate ? flags | EntryFlags.Late : flags, now);
        if (_seen is not null) LearnKey(position, message);
        // It is looked at for eviction, wherever it is.
        (_trimmedTo, _heldTrimmedTo) = (Math.Min(_trimmedTo, position), Math.Min(_heldTrimmedTo, position));
        if (isStored) _effects.Record(record);
        if (!isLate) return;
        _late[position] = _effects.LateCount;
        _lateInOrder.Enqueue((position, _effects.LateCount));
    }

    private void Change(in StoreRecord record, long now)
    {
        var (position, attributes) = (record.Position, record.Attributes);
        var waits = IsDelayed(position) || OnQueueClock(attributes.ReadyAt) > now;
        if (waits) TakeOut(position);
        ref var entry = ref _log[position];
        entry.ExpiresAt = OnQueueClock(attributes.ExpiresAt);
        _log.ChangeDeliveryCount(ref entry, attributes.DeliveryCount);
        if (attributes.DeliveryCount > 0) entry.Set(EntryFlags.Redelivered);
        if (waits) Place(position, attributes.ReadyAt, now);
        if (entry.Is(EntryFlags.Stored) && entry.Is(EntryFlags.Persistent)) _effects.Record(record);
        SweepDelayed();
    }

    /// <summary>A message of a mirror leaves its place.</summary>
    private void TakeOut(long position)
    {
        if (_log[position].Slot == MessageHolder.None) _ready.Lose(position);
        else LetGo(position);
    }

    private void WrittenLate(long count)
    {
        while (_lateInOrder.TryPeek(out var first) && first.Number <= count)
        {
            var (position, number) = _lateInOrder.Dequeue();
            // It may have come once more since.
            if (_late.GetValueOrDefault(position) != number) continue;
            _late.Remove(position);
            if (!_log.Contains(position)) continue;
            _log[position].Unset(EntryFlags.Late);
            _log[position].Set(EntryFlags.Written);
        }
    }

    private long NextLive(long from)
    {
        var position = Math.Max(0, from);
        while ((position = _log.Next(position, Looking.ForAny)) < _log.End && IsBeingPublished(position)) position++;
        return position;
    }

    private bool IsBeingPublished(long position) =>
        _log[position].Slot is not MessageHolder.None and var slot && _unacked.HolderOf(slot) is TransactionPart part && part.HasPublished(position);

    /// <summary>A message has entered the queue.</summary>
    private void TellEnqueue(long position, Message message, bool isStored)
    {
        ref var entry = ref _log[position];
        var record = EnqueueOf(position, message);
        if (isStored)
        {
            entry.Set(EntryFlags.Stored);
            _effects.Record(record);
        }
        if (!IsMirrored) return;
        entry.Unset(EntryFlags.Untold);
        _effects.Tell(record);
    }

    private StoreRecord EnqueueOf(long position, Message message) => StoreRecord.Enqueue(_id, position, message, OnWallClock(_log[position].ExpiresAt), _log[position].Priority);

    /// <summary>The store is to have it, and not only to make room in memory.</summary>
    private bool IsStored(Message message, byte priority) => IsPersistent(message) && !(IsKey(priority) && Settings.KeysInMemory);
}
