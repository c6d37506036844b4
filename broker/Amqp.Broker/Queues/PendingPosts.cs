using System.Runtime.InteropServices;

namespace Amqp.Broker.Queues;

/// <summary>
/// The operations that a connection has for queues, grouped while one socket read is worked off: one post a queue and read,
/// not one a message. Everything a connection posts goes through here, so its order towards each queue holds.
/// </summary>
internal sealed class PendingPosts
{
    private readonly Dictionary<QueueActor, Batch> _batches = [];
    private readonly Stack<Batch> _spare = new();
    private Batch? _last;

    public void Add(QueueActor queue, in QueueOperation operation)
    {
        if (_last is null || _last.Queue != queue) _last = BatchFor(queue);
        _last.Operations.Add(operation);
    }

    /// <summary>Posts everything. A queue that is idle runs on this thread, so a lone message crosses none.</summary>
    public void Flush()
    {
        if (_last is null) return;
        _last = null;
        foreach (var batch in _batches.Values)
        {
            batch.Queue.PostAndRun(CollectionsMarshal.AsSpan(batch.Operations));
            batch.Operations.Clear();
            batch.Queue = null!; // it may be deleted before this serves again
            _spare.Push(batch);
        }
        _batches.Clear();
    }

    private Batch BatchFor(QueueActor queue)
    {
        if (_batches.TryGetValue(queue, out var batch)) return batch;
        if (!_spare.TryPop(out batch)) batch = new Batch();
        batch.Queue = queue;
        _batches.Add(queue, batch);
        return batch;
    }

    private sealed class Batch
    {
        public QueueActor Queue = null!;
        public readonly List<QueueOperation> Operations = [];
    }
}
