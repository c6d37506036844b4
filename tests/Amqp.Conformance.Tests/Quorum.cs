using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>x-queue-type: quorum, and what it has that classic queues do not.</summary>
[Same]
public sealed class QuorumTests : ConformanceFixture
{
    [TestCase(false, false, false, "non-durable")]
    [TestCase(true, true, false, "exclusive-owner")]
    [TestCase(true, false, true, "auto-delete")]
    [TestCase(true, true, true, "auto-delete")]
    public async Task Its_properties_are_checked(bool durable, bool exclusive, bool autoDelete, string property)
    {
        var queue = Name();
        var channel = await OpenChannel();
        await ExpectClose(
            () => channel.QueueDeclareAsync(queue, durable, exclusive, autoDelete, Quorum()), 406,
            $"PRECONDITION_FAILED - invalid property '{property}' for queue '{queue}' in vhost '/'");
    }

    [TestCase("x-max-priority")]
    [TestCase("x-queue-mode")]
    public async Task It_does_not_have_all_arguments(string argument)
    {
        var queue = Name();
        var channel = await OpenChannel();
        object value = argument == "x-queue-mode" ? "lazy" : 5;
        await ExpectClose(
            () => DeclareQueue(channel, queue, durable: true, arguments: Quorum((argument, value))), 406,
            $"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}' in vhost '/' of queue type rabbit_quorum_queue");
    }

    [Test]
    public async Task The_server_gives_it_no_name()
    {
        var channel = await OpenChannel();
        await ExpectClose(
            () => channel.QueueDeclareAsync("", durable: true, exclusive: false, autoDelete: false, Quorum()), 406,
            "PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_quorum_queue");
    }

