using System.Collections.Concurrent;
using System.Text;
using AMQP.Net;
using Amqp.Broker;
using Amqp.Broker.Tests.Nodes;
using Amqp.Cluster.Forwarding;
using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Amqp.Testing;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>A mirrored queue as its users see it while its leader changes: the leaders take turns on this node, so that a test can look into them.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MovingQueueTests : IDisposable
{
    private readonly Forwarder _forwarder;
    private readonly MovingQueue _queue;
    private readonly RecordedPublisher _publisher = new();
    private Leader? _leader;

    public MovingQueueTests()
    {
        _forwarder = new Forwarder(new NodeAlone("n1"), new ForwardingOptions(), TimeProvider.System, new RecordedLogs().CreateLogger<Forwarder>());
        var definition = new QueueDefinition("/", "q", new QueueId(7), durable: true, autoDelete: false, owner: null, FieldTable.Empty);
        _queue = new MovingQueue(definition, _forwarder.Remote, node: 3, _ => Volatile.Read(ref _leader));
    }

    public void Dispose() => _forwarder.Dispose();

    [Test]
    public async Task What_is_wanted_before_there_is_a_leader_waits_in_its_order()
    {
        Publish(1, 2);
        _queue.Post(QueueOperation.Purge(new Answer<int>()));
        var leader = Lead(1);
        await Eventually.That(() => leader.Text, Is.EqualTo("1 2 Purge"));
    }

    [Test]
    public async Task A_message_is_confirmed_by_the_number_that_its_publisher_gave_it()
    {
        var leader = Lead(1);
        Publish(11, 12, 13);
        await Eventually.That(() => leader.Text, Is.EqualTo("11 12 13"));
        leader.Publisher.Taken([1, 3]);
        leader.Publisher.Refused(2);
        await Answered(11, 13);
        await Eventually.That(() => _publisher.Answers.GetValueOrDefault(12, true), Is.False);
    }

    [Test]
    public async Task The_next_leader_gets_what_the_last_one_has_not_answered_with_the_same_numbers_and_in_order()
    {
        var first = Lead(1);
        Publish(11, 12, 13, 14);
        await Eventually.That(() => first.Text, Is.EqualTo("11 12 13 14"));
        first.Publisher.Taken([2]);
        await Answered(12);
        var second = Lead(2);
        Publish(15);
        await Eventually.That(() => second.Text, Is.EqualTo("11 13 14 15"));
        Assert.That(second.Numbers, Is.EqualTo(new long[] { 1, 3, 4, 5 }));
        Assert.That((second.Publisher.Node, second.Publisher.Id), Is.EqualTo((3L, 7L)));
        Assert.That(second.Publisher.Floor, Is.EqualTo(1));
    }

    [Test]
    public async Task A_message_that_the_last_leader_has_safe_is_safe_and_one_that_it_refused_is_asked_of_the_next()
    {
        var first = Lead(1);
        Publish(11, 12);
        await Eventually.That(() => first.Text, Is.EqualTo("11 12"));
        var second = Lead(2);
        await Eventually.That(() => second.Text, Is.EqualTo("11 12"));
        first.Publisher.Refused(2);
        first.Publisher.Taken([1]);
        await Answered(11);
        Assert.That(_publisher.Answers.ContainsKey(12), Is.False);
        second.Publisher.Taken([2]);
        await Answered(11, 12);
    }

    [Test]
    public async Task A_leader_that_leads_no_more_is_asked_nothing_until_there_is_another()
    {
        var first = Lead(1);
        Publish(11);
        await Eventually.That(() => first.Text, Is.EqualTo("11"));
        _queue.LeadsNoMore();
        Publish(12);
        var second = Lead(2);
        await Eventually.That(() => second.Text, Is.EqualTo("11 12"));
        Assert.That(first.Text, Is.EqualTo("11"));
    }

    [Test]
    public async Task When_a_message_is_lost_all_without_an_answer_are_sent_again()
    {
        var leader = Lead(1);
        Publish(11, 12);
        await Eventually.That(() => leader.Text, Is.EqualTo("11 12"));
        leader.Publisher.Lost(1);
        Publish(13);
        await Eventually.That(() => leader.Text, Is.EqualTo("11 12 11 12 13"));
    }

    [Test]
    public async Task What_is_said_of_an_earlier_epoch_comes_too_late()
    {
        var second = Lead(2);
        _queue.Leads("n9", 1);
        Publish(11);
        await Eventually.That(() => second.Text, Is.EqualTo("11"));
    }

    [Test]
    public async Task Every_publish_below_the_floor_has_its_answer()
    {
        var leader = Lead(1);
        Publish(11, 12, 13);
        await Eventually.That(() => leader.Text, Is.EqualTo("11 12 13"));
        leader.Publisher.Taken([2]);
        await Answered(12);
        Assert.That(_queue.Floor, Is.EqualTo(1));
        leader.Publisher.Taken([1]);
        await Eventually.That(() => _queue.Floor, Is.EqualTo(3));
    }

    [Test]
    public async Task A_consumer_is_added_at_each_leader()
    {
        var first = Lead(1);
        var consumer = new RecordedConsumer(_queue) { Tag = "c", AutoAck = false, Exclusive = false, Priority = 0, Prefetch = 0 };
        _queue.Post(QueueOperation.AddConsumer(consumer, new Answer<ConsumeResult>()));
        await Eventually.That(() => first.Text, Is.EqualTo("AddConsumer"));
        var second = Lead(2);
        consumer.TurnTo(_queue);
        await Eventually.That(() => second.Text, Is.EqualTo("AddConsumer"));
    }

    [Test]
    public async Task With_the_queue_goes_all_that_waits()
    {
        Publish(11);
        var status = new Answer<QueueStatus>();
        _queue.Post(QueueOperation.Status(status));
        _queue.Close();
        Assert.That((await status.Task).Gone, Is.True);
        Publish(12);
        await Answered(11, 12);
    }

    private Leader Lead(uint epoch)
    {
        var leader = new Leader();
        Volatile.Write(ref _leader, leader);
        _queue.LeadsHere(epoch);
        return leader;
    }

    private void Publish(params ReadOnlySpan<long> numbers)
    {
        foreach (var number in numbers) _queue.Post(QueueOperation.Publish(RecordedPublisher.MessageOf($"{number}"), _publisher, number));
    }

    private Task Answered(params long[] numbers) => Eventually.That(() => _publisher.Answers.Where(answer => answer.Value).Select(answer => answer.Key), Is.EquivalentTo(numbers));

    /// <summary>The copy that leads: notes what it is asked, messages by their bodies.</summary>
    private sealed class Leader : IQueueEndpoint
    {
        private readonly ConcurrentQueue<QueueOperation> _operations = new();

        public QueueDefinition Definition => throw new NotSupportedException();

        public bool IsDeleted => false;

        public string Text => string.Join(' ', _operations.Select(operation => operation.Subject is Message message ? Encoding.UTF8.GetString(message.Content.Body) : $"{operation.Kind}"));

        public IEnumerable<long> Numbers => _operations.Select(operation => operation.Position);

        /// <summary>Of the last message.</summary>
        public INumberedPublisher Publisher => (INumberedPublisher)_operations.Last(operation => operation.Kind == QueueOperationKind.Publish).ReplyTo!;

        public void Post(in QueueOperation operation) => _operations.Enqueue(operation);

        public void PostAndRun(ReadOnlySpan<QueueOperation> operations)
        {
            foreach (ref readonly var operation in operations) _operations.Enqueue(operation);
        }
    }
}
