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

    // Most queues do not count, and pay one look at this.
    private bool _countsDeliveries;

    /// <summary>Messages that left because they came back too often, since they were last taken here for the log.</summary>
    public int BeyondDeliveryLimit { get; private set; }

    public int TakeBeyondDeliveryLimit()
    {
        var count = BeyondDeliveryLimit;
        BeyondDeliveryLimit = 0;
        return count;
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
            // If it is a dead letter now, it is still here.
            if (IsMirrored && _log.Contains(position)) _effects.Tell(ChangeOf(position, now));
            return false;
        }
        var delay = Settings.Retry.DelayMs(count, settlement);
        if (delay > 0)
        {
            if (_log.BodyOf(position) is null) _unackedAbsent++;
            Delay(position, now + delay);
        }
        if (entry.Is(EntryFlags.Stored) && entry.Is(EntryFlags.Persistent)) _effects.Record(ChangeOf(position, now));
        if (IsMirrored) _effects.Tell(ChangeOf(position, now));
        return delay <= 0;
    }

    /// <summary>In the last millisecond of its life a message came back; it is not handed out again.</summary>
    private void EndLife(long position, long now)
    {
        _log[position].ExpiresAt = now - 1;
        if (IsMirrored) _effects.Tell(ChangeOf(position, now));
    }

    private StoreRecord ChangeOf(long position, long now) => StoreRecord.Change(_id, position, AttributesAt(position, now));

    /// <summary>The message as its next consumer gets it.</summary>
    private static Message WithDeliveryCount(Message message, in MessageLog.Entry entry) =>
        entry.DeliveryCount == 0 ? message : message.WithHeader(DeliveryCountHeader, FieldValue.From((long)entry.DeliveryCount));
}