    [Test]
    public async Task A_queue_of_another_type_is_not_equivalent()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, durable: true, arguments: Quorum());
        await DeclareQueue(channel, queue, durable: true, arguments: Quorum());
        await ExpectClose(
            () => DeclareQueue(channel, queue, durable: true), 406,
            $"PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue '{queue}' in vhost '/': received none but current is the value 'quorum' of type 'longstr'");
    }

    [Test]
    public async Task Its_arguments_are_accepted()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, durable: true, arguments: Quorum(
            ("x-quorum-initial-group-size", 3), ("x-max-in-memory-length", 0), ("x-max-in-memory-bytes", 0), ("x-queue-leader-locator", "client-local"),
            ("x-delivery-limit", 10), ("x-message-ttl", 60_000), ("x-expires", 600_000), ("x-max-length", 100), ("x-overflow", "reject-publish")));
        await Publish(channel, queue, "m");
        Assert.That(await Drain(channel, queue), Is.EqualTo((string[])["m"]));
    }

    [Test]
    public async Task A_message_that_came_back_says_how_often()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, durable: true, arguments: Quorum());
        await Publish(channel, queue, "m");
        for (var time = 0; time < 4; time++)
        {
            var got = await Get(channel, queue);
            Assert.That(got.Redelivered, Is.EqualTo(time > 0));
            if (time > 0) Assert.That(Count(got.BasicProperties), Is.EqualTo((long)time)); // RabbitMQ 3.10 says 0 at first, 3.13 nothing
            await channel.BasicNackAsync(got.DeliveryTag, multiple: false, requeue: time % 2 == 0);
            if (time % 2 == 0) continue;
            await Publish(channel, queue, "m"); // that one was rejected
            break;
        }
        var consumer = await Subscriber.Start(channel, queue);
        var delivery = await consumer.Next();
        Assert.That((delivery.Redelivered, Count(delivery.Properties)), Is.EqualTo((false, (object?)null)));
        await channel.BasicRejectAsync(delivery.Tag, requeue: true);
        delivery = await consumer.Next();
        Assert.That((delivery.Redelivered, Count(delivery.Properties)), Is.EqualTo((true, (object?)1L)));
        await channel.BasicAckAsync(delivery.Tag, multiple: false);
    }

    [Test]
    public async Task A_message_that_comes_back_too_often_is_dead_lettered()
    {
        ExpectLog("came back more often than its delivery limit");
        var channel = await OpenConfirmChannel();
        var dead = await DeclareQueue(channel);
        var queue = await DeclareQueue(channel, durable: true, arguments: Quorum(
            ("x-delivery-limit", 1), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", dead)));
        await Publish(channel, queue, "m");
        for (var time = 0; time < 2; time++) await channel.BasicRejectAsync((await Get(channel, queue)).DeliveryTag, requeue: true);
        var letter = await Get(channel, dead, autoAck: true);
        var death = (IDictionary<string, object?>)((IList<object>)letter.BasicProperties.Headers!["x-death"]!)[0];
        Assert.That((Text(death["reason"]), Text(death["queue"]), death["count"]), Is.EqualTo(("delivery_limit", queue, (object)1L)));
        await ExpectReady(channel, queue, 0);
    }

    [Test]
    public async Task What_a_client_that_is_gone_had_counts_as_returned()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, durable: true, arguments: Quorum());
        await Publish(channel, queue, "m");
        var other = await Connect();
        await Get(await OpenChannel(other), queue);
        await other.CloseAsync();
        Assert.That(Count((await Get(channel, queue)).BasicProperties), Is.EqualTo(1L));
    }

    [Test]
    public async Task A_prefetch_that_consumers_share_is_refused()
    {
        var connection = await Connect();
        var channel = await OpenChannel(connection);
        var queue = await DeclareQueue(channel, durable: true, arguments: Quorum());
        await channel.BasicQosAsync(0, 10, global: true);
        await ExpectClose(() => Subscriber.Start(channel, queue), 540, $"NOT_IMPLEMENTED - queue '{queue}' in vhost '/' does not support global qos");
    }

    [Test]
    public async Task With_a_single_active_consumer_nothing_can_be_got()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, durable: true, arguments: Quorum(("x-single-active-consumer", true)));
        await ExpectClose(
            () => channel.BasicGetAsync(queue, autoAck: false), 405,
            $"RESOURCE_LOCKED - cannot obtain access to locked queue '{queue}' in vhost '/'. basic.get operations are not supported by quorum queues with single active consumer");
    }

    [Test]
    [Ours]
    public async Task With_at_least_once_a_dead_letter_waits_for_a_queue_that_gets_it()
    {
        ExpectLog("They are tried again every 5 s");
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, "direct");
        var queue = await DeclareQueue(channel, durable: true, arguments: AtLeastOnce(exchange));
        await Publish(channel, queue, "m");
        await channel.BasicRejectAsync((await Get(channel, queue)).DeliveryTag, requeue: false);
        await Publish(channel, queue, "after"); // the queue has come as far as that
        var dead = await DeclareBoundQueue(channel, exchange, "dead");
        await Eventually.That(async () => (await channel.QueueDeclarePassiveAsync(dead)).MessageCount, Is.EqualTo(1u), within: TimeSpan.FromSeconds(20));
    }

    [Test]
    [Ours]
    public async Task With_at_least_once_a_dead_letter_waits_for_room()
    {
        ExpectLog("They are tried again every 5 s");
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        var full = await DeclareQueue(channel, arguments: Table(("x-max-length", 1), ("x-overflow", "reject-publish")));
        var free = await DeclareQueue(channel);
        await channel.QueueBindAsync(full, exchange, "");
        await channel.QueueBindAsync(free, exchange, "");
        await Publish(channel, full, "before");
        var queue = await DeclareQueue(channel, durable: true, arguments: AtLeastOnce(exchange));
        await Publish(channel, queue, "m");
        await channel.BasicRejectAsync((await Get(channel, queue)).DeliveryTag, requeue: false);
        Assert.That(await Drain(channel, free), Is.EqualTo((string[])["m"]));
        await Publish(channel, queue, "after");
        await Get(channel, full, autoAck: true);
        await Eventually.That(async () => (await channel.QueueDeclarePassiveAsync(full)).MessageCount, Is.EqualTo(1u), within: TimeSpan.FromSeconds(20));
        Assert.That(await Drain(channel, free), Is.Empty, "it is sent again only to the queue that refused it");
    }

    [Test]
    [Ours]
    public async Task A_classic_queue_can_have_a_delivery_limit()
    {
        ExpectLog("came back more often than its delivery limit");
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-delivery-limit", 1)));
        await Publish(channel, queue, "m", "n");
        await channel.BasicRejectAsync((await Get(channel, queue)).DeliveryTag, requeue: true);
        var again = await Get(channel, queue);
        Assert.That(Count(again.BasicProperties), Is.EqualTo(1L));
        await channel.BasicRejectAsync(again.DeliveryTag, requeue: true);
        Assert.That(await Drain(channel, queue), Is.EqualTo((string[])["n"]));
    }

    private static Dictionary<string, object?> AtLeastOnce(string exchange) => Quorum(
        ("x-dead-letter-strategy", "at-least-once"), ("x-overflow", "reject-publish"), ("x-dead-letter-exchange", exchange), ("x-dead-letter-routing-key", "dead"));

    private static Dictionary<string, object?> Quorum(params (string, object?)[] arguments) => Table([("x-queue-type", "quorum"), .. arguments]);

    private static object? Count(IReadOnlyBasicProperties properties) => properties.Headers is { } headers && headers.TryGetValue("x-delivery-count", out var count) ? count : null;

    private static string Text(object? value) => System.Text.Encoding.UTF8.GetString((byte[])value!);
}
