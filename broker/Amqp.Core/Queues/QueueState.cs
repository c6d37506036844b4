using Amqp.Core.Messages;
using Amqp.Core.Metrics;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Core.Queues;

/// <summary>What came of a wish to get a message.</summary>
public enum GetOutcome
{
    Empty,
    Found,

    /// <summary>The first message has to be read first: ask again when it was loaded.</summary>
    NotInMemory,
}

/// <summary>
/// A queue as a function: operations in, effects out. It has no thread, socket or clock; its actor calls it with the time
/// and carries out what it decides. A test needs no broker.
///
/// <para>Every message has a position in the log, and positions only grow. Those without a holder are ready, and leave in their order.</para>
/// </summary>
public sealed partial class QueueState
{
    /// <summary>What <see cref="Publish"/> answers for a message that the store does not get.</summary>
    public const long NotStored = -1;

    /// <summary>What it answers for one that the queue does not take.</summary>
    public const long Refused = -2;

    private readonly QueueId _id;
    private readonly bool _isDurable;
    private readonly QueueEffects _effects;
    private readonly MessageLog _log;
    private readonly ReadyOrder _ready;
    private readonly UnackedTable _unacked = new();
    private readonly ConsumerSet _consumers;
    private readonly byte _maxPriority;
    private readonly QueueRole _role;

    /// <param name="id">The queue's number, for its records.</param>
    /// <param name="epoch">Positions begin with it, see <see cref="Positions"/>.</param>
    /// <param name="isDurable">Its persistent messages are stored.</param>
    /// <param name="settings">At first.</param>
    /// <param name="effects">Where deliveries, records and reads are noted.</param>
    public QueueState(QueueId id, uint epoch, bool isDurable, QueueSettings settings, QueueEffects effects)
    {
        (_id, _isDurable, _effects, Settings) = (id, isDurable, effects, settings);
        _log = new MessageLog(Positions.First(epoch));
        (_maxPriority, _role) = (settings.MaxPriority, settings.Role);
        _ready = new ReadyOrder(_log, _maxPriority);
        _consumers = new ConsumerSet(settings.SingleActiveConsumer, settings.DispatchesToLeastLoaded);
        if (settings.Deduplicates || RemembersKeys) _seen = new DeduplicationIndex(_log);
        if (RemembersKeys) _passing = new PassingKeys();
        if (settings.MessageGroups) _groups = new MessageGroups();
    }

    /// <summary>What the queue goes by; see <see cref="Configure"/>.</summary>
    public QueueSettings Settings
    {
        get;
        private set
        {
            field = value;
            _isLimited = value.IsLimited;
            _countsDeliveries = value.CountsDeliveries;
        }
    }

    /// <summary>What the wall clock, in milliseconds since 1970 UTC, is ahead of the queue's clock. Records live by the wall clock.</summary>
    public long WallClockAheadMs { get; set; }

    public int ReadyCount => _ready.Count + (_groups?.SetAsideCount ?? 0);

    /// <summary>Size of the bodies of the ready messages.</summary>
    public long ReadyBytes => _ready.Bytes + _setAsideBytes;

    public int UnackedCount => _unacked.Count - (_groups?.SetAsideCount ?? 0);

    public int ConsumerCount => _consumers.Count;

    public IReadOnlyList<QueueConsumer> Consumers => _consumers.All;

    /// <summary>What has happened here.</summary>
    public Counters Counters { get; } = new();

    /// <summary>Above the position of every message there was.</summary>
    public long End => _log.End;

