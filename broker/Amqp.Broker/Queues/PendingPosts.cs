using System.Runtime.InteropServices;
using Amqp.Broker.Flow;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <summary>
/// The operations that a connection has for queues, grouped while one socket read is worked off: one post a queue and read,
/// not one a message. Everything a connection posts goes through here, so its order towards each queue holds.
/// <para>A read may say very little and mean a great deal: 64 KiB of empty messages for a thousand queues are a million operations. So
/// the connection flushes when there are <see cref="IsFull">many</see>, and lets others run.</para>
/// </summary>
/// <param name="credit">What is published here is taken from it.</param>
internal sealed class PendingPosts(PublishCredit credit)
{
    /// <summary>Operations that are many: some milliseconds of work. More come together only of one message to as many queues, or of one
    /// settlement of as many messages. With less than a read of small messages for ten queues makes, these lost a tenth of their rate.</summary>
    public const int OperationsMax = 49_152;

    private PostBatches? _batches;
    private PostBatch? _last;

    /// <summary>What a queue costs by itself when it is posted to, in operations.</summary>
    private const int QueueCost = 16;

    public bool IsFull => _batches is { } batches && batches.OperationCount + (QueueCost * batches.QueueCount) >= OperationsMax;

    public void Add(IQueueEndpoint queue, in QueueOperation operation)
    {
        if (_last?.Queue != queue) _last = (_batches ??= PostBatches.Take()).BatchFor(queue);
        _last.Operations.Add(operation);
        _batches!.OperationCount++;
    }

    /// <param name="shareBytes">What the message takes of the credit for this queue.</param>
    public void AddPublish(IQueueEndpoint queue, Message message, IPublisher? publisher, long number, int shareBytes)
    {
        Add(queue, QueueOperation.Publish(message, publisher, number));
        _last!.PublishedBytes += shareBytes;
    }

    /// <summary>Posts everything. A queue that is idle runs on this thread, so a lone message crosses none.</summary>
    public void Flush()
    {
        if (_batches is not { } batches) return;
        (_batches, _last) = (null, null);
        foreach (var batch in batches.All)
        {
            if (batch.PublishedBytes > 0)
            {
                credit.Take(batch.PublishedBytes);
                batch.Operations.Add(QueueOperation.Credit(credit, batch.PublishedBytes));
            }
            batch.Queue!.PostAndRun(CollectionsMarshal.AsSpan(batch.Operations));
        }
        batches.Return();
    }
}
