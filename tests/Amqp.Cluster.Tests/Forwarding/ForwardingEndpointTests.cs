using System.Text;
using AMQP.Net;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Amqp.Testing;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>What channels, operators and other queues post to a queue of another node.</summary>
public class ForwardingEndpointTests
{
    private ForwardingCluster _cluster = null!;

    [SetUp]
    public async Task Start() => _cluster = await ForwardingCluster.Start();

    [TearDown]
    public async Task Stop()
    {
        _cluster.NothingIsWrong();
        await _cluster.DisposeAsync();
    }

    [Test]
    public async Task Operators_look_into_it()
    {
        var queue = await Queue("q");
        new RecordedPublisher().Publish(queue, 1, 5);
        await RecordedConsumer.Consume(queue, prefetch: 2);
        var part = await Answer<BrowsedPart>.Of(queue, reply => QueueOperation.Browse(new BrowsedPart(0, 3), reply));
        Assert.That(part.Messages.Select(message => $"{Encoding.UTF8.GetString(message.Message!.Content.Body)} {message.State}"),
            Is.EqualTo(new[] { "1 Unacknowledged", "2 Unacknowledged", "3 Ready" }));
        Assert.That(part.IsLast, Is.False);
        var rest = await Answer<BrowsedPart>.Of(queue, reply => QueueOperation.Browse(new BrowsedPart(part.Next, 100), reply));
        Assert.That((rest.Messages.Count, rest.IsLast), Is.EqualTo((2, true)));
        Assert.That(await Answer<bool>.Of(queue, reply => QueueOperation.Cancel(part.Next, reply)), Is.False);
    }

    [Test]
    public async Task A_consumer_that_browses_takes_nothing_and_goes_on_after_a_break()
    {
        var queue = await Queue("q");
        var publisher = new RecordedPublisher();
        publisher.Publish(queue, 1, 3);
        var consumer = await RecordedConsumer.Consume(queue, autoAck: true, browsesFrom: 0);
        await Eventually.That(() => consumer.Deliveries.Select(delivery => delivery.Body), Is.EqualTo(new[] { "1", "2", "3" }));
        _cluster.ToLeader.Cut();
        await Eventually.That(() => _cluster.Edge.Logs.Lines, Has.Some.Contains("the link is broken"));
        publisher.Publish(queue, 4, 1);
        await Eventually.That(() => consumer.Deliveries.Select(delivery => delivery.Body), Is.EqualTo(new[] { "1", "2", "3", "4" }));
        Assert.That((await Answer<QueueStatus>.Of(queue, QueueOperation.Status)).ReadyCount, Is.EqualTo(4));
    }

    [Test]
    public async Task Confirm_and_credit_wait_for_the_disk_of_the_leader()
    {
        var queue = await Queue("q", durable: true);
        var publisher = new RecordedPublisher();
        _cluster.Leader.Messages.Hold();
        var properties = new MutableProperties { DeliveryMode = 2 }.Encode();
        var message = new Core.Messages.Message("", "q", new Content(properties, properties.Length));
        queue.PostAndRun([QueueOperation.Publish(message, publisher, 1), QueueOperation.Credit(publisher, message.Size)]);
        Assert.That((await Answer<QueueStatus>.Of(queue, QueueOperation.Status)).ReadyCount, Is.EqualTo(1));
        Assert.That((publisher.Credit, publisher.Answers.Count), Is.EqualTo((0L, 0)));
        _cluster.Leader.Messages.Release();
        await Eventually.That(() => publisher.Answers.GetValueOrDefault(1), Is.True);
        await Eventually.That(() => publisher.Credit, Is.EqualTo(-message.Size));
    }

    [Test]
    public async Task A_refused_publish_is_refused_and_the_others_are_taken()
    {
        var queue = await Queue("q", arguments: FieldTable.From(("x-max-length", FieldValue.From(2)), ("x-overflow", FieldValue.From("reject-publish"))));
        var publisher = new RecordedPublisher();
        publisher.Publish(queue, 1, 5);
        await Eventually.That(() => publisher.Answers.Count, Is.EqualTo(5));
        Assert.That(publisher.Answers.Where(answer => answer.Value).Select(answer => answer.Key).Order(), Is.EqualTo(new long[] { 1, 2 }));
        await Eventually.That(() => publisher.Credit, Is.Zero);
    }

    [Test]
    public async Task Operations_wait_a_while_for_a_session_and_are_done_in_their_order()
    {
        var queue = await Queue("q");
        Assert.That((await Answer<QueueStatus>.Of(queue, QueueOperation.Status)).ReadyCount, Is.Zero);
        _cluster.ToEdge.Cut();
        await Eventually.That(() => _cluster.Edge.Logs.Lines, Has.Some.Contains("the link is broken"));
        var publisher = new RecordedPublisher();
        for (var number = 1; number <= 50; number++) publisher.Publish(queue, number, 1);
        var consumer = await RecordedConsumer.Consume(queue, autoAck: true);
        await Eventually.That(() => consumer.Deliveries.Select(delivery => delivery.Body), Is.EqualTo(Enumerable.Range(1, 50).Select(number => $"{number}")));
        Assert.That(publisher.Answers.Values, Is.All.True);
    }

