namespace Amqp.Core.Queues;

/// <summary>What a queue has at one moment, in numbers. Bytes are those of bodies.</summary>
/// <param name="ReadyInMemory">Of the ready ones, those that need not be read from the store.</param>
/// <param name="BytesInMemory">Of these and of the unacked ones in memory.</param>
/// <param name="HeadTimestamp">The timestamp property of the message that is next, in seconds since 1970 UTC, if it is in memory.</param>
/// <param name="MemoryBytes">See <see cref="QueueState.MemoryBytes"/>.</param>
public readonly record struct QueueFigures(
    int Ready,
    long ReadyBytes,
    int ReadyInMemory,
    int Unacked,
    long UnackedBytes,
    int UnackedInMemory,
    long BytesInMemory,
    int Persistent,
    long PersistentBytes,
    ulong? HeadTimestamp,
    long MemoryBytes);

/// <content>The queue as its operators see it.</content>
public sealed partial class QueueState
{
    public QueueFigures Figures()
    {
        var unackedInMemory = AbsentCount == 0 ? UnackedCount : _unacked.Positions.Count(position => _log.BodyOf(position) is not null);
        return new QueueFigures(
            ReadyCount,
            ReadyBytes,
            _log.BodyCount - unackedInMemory,
            UnackedCount,
            _log.TotalBytes - ReadyBytes,
            unackedInMemory,
            _log.BareBodyBytes,
            _log.PersistentCount,
            _log.PersistentBytes,
            _ready.TryPeek(out var head) ? _log.BodyOf(head)?.Properties.Timestamp : null,
            MemoryBytes);
    }
}
