using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <summary>What a queue has at one moment, in numbers. Bytes are those of bodies.</summary>
/// <param name="ReadyInMemory">Of the ready ones, those that need not be read from the store.</param>
/// <param name="BytesInMemory">Of these and of the unacked ones in memory.</param>
/// <param name="Head">The message that is next, if it is in memory.</param>
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
    Message? Head,
    long MemoryBytes);

/// <content>The queue as its operators see it.</content>
public sealed partial class QueueState
{
    // Messages that a holder has and that are not in memory.
    private int _unackedAbsent;

    /// <summary>Costs the same however many messages there are.</summary>
    public QueueFigures Figures()
    {
        var unackedInMemory = Math.Max(0, UnackedCount - _unackedAbsent);
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
            _ready.TryPeek(out var head) ? _log.BodyOf(head) : null,
            MemoryBytes);
    }
}
