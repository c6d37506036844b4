using System.Runtime.InteropServices;
using Amqp.Broker.Flow;
using Amqp.Broker.Publishing;
using Amqp.Core.Messages;

namespace Amqp.Broker.Queues;

/// <summary>
/// The operations that a connection has for queues, grouped while one socket read is worked off: one post a queue and read,
/// not one a message. Everything a connection posts goes through here, so its order towards each queue holds.
/// </summary>
/// <param name="credit">What is published here is taken from it.</param>
internal sealed class PendingPosts(PublishCredit credit)
{
    private readonly Dictionary<QueueActor, Batch> _batches = [];
    private readonly Stack<Batch> _spare = new();
    private Batch? _last;

    public void Add(QueueActor queue, in QueueOperation operation)
    {
        if (_last is null || _last.Queue != queue) _last = BatchFor(queue);
        _last.Operations.Add(operation);
    }

    /// <param name="shareBytes">What the message takes of the credit for this queue.</param>
    public void AddPublish(QueueActor queue, Message message, ConfirmTracker? confirms, long number, int shareBytes)
    {
        Add(queue, QueueOperation.Publish(message, confirms, number));
        _last!.PublishedBytes += shareBytes;
    }

    /// <summary>Posts everything. A queue that is idle runs on this thread, so a lone message crosses none.</summary>
    public void Flush()
    {
        if (_last is null) return;
        _last = null;
        foreach (var batch in _batches.Values)
        {
            if (batch.PublishedBytes > 0)
            {
                credit.Take(batch.PublishedBytes);
                batch.Operations.Add(QueueOperation.Credit(credit, batch.PublishedBytes));
                batch.PublishedBytes = 0;
            }
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

        /// <summary>What the publishes among them take of the connection's credit.</summary>
        public int PublishedBytes;
    }
}
