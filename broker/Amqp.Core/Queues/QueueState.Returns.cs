using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Records;

namespace Amqp.Core.Queues;

/// <content>
/// How often a message came back: because its consumer wanted that, or went. Quorum queues count it, and others where a limit is set. It is written down,
/// so that a message that no consumer can take does not go round for ever.
/// </content>
public sealed partial class QueueState
{
    private const string DeliveryCountHeader = "x-delivery-count";

    // Most queues do not count, and pay one look at this.
    private bool _countsDeliveries;

    /// <summary>Messages that left because they came back too often, and that nobody was told of.</summary>
    public int BeyondDeliveryLimit { get; private set; }

    public int TakeBeyondDeliveryLimit()
    {
        var count = BeyondDeliveryLimit;
        BeyondDeliveryLimit = 0;
        return count;
    }

    /// <summary>Counts that a message came back. False: that was once too often.</summary>
    private bool TryReturn(long position)
    {
        ref var entry = ref _log[position];
        var count = _log.CountDelivery(ref entry);
        if (count > Settings.DeliveryLimit)
        {
            BeyondDeliveryLimit++;
            return false;
        }
        if (entry.Is(EntryFlags.Stored) && entry.Is(EntryFlags.Persistent))
            _effects.Record(StoreRecord.Change(_id, position, new MessageAttributes(OnWallClock(entry.ExpiresAt), entry.Priority, count)));
        return true;
    }

    /// <summary>The message as its next consumer gets it.</summary>
    private static Message WithDeliveryCount(Message message, in MessageLog.Entry entry) =>
        entry.DeliveryCount == 0 ? message : message.WithHeader(DeliveryCountHeader, FieldValue.From((long)entry.DeliveryCount));
}
