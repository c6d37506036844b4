using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Records;

namespace Amqp.Core.Queues;

/// <content>
/// How often a message came back: because its consumer wanted that, or went. Quorum queues count it, and others where that matters: where it may not come
/// back any number of times, or waits longer each time before it is ready again. It is written down, so that a message that no consumer can take does not
/// go round for ever.
/// <code>
/// unacked --came back--> ready, or waits until it is due --> ready;  once too often: leaves
/// </code>
/// Operators see those that wait as unacknowledged.
/// </content>
public sealed partial class QueueState
{
    private const string DeliveryCountHeader = "x-delivery-count";

    private readonly PriorityQueue<long, (long Due, long Position)> _delayed = new();
    private readonly DelayHolder _delayHolder = new();

    // Most queues do not count, and pay one look at this.
    private bool _countsDeliveries;

    /// <summary>Messages that left because they came back too often, since they were last taken here for the log.</summary>
    public int BeyondDeliveryLimit { get; private set; }

    /// <summary>Messages that wait until they are due.</summary>
    public int DelayedCount => _delayHolder.UnackedCount;

    /// <summary>When the next of them is, on the queue's clock, or null.</summary>
    public long? NextDue => _delayed.TryPeek(out _, out var next) ? next.Due : null;

    public int TakeBeyondDeliveryLimit()
    {
        var count = BeyondDeliveryLimit;
        BeyondDeliveryLimit = 0;
        return count;
    }

    /// <summary>Messages that are due are ready, and handed out.</summary>
    public void ReleaseDue(long now)
    {
        if (NextDue is not { } first || first > now) return;
        while (_delayed.TryPeek(out var position, out var next) && next.Due <= now)
        {
            _delayed.Dequeue();
            if (!_log.Contains(position)) continue; // damaged
            if (_unackedAbsent > 0 && _log.BodyOf(position) is null) _unackedAbsent--;
            _unacked.Remove(_log[position].Slot);
            MakeReady(position);
        }
        if (_delayed.Count == 0) _delayed.TrimExcess();
        DeliverReturned(now);
    }

    /// <summary>Counts that a message came back. False: it is not ready now.</summary>
    private bool TryReturn(long position, Settlement settlement, long now)
    {
        ref var entry = ref _log[position];
        var count = _log.CountDelivery(ref entry);
        if (count > Settings.DeliveryLimit)
        {
            BeyondDeliveryLimit++;
            Remove(position, RemovalReason.DeliveryLimit);
            return false;
        }
        var delay = Settings.Retry.DelayMs(count, settlement);
        var due = delay > 0 ? now + delay : 0;
        if (entry.Is(EntryFlags.Stored) && entry.Is(EntryFlags.Persistent))
            _effects.Record(StoreRecord.Change(_id, position, new MessageAttributes(OnWallClock(entry.ExpiresAt), entry.Priority, count, OnWallClock(due))));
        if (due == 0) return true;
        if (_log.BodyOf(position) is null) _unackedAbsent++;
        Delay(position, due);
        return false;
    }

    private void Delay(long position, long due)
    {
        _log[position].Slot = _unacked.Add(_delayHolder, position);
        _delayed.Enqueue(position, (due, position));
    }

    /// <summary>The message as its next consumer gets it.</summary>
    private static Message WithDeliveryCount(Message message, in MessageLog.Entry entry) =>
        entry.DeliveryCount == 0 ? message : message.WithHeader(DeliveryCountHeader, FieldValue.From((long)entry.DeliveryCount));

    /// <summary>Holds what is not due.</summary>
    private sealed class DelayHolder : MessageHolder;
}
