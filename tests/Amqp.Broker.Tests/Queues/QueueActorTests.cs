using System.IO.Pipelines;
using System.Text;
using AMQP.Net;
using Amqp.Broker.Loops;
using Amqp.Broker.Queues;
using Amqp.Broker.Tests.Nodes;
using Amqp.Broker.Topology;
using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
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

    [Test]
    public void A_message_that_is_not_stored_is_confirmed_once_the_queue_has_it()
    {
        var confirms = new RecordedConfirms();
        _queue.PostAndRun([QueueOperation.Publish(Message("m1"), confirms, 1), QueueOperation.Publish(Message("m2"), null, 0), QueueOperation.Publish(Message("m3"), confirms, 2)]);
        Assert.That(confirms.Text, Is.EqualTo("1 2"));
    }

    [Test]
    public void A_deleted_queue_confirms_and_a_failed_one_refuses()
    {
        var confirms = new RecordedConfirms();
        _queue.PostAndRun([Impossible, QueueOperation.Publish(Message("m1"), confirms, 1)]);
        _queue.PostAndRun([QueueOperation.Delete(DeleteConditions.None, reply: null), QueueOperation.Publish(Message("m2"), confirms, 2)]);
        Assert.That(confirms.Text, Is.EqualTo("!1 2"));
    }

    [Test]
    public void A_transaction_hears_from_the_queue_and_its_commit_shows()
    {
        var transaction = new RecordedTransaction();
        var (part, undone) = (new TransactionPart(), new TransactionPart());
        part.Publishes.Add(Message("m1"));
        undone.Publishes.Add(Message("m2"));
        _queue.PostAndRun([QueueOperation.Prepare(part, transaction), QueueOperation.Prepare(undone, transaction)]);
        Assert.That((transaction.Text, ReadyCount()), Is.EqualTo(("prepared prepared", 0)));
        _queue.PostAndRun([QueueOperation.CommitPart(part), QueueOperation.AbortPart(undone)]);
        Assert.That(ReadyCount(), Is.EqualTo(1));
    }

    [Test]
    public void A_failed_queue_refuses_a_transaction_and_a_deleted_one_has_nothing_to_say()
    {
        var transaction = new RecordedTransaction();
        var part = new TransactionPart();
        part.Publishes.Add(Message("m1"));
        _queue.PostAndRun([Impossible, QueueOperation.Prepare(part, transaction)]);
        _queue.PostAndRun([QueueOperation.Delete(DeleteConditions.None, reply: null), QueueOperation.Prepare(part, transaction), QueueOperation.CommitPart(part)]);
        Assert.That(transaction.Text, Is.EqualTo("refused prepared"));
        Assert.That(part.Records, Is.Empty);
    }

    private static Message Message(string body)
    {
        var properties = new MutableProperties().Encode();
        return new Message("", "q", new Content([.. properties, .. Encoding.UTF8.GetBytes(body)], properties.Length));
    }

    private int ReadyCount()
    {
        var status = new Reply<QueueStatus>(_loop);
        _queue.PostAndRun([QueueOperation.Status(status)]);
        return status.GetResult().ReadyCount;
    }

    private sealed class RecordedTransaction : ITransaction
    {
        private readonly List<string> _answers = [];

        public string Text => string.Join(' ', _answers);

        public void Prepared() => _answers.Add("prepared");

        public void Refused() => _answers.Add("refused");
    }
}
