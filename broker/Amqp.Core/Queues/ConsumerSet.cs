using System.Diagnostics.CodeAnalysis;

namespace Amqp.Core.Queues;

/// <summary>
/// The consumers of a queue and whose turn it is: the highest priority first, and round robin among equals. Consumers that
/// cannot take messages are out of the rotation and come back at its end.
/// <para>
/// Where only one consumer is active at a time (<c>x-single-active-consumer</c>), that is the first that came, until it goes, whatever it can
/// take. The others wait in the rotation, and the next of it takes over.
/// </para>
/// </summary>
/// <param name="isLeastLoaded">Among equals it is the turn of the one that holds the fewest messages, which is looked for among all of them.</param>
internal sealed class ConsumerSet(bool isSingleActive, bool isLeastLoaded = false)
{
    private readonly List<QueueConsumer> _all = [];

    // One rotation a priority, the highest first. Nearly every queue has one.
    private readonly List<(int Priority, Queue<QueueConsumer> Rotation)> _rotations = [];

    public int Count => _all.Count;

    public IReadOnlyList<QueueConsumer> All => _all;

    /// <summary>No other consumer may come.</summary>
    public bool HasExclusive => _all is [{ Exclusive: true }];

    /// <summary>The only one that gets messages, where there is one.</summary>
    public QueueConsumer? SingleActive { get; private set; }

    /// <summary>False: it would have to have the queue for itself, and cannot; or another one has it.</summary>
    public bool CanAdd(QueueConsumer consumer) => !HasExclusive && !(consumer.Exclusive && (isSingleActive || Count > 0));

    public void Add(QueueConsumer consumer)
    {
        _all.Add(consumer);
        if (consumer.BrowsesFrom is not null)
        {
            // It is no part of the rotation.
            consumer.State = ConsumerState.NoRoom;
            return;
        }
        if (isSingleActive) SingleActive ??= consumer;
        Enter(consumer);
    }

    /// <summary>False when it was no consumer of this queue (any more).</summary>
    public bool Remove(QueueConsumer consumer)
    {
        if (consumer.State == ConsumerState.Detached) return false;
        consumer.State = ConsumerState.Detached;
        _all.Remove(consumer);
        RemoveFromRotation(consumer);
        if (consumer == SingleActive) SingleActive = TryDequeue(out var next) ? next : null;
        return true;
    }

    /// <summary>Puts a consumer at the end of its rotation.</summary>
    public void Enter(QueueConsumer consumer)
    {
        consumer.State = ConsumerState.Waiting;
        if (consumer != SingleActive) RotationOf(consumer.Priority).Enqueue(consumer);
    }

    /// <summary>Some consumer might take a message.</summary>
    public bool IsAnyWaiting => isSingleActive ? SingleActive is { State: ConsumerState.Waiting } : _rotations.Exists(entry => entry.Rotation.Count > 0);

    /// <summary>A consumer of the rotation can take none for now.</summary>
    public void Leave(QueueConsumer consumer, ConsumerState state)
    {
        consumer.State = state;
        if (consumer != SingleActive) TakeOut(RotationOf(consumer.Priority), consumer);
    }

    /// <summary>Takes out the consumer whose turn it is; the caller puts it back with <see cref="Enter"/> or parks it.</summary>
    public bool TryTakeNext([NotNullWhen(true)] out QueueConsumer? consumer)
    {
        if (isSingleActive)
        {
            consumer = SingleActive is { State: ConsumerState.Waiting } active ? active : null;
            return consumer is not null;
        }
        return TryDequeue(out consumer);
    }

    private bool TryDequeue([NotNullWhen(true)] out QueueConsumer? consumer)
    {
        foreach (var (_, rotation) in _rotations)
        {
            if (isLeastLoaded && rotation.Count > 1) TakeOut(rotation, consumer = rotation.MinBy(waiting => waiting.UnackedCount)!);
            else if (!rotation.TryDequeue(out consumer)) continue;
            return true;
        }
        consumer = null;
        return false;
    }

    private Queue<QueueConsumer> RotationOf(int priority)
    {
        var index = 0;
        for (; index < _rotations.Count && _rotations[index].Priority >= priority; index++)
            if (_rotations[index].Priority == priority) return _rotations[index].Rotation;
        var rotation = new Queue<QueueConsumer>();
        _rotations.Insert(index, (priority, rotation));
        return rotation;
    }

    private void RemoveFromRotation(QueueConsumer consumer)
    {
        TakeOut(RotationOf(consumer.Priority), consumer);
        if (_all.TrueForAll(other => other.Priority != consumer.Priority))
            _rotations.RemoveAll(entry => entry.Priority == consumer.Priority);
    }

    private static void TakeOut(Queue<QueueConsumer> rotation, QueueConsumer consumer)
    {
        for (var left = rotation.Count; left > 0; left--)
        {
            var next = rotation.Dequeue();
            if (next != consumer) rotation.Enqueue(next);
        }
    }
}
