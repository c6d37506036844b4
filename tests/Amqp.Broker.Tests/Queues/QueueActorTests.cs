using System.IO.Pipelines;
using AMQP.Net;
using Amqp.Broker.Loops;
using Amqp.Broker.Queues;
using Amqp.Broker.Tests.Nodes;
using Amqp.Broker.Topology;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Tests.Queues;

internal sealed class QueueActorTests
{
    private static readonly QueueOperation Impossible = QueueOperation.Settle((QueueOperationKind)99, null!, 0);

    private readonly RecordedLogs _logs = new();
    private readonly ConnectionLoop _loop = new(new Pipe().Reader);
    private readonly QueueActor _queue;

    public QueueActorTests()
    {
        var topology = new TopologyService(new MemoryStore(), _ => { }, _logs.CreateLogger<TopologyService>());
        topology.Start();
        var definition = new QueueDefinition("/", "q", new QueueId(1), durable: false, autoDelete: false, owner: null, FieldTable.Empty);
        _queue = new QueueActor(definition, new QueueServices(topology, new BrokerClock(new ManualTime()), _logs.CreateLogger("queues")));
    }

    [Test]
    public void A_queue_that_fails_answers_everybody_who_asked_it_and_can_be_deleted()
    {
        var (status, deleted) = (new Reply<QueueStatus>(_loop), new Reply<DeleteResult>(_loop));
        _queue.PostAndRun([Impossible, QueueOperation.Status(status), QueueOperation.Delete(DeleteConditions.None, deleted)]);
        Assert.That(status.IsCompleted && deleted.IsCompleted, Is.True);
        Assert.That(Assert.Throws<BrokerException>(() => status.GetResult())!.Message, Does.Contain("crashed"));
        Assert.That(deleted.GetResult().Outcome, Is.EqualTo(DeleteOutcome.Deleted));
        Assert.That(_logs.Complaints, Has.One.Contains("defect of the broker"));
    }
}