    /// <summary>A message arrives.</summary>
    /// <param name="mayHaveBeenHandedOut">It counts as handed out before.</param>
    /// <returns>Its position if the store or mirrors get it, the position of the message that it is a duplicate of while that may be on its way there, or <see cref="NotStored"/>, or <see cref="Refused"/>.</returns>
    public long Publish(Message message, long now, bool mayHaveBeenHandedOut = false)
    {
        var key = default(UInt128?);
        if (_seen is not null && IsDuplicate(message, out var original, out key))
        {
            Trace?.Add(TraceStep.Duplicate, original.Value, message);
            return AnswerOf(original.Value);
        }
        if (_isLimited && !HasRoomFor(1, message.BodySize))
        {
            Counters.Add(Measure.BeyondLength);
            Trace?.Add(TraceStep.Refused, Refused, message);
            if (Settings.Overflow == Overflow.RejectPublishDlx) DeadLetterRefused(message);
            return Refused;
        }
        var expiresAt = ExpiryOf(message, now);
        var persistent = IsPersistent(message);
        var priority = PriorityOf(message);
        var flags = (persistent ? EntryFlags.Persistent : EntryFlags.None) | (IsMirrored ? EntryFlags.Untold : EntryFlags.None) | (mayHaveBeenHandedOut ? EntryFlags.Redelivered : EntryFlags.None);
        var position = _log.Append(message, expiresAt, flags, priority);
        Trace?.Add(TraceStep.Entered, position, message);
        if (!TryHoldBack(position, expiresAt)) _ready.Append(position, priority, message.BodySize);
        if (key is not null) _seen!.Add(key.Value, position);
        Counters.Add(Measure.Published);
        DeliverReady(now);
        // A message with a time to live of 0 is for a consumer that can take it this instant.
        if (expiresAt == now) DropExpired(now + 1);
        if (_isLimited) DropBeyondLength();
        // One that is gone by now was never worth a record.
        if (!(persistent || IsMirrored) || !_log.Contains(position)) return NotStored;
        TellEnqueue(position, message, persistent);
        return position;
    }

    /// <summary>The queue goes by other settings from now on.</summary>
    public void Configure(QueueSettings settings)
    {
        Settings = settings;
        DropBeyondLength();
    }

    /// <summary>The only consumer that gets messages, where there is one (<c>x-single-active-consumer</c>).</summary>
    public QueueConsumer? SingleActiveConsumer => _consumers.SingleActive;

    /// <summary>False: the queue has an exclusive consumer, or this one wants it alone and cannot have it.</summary>
    public bool CanAddConsumer(QueueConsumer consumer) => _consumers.CanAdd(consumer);

    /// <summary>Adds a consumer, which must be one that <see cref="CanAddConsumer"/>.</summary>
    public void AddConsumer(QueueConsumer consumer, long now)
    {
        _consumers.Add(consumer);
        if (consumer.BrowsesFrom is { } from) AddBrowser(consumer, from);
        else if (_groups is not null)
        {
            PutBackAll();
            _groups.ForgetResting();
        }
        DeliverReady(now);
    }

    /// <summary>The consumer gets no more messages; those it has stay with it until they are settled or released. Another one may be active now:
    /// <see cref="DeliverReady"/> or <see cref="DeliverReturned"/> follows.</summary>
    /// <returns>False when it was no consumer here any more.</returns>
    public bool RemoveConsumer(QueueConsumer consumer)
    {
        if (consumer.BrowsesFrom is not null) RemoveBrowser(consumer);
        if (_groups is not null)
        {
            PutBackAll();
            _groups.Forget(consumer);
        }
        return _consumers.Remove(consumer);
    }

    /// <summary>The room that <see cref="QueueConsumer.TryEnter"/> refused is there now.</summary>
    public void Resume(QueueConsumer consumer, long now)
    {
        if (consumer.BrowsesFrom is not null && TryResumeBrowser(consumer, now)) return;
        if (consumer.State == ConsumerState.NoRoom) _consumers.Enter(consumer);
        PutBackFirst(consumer);
        DeliverReady(now);
        // Nothing to hand out, or another consumer's turn: the room goes to others that wait for it.
        if (consumer.State != ConsumerState.NoRoom) consumer.Decline();
    }

    /// <summary>
    /// Settles one message. One that this holder does not have (any more) is ignored: a release may have overtaken it.
    /// <see cref="DeliverReturned"/> is called when all is settled that is settled at once: what comes back together is
    /// handed out in order, whatever the order it was settled in.
    /// </summary>
    public void Settle(MessageHolder holder, long position, Settlement settlement, long now)
    {
        if (IsHeldBy(holder, position)) TakeBack(position, settlement, now);
    }