    [Test]
    public async Task A_limit_that_a_channel_gets_later_is_followed_and_its_places_come_back()
    {
        var queue = await Queue("q");
        var publisher = new RecordedPublisher();
        var consumer = await RecordedConsumer.Consume(queue, acknowledges: true);
        publisher.Publish(queue, 1, 10);
        await Eventually.That(() => consumer.Deliveries.Count, Is.EqualTo(10));
        consumer.Shares = true;
        publisher.Publish(queue, 11, 10);
        await Eventually.That(() => consumer.Deliveries.Count, Is.EqualTo(20));
        consumer.Shares = false;
        publisher.Publish(queue, 21, 10);
        await Eventually.That(() => consumer.Deliveries.Count, Is.EqualTo(30));
        Assert.That(consumer.Deliveries.Select(delivery => delivery.Body), Is.EqualTo(Enumerable.Range(1, 30).Select(number => $"{number}")));
        await Eventually.That(() => (consumer.Taken, consumer.UnackedCount), Is.EqualTo((0, 0)));
        Assert.That(await Answer<int>.Of(queue, reply => QueueOperation.RemoveConsumer(consumer, reply)), Is.Zero);
        Assert.That(consumer.Events, Is.EqualTo(new[] { "added", "removed" }));
    }

    [Test]
    public async Task A_queue_that_is_gone_answers_as_one_on_this_node()
    {
        var queue = await Queue("q");
        Assert.That((await Answer<QueueStatus>.Of(queue, QueueOperation.Status)).Gone, Is.False);
        await Answer<DeleteResult>.Of(queue, reply => QueueOperation.Delete(DeleteConditions.None, reply));
        var publisher = new RecordedPublisher();
        publisher.Publish(queue, 1, 3);
        await Eventually.That(() => publisher.Answers.Values, Is.EqualTo(new[] { true, true, true }), Patience.Answer);
        await Eventually.That(() => publisher.Credit, Is.Zero);
        Assert.That((await Answer<QueueStatus>.Of(queue, QueueOperation.Status)).Gone, Is.True);
        Assert.That((await Answer<DeleteResult>.Of(queue, reply => QueueOperation.Delete(DeleteConditions.None, reply))).Outcome, Is.EqualTo(DeleteOutcome.Gone));
        Assert.That(async () => await RecordedConsumer.Consume(queue), Throws.InvalidOperationException.With.Message.EqualTo("NOT_FOUND - no queue 'q' in vhost '/'"));
        await Eventually.That(() => queue.IsDeleted, Is.True);
        Assert.That(_cluster.Edge.Forwarder.Remote.Open(new QueueDefinition("/", "l", new QueueId(999), false, false, null, FieldTable.Empty, new QueueHome("rabbit@edge", 0))), Is.Null);
        Assert.That(_cluster.Edge.Forwarder.Remote.Open(new QueueDefinition("/", "l", new QueueId(999), false, false, null, FieldTable.Empty)), Is.Null);
    }

    [Test]
    public async Task A_queue_that_its_node_never_hears_of_is_given_up()
    {
        var queue = _cluster.Edge.Forwarder.Remote.Open(new QueueDefinition("/", "ahead", new QueueId(999), true, false, null, FieldTable.Empty, new QueueHome("rabbit@leader", 0)))!;
        var publisher = new RecordedPublisher();
        publisher.Publish(queue, 1, 1);
        Assert.That((await Answer<QueueStatus>.Of(queue, QueueOperation.Status)).Gone, Is.True);
        Assert.That(publisher.Answers.Values, Is.EqualTo(new[] { true }));
    }

    [Test]
    public async Task What_a_holder_has_returns_when_it_is_released()
    {
        var queue = await Queue("q");
        new RecordedPublisher().Publish(queue, 1, 4);
        var consumer = await RecordedConsumer.Consume(queue, prefetch: 3);
        await Eventually.That(() => consumer.Deliveries.Count, Is.EqualTo(3));
        Assert.That((consumer.UnackedCount, consumer.Taken), Is.EqualTo((3, 3)));
        queue.Post(QueueOperation.Settle(Settlement.Acknowledge, consumer, consumer.Deliveries.First().Position));
        // Twice means nothing.
        queue.Post(QueueOperation.Settle(Settlement.Acknowledge, consumer, consumer.Deliveries.First().Position));
        await Eventually.That(() => consumer.Deliveries.Count, Is.EqualTo(4));
        Assert.That(await Answer<int>.Of(queue, reply => QueueOperation.RemoveConsumer(consumer, reply)), Is.EqualTo(3));
        queue.Post(QueueOperation.Release(consumer));
        await Eventually.That(async () => (await Answer<QueueStatus>.Of(queue, QueueOperation.Status)).ReadyCount, Is.EqualTo(3));
        Assert.That((consumer.UnackedCount, consumer.Taken), Is.EqualTo((0, 0)));
        var got = await Answer<GetResult>.Of(queue, reply => QueueOperation.Get(null, reply));
        Assert.That((Encoding.UTF8.GetString(got.Message!.Content.Body), got.Redelivered, got.Remaining), Is.EqualTo(("2", true, 2)));
    }

    private async Task<IQueueEndpoint> Queue(string name, bool durable = false, FieldTable? arguments = null)
    {
        await _cluster.Declare(name, durable, arguments);
        return await _cluster.Edge.Find(name);
    }
}
