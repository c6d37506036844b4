using Amqp.Core.Messages;
using Amqp.Core.Topology;

namespace Amqp.Core.Queues;

/// <summary>What becomes of a message that a consumer had.</summary>
public enum Settlement : byte
{
    /// <summary>Done with: acknowledged, or rejected without requeue.</summary>
    Remove,

    /// <summary>Back to its old place, marked as redelivered.</summary>
    Requeue,
}

/// <summary>
/// A queue as a function: operations in, effects out. It has no thread, socket or clock; its actor calls it with the time
/// and carries out what it decides. A test needs no broker.
///
/// <para>Every message has a position, and positions only grow. Ready are the messages from <c>_next</c> to the end that
/// nobody holds, plus those that came back and wait in <c>_returned</c>, which are all older: so a message that is requeued is
/// again in front of everything published after it.</para>
/// </summary>
/// <param name="id">The queue's number, for its records.</param>
/// <param name="isDurable">Its persistent messages are stored.</param>
/// <param name="messageTtlMs">The <c>x-message-ttl</c> argument, or null.</param>
/// <param name="effects">Where deliveries are noted.</param>
public sealed partial class QueueState(QueueId id, bool isDurable, long? messageTtlMs, QueueEffects effects)
{
    private readonly MessageLog _log = new();
    private readonly UnackedTable _unacked = new();
    private readonly ConsumerSet _consumers = new();
    private readonly PriorityQueue<long, long> _returned = new();
    private long _next;

    public int ReadyCount { get; private set; }

    public int UnackedCount => _unacked.Count;

    public int ConsumerCount => _consumers.Count;

    public IReadOnlyList<QueueConsumer> Consumers => _consumers.All;

    /// <summary>A message arrives.</summary>
    public void Publish(Message message, long now)
    {
        var expiresAt = ExpiryOf(message, now);
        _log.Append(message, expiresAt, IsStored(message));
        ReadyCount++;
        DeliverReady(now);
        // A message with a time to live of 0 is for whoever can take it this instant.
        if (expiresAt == now) DropExpired(now + 1);
    }

    /// <summary>False: the queue has an exclusive consumer, or has others and this one wants it alone.</summary>
    public bool CanAddConsumer(QueueConsumer consumer) => !_consumers.HasExclusive && !(consumer.Exclusive && _consumers.Count > 0);

    /// <summary>Adds a consumer, which must be one that <see cref="CanAddConsumer"/>.</summary>
    public void AddConsumer(QueueConsumer consumer, long now)
    {
        _consumers.Add(consumer);
        DeliverReady(now);
    }

    /// <summary>The consumer gets no more messages; those it has stay with it until they are settled or released.</summary>
    /// <returns>False when it was no consumer here any more.</returns>
    public bool RemoveConsumer(QueueConsumer consumer) => _consumers.Remove(consumer);

    /// <summary>The room that <see cref="QueueConsumer.TryEnter"/> refused is there now.</summary>
    public void Resume(QueueConsumer consumer, long now)
    {
        if (consumer.State == ConsumerState.NoRoom) _consumers.Enter(consumer);
        DeliverReady(now);
        // Nothing to hand out, or somebody else's turn: the room goes to whoever else waits for it.
        if (consumer.State != ConsumerState.NoRoom) consumer.Decline();
    }

    /// <summary>
    /// Settles one message. One that this holder does not have (any more) is ignored: a release may have overtaken it.
    /// </summary>
    public void Settle(MessageHolder holder, long position, Settlement settlement, long now)
    {
        if (!IsHeldBy(holder, position)) return;
        TakeBack(position, settlement);
        DeliverReady(now);
    }

    /// <summary>The holder is gone: everything it has returns to its place.</summary>
    public void Release(MessageHolder holder, long now)
    {
        while (_unacked.TryGetAny(holder, out var position)) TakeBack(position, Settlement.Requeue);
        DeliverReady(now);
    }