    /// <summary>The holder is gone: everything it has returns to its place. <see cref="DeliverReturned"/> follows as for <see cref="Settle"/>.</summary>
    public void Release(MessageHolder holder, long now)
    {
        while (_unacked.TryGetAny(holder, out var position)) TakeBack(position, Settlement.Abandon, now);
    }

    /// <summary>Hands out the first ready message to a basic.get.</summary>
    /// <param name="holder">Who holds it until it is settled, or null when it counts as settled at once.</param>
    public GetOutcome TryGet(MessageHolder? holder, long now, out Message? message, out long position, out bool redelivered)
    {
        (message, redelivered) = (null, false);
        DropExpired(now);
        if (!_ready.TryPeek(out position) || IsExpired(_log[position], now))
        {
            Counters.Add(Measure.GetEmpty);
            return GetOutcome.Empty;
        }
        message = _log.BodyOf(position);
        if (message is null) return GetOutcome.NotInMemory;
        redelivered = _log[position].Is(EntryFlags.Redelivered);
        if (redelivered && _countsDeliveries) message = WithDeliveryCount(message, _log[position]);
        Counters.AddHandedOut(holder is null ? Measure.GotAutoAck : Measure.Got, redelivered);
        HandOut(holder, position);
        if (_groups is not null) DeliverReady(now);
        return GetOutcome.Found;
    }

    /// <summary>Drops every ready message; returns how many.</summary>
    public int Purge()
    {
        PutBackAll();
        var count = ReadyCount;
        while (_ready.TryPeek(out var position)) Drop(position, RemovalReason.Purged);
        return count;
    }

    /// <summary>Drops expired messages at the head of the queue. As in RabbitMQ's classic queues, those behind a live one wait.</summary>
    public void DropExpired(long now)
    {
        DropExpiredFirst(now);
        if (_groups is not null) DeliverReady(now);
    }

    private void DropExpiredFirst(long now)
    {
        while (_ready.TryPeek(out var position) && IsExpired(_log[position], now) && !TooManyWait) Drop(position, RemovalReason.Expired);
    }

    /// <summary>The head has expired, and so many messages are ready that dropping all that have may take long.</summary>
    public bool MayDropMany(int many, long now) => ReadyCount > many && NextExpiry < now;

    /// <summary>The last millisecond (on the queue's clock) of the message at the head, or null when it may wait for ever.</summary>
    public long? NextExpiry => !TooManyWait && _ready.TryPeek(out var position) && _log[position].ExpiresAt is not 0 and var expiresAt ? expiresAt : null;

    /// <summary>Goes on when messages have come back: there may be more of them now than there may be.</summary>
    public void DeliverReturned(long now)
    {
        if (_isLimited) DropBeyondLength();
        DeliverReady(now);
    }

    /// <summary>Hands out ready messages for as long as consumers can take them.</summary>
    public void DeliverReady(long now)
    {
        if (!HandsOut) return;
        if (_groups is not null)
        {
            DeliverGroups(_groups, now);
            return;
        }
        while (ReadyCount > 0 && _consumers.TryTakeNext(out var consumer))
        {
            DropExpiredFirst(now);
            // A head that is not in memory is waited for: Loaded goes on here.
            if (!_ready.TryPeek(out var position) || _log.BodyOf(position) is not { } message || (TooManyWait && IsExpired(_log[position], now)))
            {
                _consumers.Enter(consumer);
                return;
            }
            var redelivered = _log[position].Is(EntryFlags.Redelivered);
            if (redelivered && _countsDeliveries) message = WithDeliveryCount(message, _log[position]);
            if (consumer.PrefetchIsFull) consumer.State = ConsumerState.PrefetchFull;
            else if (!consumer.TryEnter(message.Size)) consumer.State = ConsumerState.NoRoom;
            else
            {
                Deliver(consumer, position, message, redelivered);
                _consumers.Enter(consumer);
            }
        }
    }

