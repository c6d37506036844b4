using Amqp.Broker.Tests.Nodes;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Queues;

/// <summary>Copies of queues that other nodes lead.</summary>
internal sealed class CopiesOfNodeTests
{
    [Test]
    public async Task A_copy_that_is_wanted_while_its_queue_is_being_added_is_opened_later_and_the_queue_stays()
    {
        var elsewhere = new QueuesElsewhere();
        var node = new TestNode(remoteQueues: elsewhere);
        elsewhere.Local = node.Broker.LocalQueues;
        var client = await node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, "q", durable: true);
        Assert.That(elsewhere.OpenedTooEarly, Is.Null, "the copy cannot be opened yet");
        await Eventually.Never(() => node.Broker.Topology.Find("/")!.FindQueue("q") is null, TimeSpan.FromMilliseconds(500));
        var queue = node.Broker.Topology.Find("/")!.FindQueue("q");
        Assert.That(queue, Is.Not.Null, "the queue was not deleted");
        Assert.That(node.Broker.LocalQueues.OpenCopy(queue!, new EmptyQueue(queue!)), Is.Not.Null);
    }

    /// <summary>All queues are on another node, which wants a copy of each here at the worst moment.</summary>
    private sealed class QueuesElsewhere : IRemoteQueues
    {
        public ILocalQueues? Local { get; set; }

        public IQueueEndpoint? OpenedTooEarly { get; private set; }

        public QueueAccess Open(QueueDefinition queue)
        {
            var endpoint = new EmptyQueue(queue);
            OpenedTooEarly = Local?.OpenCopy(queue, endpoint);
            return new QueueAccess(IsHere: false, endpoint);
        }

        public void Opened(QueueDefinition queue)
        {
        }

        public QueueAccess Follow(QueueDefinition queue) => new(IsHere: false, new EmptyQueue(queue));

        public void Close(QueueId queue)
        {
        }
    }

    /// <summary>Answers how it is, and does nothing.</summary>
    private sealed class EmptyQueue(QueueDefinition definition) : IQueueEndpoint
    {
        public QueueDefinition Definition => definition;

        public bool IsDeleted => false;

        public void Post(in QueueOperation operation) => (operation.ReplyTo as IReply<QueueStatus>)?.Complete(new QueueStatus(0, 0, Gone: false));

        public void PostAndRun(ReadOnlySpan<QueueOperation> operations)
        {
            foreach (ref readonly var operation in operations) Post(operation);
        }
    }
}