    /// <summary>Hands out the first ready message to a basic.get.</summary>
    /// <param name="holder">Who holds it until it is settled, or null when it counts as settled at once.</param>
    public bool TryGet(MessageHolder? holder, long now, out Message? message, out long position, out bool redelivered)
    {
        DropExpired(now);
        if (!TryPeek(out position))
        {
            (message, redelivered) = (null, false);
            return false;
        }
        ref var entry = ref _log[position];
        (message, redelivered) = (entry.Message, entry.Redelivered);
        HandOut(holder, position);
        return true;
    }

    /// <summary>Drops every ready message; returns how many.</summary>
    public int Purge()
    {
        var count = ReadyCount;
        while (TryPeek(out var position)) HandOut(holder: null, position);
        return count;
    }

    /// <summary>Drops expired messages at the head of the queue. As in RabbitMQ's classic queues, those behind a live one wait.</summary>
    public void DropExpired(long now)
    {
        while (TryPeek(out var position) && IsExpired(_log[position], now)) HandOut(holder: null, position);
    }

    /// <summary>The last millisecond (on the queue's clock) of the message at the head, or null when it may wait for ever.</summary>
    public long? NextExpiry => TryPeek(out var position) && _log[position].ExpiresAt is > 0 and var expiresAt ? expiresAt : null;

    private void DeliverReady(long now)
    {
        while (ReadyCount > 0 && _consumers.TryTakeNext(out var consumer))
        {
            DropExpired(now);
            if (!TryPeek(out var position))
            {
                _consumers.Enter(consumer);
                return;
            }
            ref var entry = ref _log[position];
            if (consumer.PrefetchIsFull) consumer.State = ConsumerState.PrefetchFull;
            else if (!consumer.TryEnter(entry.Message!.Size)) consumer.State = ConsumerState.NoRoom;
            else
            {
                effects.Deliver(new Delivery(consumer, position, entry.Message!, entry.Redelivered));
                HandOut(consumer.AutoAck ? null : consumer, position);
                _consumers.Enter(consumer);
            }
        }
    }

    private bool TryPeek(out long position)
    {
        if (_returned.TryPeek(out position, out _)) return true;
        if (ReadyCount == 0) return false;
        // Over holes, and over what a transaction holds: that comes back by way of _returned, being older.
        position = _next = _log.NextReady(_next);
        return true;
    }

    /// <summary>Takes the message that <see cref="TryPeek"/> showed out of the ready ones.</summary>
    private void HandOut(MessageHolder? holder, long position)
    {
        if (!_returned.TryDequeue(out _, out _)) _next++;
        ReadyCount--;
        if (holder is null) _log.Remove(position);
        else _log[position].Slot = _unacked.Add(holder, position);
    }

    private void TakeBack(long position, Settlement settlement)
    {
        ref var entry = ref _log[position];
        var holder = _unacked.HolderOf(entry.Slot);
        _unacked.Remove(entry.Slot);
        if (settlement == Settlement.Remove) _log.Remove(position);
        else
        {
            entry.Redelivered = true;
            MakeReady(position);
        }
        ReturnCredit(holder);
    }

    private void MakeReady(long position)
    {
        _log[position].Slot = MessageHolder.None;
        if (position < _next) _returned.Enqueue(position, position);
        ReadyCount++;
    }

    private void ReturnCredit(MessageHolder holder)
    {
        if (holder is not QueueConsumer consumer) return;
        consumer.Leave(1);
        if (consumer.State == ConsumerState.PrefetchFull) _consumers.Enter(consumer);
    }

    private bool IsHeldBy(MessageHolder holder, long position) =>
        _log.Contains(position) && _log[position].Slot is not MessageHolder.None and var slot && _unacked.HolderOf(slot) == holder;

    private bool IsStored(Message message) => isDurable && message.IsPersistent;

    private long ExpiryOf(Message message, long now)
    {
        var ttl = (message.ExpirationMs, messageTtlMs) switch
        {
            ( >= 0 and var own, { } queue) => Math.Min(own, queue),
            ( >= 0 and var own, null) => own,
            (_, var queue) => queue ?? -1,
        };
        return ttl < 0 ? 0 : now + ttl; // 0 on the queue's clock is long past
    }

    private static bool IsExpired(in MessageLog.Entry entry, long now) => entry.ExpiresAt != 0 && entry.ExpiresAt < now;
}
