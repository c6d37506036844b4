using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <summary>What one connection has for one queue.</summary>
internal sealed class PostBatch
{
    /// <summary>Null while it is a spare one.</summary>
    public IQueueEndpoint? Queue;

    /// <summary>What the publishes among the operations take of the connection's credit.</summary>
    public long PublishedBytes;

    public List<QueueOperation> Operations { get; } = [];
}

/// <summary>
/// One connection's batches, one for each queue. A thread keeps one such object, with spare batches, for the connection that it
/// works for next, so that filling batches allocates nothing, and an idle connection keeps no room for what it once did.
/// </summary>
internal sealed class PostBatches
{
    /// <summary>Operations that a thread keeps room for, of some 40 bytes each: lists may have twice the room that was needed.</summary>
    private const int RoomKept = 2 * PendingPosts.OperationsMax;

    [ThreadStatic]
    private static PostBatches? _ofThisThread;

    private readonly Dictionary<IQueueEndpoint, PostBatch> _batches = [];
    private readonly Stack<PostBatch> _spare = new();
    private int _spareRoom;

    /// <summary>Operations in all batches; <see cref="PendingPosts"/> counts them.</summary>
    public int OperationCount { get; set; }

    public int QueueCount => _batches.Count;

    public Dictionary<IQueueEndpoint, PostBatch>.ValueCollection All => _batches.Values;

    /// <summary>An empty one, to be given back by <see cref="Return"/>.</summary>
    public static PostBatches Take()
    {
        var batches = _ofThisThread ?? new PostBatches();
        _ofThisThread = null;
        return batches;
    }

    public PostBatch BatchFor(IQueueEndpoint queue)
    {
        if (_batches.TryGetValue(queue, out var batch)) return batch;
        if (_spare.TryPop(out batch)) _spareRoom -= batch.Operations.Capacity;
        else batch = new PostBatch();
        batch.Queue = queue;
        _batches.Add(queue, batch);
        return batch;
    }

    /// <summary>Everything is posted.</summary>
    public void Return()
    {
        foreach (var batch in _batches.Values)
        {
            batch.Operations.Clear();
            (batch.Queue, batch.PublishedBytes) = (null, 0); // the queue may be deleted before this serves again
            if (_spareRoom + batch.Operations.Capacity > RoomKept) continue;
            _spare.Push(batch);
            _spareRoom += batch.Operations.Capacity;
        }
        _batches.Clear();
        if (_batches.EnsureCapacity(0) > PendingPosts.OperationsMax) _batches.TrimExcess();
        OperationCount = 0;
        _ofThisThread = this;
    }
}