    /// <summary>Gives the first ready message to a consumer that has made room for it.</summary>
    private void Deliver(QueueConsumer consumer, long position, Message message, bool redelivered)
    {
        _effects.Deliver(new Delivery(consumer, position, message, redelivered));
        Counters.AddHandedOut(consumer.AutoAck ? Measure.DeliveredAutoAck : Measure.Delivered, redelivered);
        HandOut(consumer.AutoAck ? null : consumer, position);
    }

    /// <summary>The first ready message goes to its holder; to none, and it counts as acknowledged.</summary>
    private void HandOut(MessageHolder? holder, long position)
    {
        if (holder is null) Drop(position, RemovalReason.Acknowledged);
        else
        {
            TakeFirst(position);
            _log[position].Slot = _unacked.Add(holder, position);
        }
    }

    /// <summary>The first ready message leaves the queue.</summary>
    private void Drop(long position, RemovalReason reason)
    {
        TakeFirst(position);
        Remove(position, reason);
    }

    private void TakeFirst(long position)
    {
        // One that came back may have a body again that was evicted once.
        if (position < _heldTrimmedTo) _heldTrimmedTo = position;
        _ready.TakeFirst(position);
    }

    private void TakeBack(long position, Settlement settlement, long now)
    {
        _groups?.Settled(position);
        ref var entry = ref _log[position];
        var holder = _unacked.HolderOf(entry.Slot);
        _unacked.Remove(entry.Slot);
        if (_unackedAbsent > 0 && _log.BodyOf(position) is null) _unackedAbsent--;
        switch (settlement)
        {
            case Settlement.Acknowledge:
                Counters.Add(Measure.Acknowledged);
                Remove(position, RemovalReason.Acknowledged);
                break;
            case Settlement.Reject:
                Remove(position, RemovalReason.Rejected);
                break;
            default:
                entry.Set(EntryFlags.Redelivered);
                Trace?.Add(TraceStep.Returned, position, _log.BodyOf(position));
                if (_countsDeliveries && !TryReturn(position, settlement, now)) break;
                // In the last millisecond of its life it has been handed out once, which with a time to live of 0 is all there is.
                if (entry.ExpiresAt == now) EndLife(position, now);
                MakeReady(position);
                break;
        }
        ReturnCredit(holder);
    }

    private void MakeReady(long position)
    {
        _log[position].Slot = MessageHolder.None;
        _ready.Return(position);
    }

    private void ReturnCredit(MessageHolder holder)
    {
        if (holder is not QueueConsumer consumer) return;
        consumer.Leave(1);
        if (consumer.State == ConsumerState.PrefetchFull) _consumers.Enter(consumer);
        if (_groups is not null) PutBackFirst(consumer);
    }

    private bool IsHeldBy(MessageHolder holder, long position) =>
        _log.Contains(position) && _log[position].Slot is not MessageHolder.None and var slot && _unacked.HolderOf(slot) == holder;

    private byte PriorityOf(Message message) => _maxPriority == 0 || RemembersKeys ? (byte)0 : Math.Min(message.Properties.Priority ?? 0, _maxPriority);

    private bool IsPersistent(Message message) => _isDurable && (message.IsPersistent || HoldsDelays);

    private long ExpiryOf(Message message, long now)
    {
        if (_role != QueueRole.ForClients) return _role == QueueRole.Delays ? DueOf(message, now) : 0;
        var ttl = (message.ExpirationMs, Settings.MessageTtlMs) switch
        {
            ( >= 0 and var own, { } queue) => Math.Min(own, queue),
            ( >= 0 and var own, null) => own,
            (_, var queue) => queue ?? -1,
        };
        return ttl < 0 ? 0 : now + ttl; // 0 on the queue's clock is long past
    }

    private long OnWallClock(long expiresAt) => expiresAt == 0 ? 0 : expiresAt + WallClockAheadMs;

    private static bool IsExpired(in MessageLog.Entry entry, long now) => entry.ExpiresAt != 0 && entry.ExpiresAt < now;
}
