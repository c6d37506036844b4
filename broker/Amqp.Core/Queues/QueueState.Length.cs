namespace Amqp.Core.Queues;

/// <content>
/// How many messages may be ready, and what happens to others. As in RabbitMQ, what consumers hold does not count, and a message that a consumer
/// takes at once counts for nothing where the oldest ones leave; where what comes is refused, a full queue refuses it whatever consumers could take.
/// </content>
public sealed partial class QueueState
{
    // Most queues have no limit, and pay one look at this.
    private bool _isLimited;

    /// <summary>False: the queue refuses what comes beyond its limits, and this would be.</summary>
    private bool HasRoomFor(int messages, long bytes) => Settings.Overflow == Overflow.DropHead
        || (ReadyCount + (long)messages <= Settings.LengthMax && ReadyBytes + bytes <= Settings.BytesMax);

    /// <summary>Drops the oldest ready messages, as long as there are more than may be.</summary>
    private void DropBeyondLength()
    {
        var settings = Settings;
        if (_follows) return;
        if (settings.Overflow != Overflow.DropHead || (ReadyCount <= settings.LengthMax && ReadyBytes <= settings.BytesMax)) return;
        PutBackAll();
        while ((ReadyCount > settings.LengthMax || ReadyBytes > settings.BytesMax) && !TooManyWait && _ready.TryPeek(out var position))
            Drop(position, RemovalReason.BeyondLength);
    }
}
