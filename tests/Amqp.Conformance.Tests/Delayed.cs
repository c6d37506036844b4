using System.Text;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>x-delayed-message, as RabbitMQ's plug-in has it (rabbit_exchange_type_delayed_message.erl), which Debian does not.</summary>
[Newer]
public sealed class DelayedTests : ConformanceFixture
{
    private const string Delayed = "x-delayed-message";

    [Test]
    public async Task Messages_arrive_when_they_are_due_and_those_without_a_delay_at_once()
    {
        var (channel, exchange, queue) = await DelayedQueue();
        var published = DateTime.UtcNow;
        foreach (var ms in (int[])[1_600, 800, 1_200]) await PublishDelayed(channel, exchange, $"{ms}", ms);
        await channel.BasicPublishAsync(exchange, "key", Bytes("none"));
        await PublishDelayed(channel, exchange, "zero", 0);
        await PublishDelayed(channel, exchange, "negative", -5);
        Assert.That(await Drain(channel, queue), Is.EqualTo(["none", "zero", "negative"]));
        foreach (var ms in (int[])[800, 1_200, 1_600])
        {
            var message = await Get(channel, queue, autoAck: true);
            Assert.That(Encoding.UTF8.GetString(message.Body.Span), Is.EqualTo($"{ms}"));
            Assert.That((DateTime.UtcNow - published).TotalMilliseconds, Is.GreaterThanOrEqualTo(ms));
            Assert.That(message.BasicProperties.Headers!["x-delay"], Is.EqualTo(-(long)ms), "as the plug-in says that it has waited");
            Assert.That((message.Exchange, message.RoutingKey), Is.EqualTo((exchange, "key")));
        }
    }

    [Test]
    public async Task A_delay_may_be_digits_or_a_number_of_any_width()
    {
        var (channel, exchange, queue) = await DelayedQueue();
        object[] delays = ["100", (short)100, 100L, 100.7, (byte)100];
        foreach (var delay in delays)
        {
            var published = DateTime.UtcNow;
            await PublishDelayed(channel, exchange, $"{delay.GetType().Name}", delay);
            var message = await Get(channel, queue, autoAck: true);
            Assert.That((DateTime.UtcNow - published).TotalMilliseconds, Is.GreaterThanOrEqualTo(95));
            Assert.That((Encoding.UTF8.GetString(message.Body.Span), message.BasicProperties.Headers!["x-delay"]), Is.EqualTo((delay.GetType().Name, (object)-100L)));
        }
    }

    [TestCase("direct", "a.b", "a.b", "b.b")]
    [TestCase("topic", "a.*", "a.b", "b.b")]
    [TestCase("fanout", "", "anything", null)]
    public async Task It_routes_as_its_argument_says(string type, string bindingKey, string matching, string? other)
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, Delayed, arguments: Table(("x-delayed-type", type)));
        var queue = await DeclareBoundQueue(channel, exchange, bindingKey);
        foreach (var delay in (int[])[0, 100])
        {
            if (other is not null) await PublishDelayed(channel, exchange, "other", delay, other);
            await PublishDelayed(channel, exchange, "matching", delay, matching);
            Assert.That((await Get(channel, queue, autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("matching")));
        }
        Assert.That(await Drain(channel, queue), Is.Empty);
    }

    [Test]
    public async Task Where_it_goes_is_decided_when_it_is_due()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, Delayed, arguments: Table(("x-delayed-type", "direct")));
        await PublishDelayed(channel, exchange, "m", 1_500);
        var queue = await DeclareBoundQueue(channel, exchange, "key");
        Assert.That((await Get(channel, queue)).Body.ToArray(), Is.EqualTo(Bytes("m")));
    }

    [Test]
    public async Task An_exchange_bound_to_another_delays_what_comes_from_there_once()
    {
        var (channel, second, queue) = await DelayedQueue();
        var first = await DeclareExchange(channel, Delayed, arguments: Table(("x-delayed-type", "fanout")));
        var source = await DeclareExchange(channel, "fanout");
        await channel.ExchangeBindAsync(second, first, "");
        await channel.ExchangeBindAsync(first, source, "");
        var published = DateTime.UtcNow;
        await PublishDelayed(channel, source, "m", 1_500);
        await Get(channel, queue);
        Assert.That((DateTime.UtcNow - published).TotalMilliseconds, Is.InRange(1_500, 2_900), "not once more in the second");
    }

    [Test]
    public async Task Everything_of_the_message_is_as_it_was()
    {
        var (channel, exchange, queue) = await DelayedQueue();
        var byCc = await DeclareBoundQueue(channel, exchange, "cc");
        var byBcc = await DeclareBoundQueue(channel, exchange, "bcc");
        var properties = new BasicProperties
        {
            Headers = Table(("x-delay", 100), ("a", "b"), ("CC", new List<object> { "cc" }), ("BCC", new List<object> { "bcc" })),
            MessageId = "id",
            DeliveryMode = DeliveryModes.Transient,
            Expiration = "3000",
            Priority = 3,
        };
        await channel.BasicPublishAsync(exchange, "key", mandatory: false, properties, Bytes("m"));
        foreach (var each in (string[])[queue, byCc])
        {
            var got = (await Get(channel, each)).BasicProperties;
            Assert.That((got.MessageId, got.DeliveryMode, got.Expiration, got.Priority), Is.EqualTo(("id", DeliveryModes.Transient, "3000", (byte)3)));
            Assert.That(got.Headers!.Keys, Is.SupersetOf((string[])["x-delay", "a", "CC"]).And.No.Member("BCC"));
        }
        await ExpectReady(channel, byBcc, 1);
        await ExpectReady(channel, byBcc, 0); // its time to live began when it arrived
    }

    [Test]
    public async Task A_transaction_delays_what_it_publishes_from_its_commit_on()
    {
        var (_, exchange, queue) = await DelayedQueue();
        var channel = await OpenChannel();
        await channel.TxSelectAsync();
        await PublishDelayed(channel, exchange, "rolled back", 100);
        await channel.TxRollbackAsync();
        await PublishDelayed(channel, exchange, "m", 200);
        var committed = DateTime.UtcNow;
        await channel.TxCommitAsync();
        Assert.That((await Get(channel, queue, autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("m")));
        Assert.That((DateTime.UtcNow - committed).TotalMilliseconds, Is.GreaterThanOrEqualTo(195));
        Assert.That(await channel.BasicGetAsync(queue, autoAck: true), Is.Null);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task What_waits_survives_the_broker_transient_or_not(bool isKilled)
    {
        var broker = await StartOwnBroker();
        var due = DateTime.UtcNow + TimeSpan.FromSeconds(4);
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            await channel.ExchangeDeclareAsync("delayed", Delayed, durable: true, arguments: Table(("x-delayed-type", "direct")));
            await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: false);
            await channel.QueueBindAsync("q", "delayed", "key");
            await PublishDelayed(channel, "delayed", "late", (due - DateTime.UtcNow).TotalMilliseconds);
            await PublishDelayed(channel, "delayed", "early", 50);
            Assert.That((await Get(channel, "q", autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("early")));
            await PublishDelayed(channel, "delayed", "meanwhile", 2_000);
        }
        await (isKilled ? broker.Kill() : broker.Stop());
        await broker.Restart();
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync();
            Assert.That((await Get(channel, "q", autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("meanwhile")));
            Assert.That((await Get(channel, "q", autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("late")));
            Assert.That(DateTime.UtcNow, Is.GreaterThanOrEqualTo(due - TimeSpan.FromMilliseconds(5)));
        }
    }

    [Test]
    public async Task What_waits_goes_with_its_exchange()
    {
        var (channel, exchange, queue) = await DelayedQueue();
        await PublishDelayed(channel, exchange, "gone", 1_500);
        await channel.ExchangeDeleteAsync(exchange);
        await DeclareExchange(channel, Delayed, exchange, arguments: Table(("x-delayed-type", "direct")));
        await channel.QueueBindAsync(queue, exchange, "key");
        await PublishDelayed(channel, exchange, "m", 1_700);
        Assert.That((await Get(channel, queue)).Body.ToArray(), Is.EqualTo(Bytes("m")));
    }

    [Test]
    public async Task The_type_to_route_by_has_to_be_one()
    {
        var channel = await OpenChannel();
        await ExpectClose(() => DeclareExchange(channel, Delayed), 406, "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type");
        channel = await OpenChannel();
        await ExpectClose(
            () => DeclareExchange(channel, Delayed, arguments: Table(("x-delayed-type", 1))), 406,
            "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type");
        channel = await OpenChannel();
        await ExpectClose(
            () => DeclareExchange(channel, Delayed, arguments: Table(("x-delayed-type", Delayed))), 406,
            "PRECONDITION_FAILED - Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'");
        channel = await OpenChannel();
        await ExpectClose(() => DeclareExchange(channel, Delayed, arguments: Table(("x-delayed-type", "x-none"))), 406, "PRECONDITION_FAILED - unknown exchange type 'x-none'");
    }

    [Test]
    [Ours]
    public async Task A_delay_that_is_none_is_refused()
    {
        var (_, exchange, _) = await DelayedQueue();
        foreach (var (delay, type) in ((object, string)[])[("soon", "longstr"), (true, "bool"), (315_360_000_001, "long")])
        {
            var channel = await OpenChannel();
            await PublishDelayed(channel, exchange, "m", delay);
            await ExpectClose(channel, 406, $"PRECONDITION_FAILED - invalid x-delay '{delay.ToString()!.ToLowerInvariant()}' of type '{type}': not a number of milliseconds up to 315360000000");
        }
    }

    [Test]
    [Ours]
    public async Task A_delay_may_be_a_level()
    {
        var (channel, exchange, queue) = await DelayedQueue();
        var published = DateTime.UtcNow;
        await channel.BasicPublishAsync(exchange, "key", mandatory: false, new BasicProperties { Headers = Table(("x-delay-level", 1)) }, Bytes("m"));
        var message = await Get(channel, queue);
        Assert.That((DateTime.UtcNow - published).TotalMilliseconds, Is.GreaterThanOrEqualTo(1_000));
        Assert.That(message.BasicProperties.Headers!["x-delay-level"], Is.EqualTo(-1L));
    }

    [Test]
    [Ours]
    public async Task A_message_that_waits_is_not_returned_to_its_publisher()
    {
        var (channel, exchange, queue) = await DelayedQueue();
        // With the plug-in it is returned, and arrives all the same; this channel's publish would throw.
        await channel.BasicPublishAsync(exchange, "key", mandatory: true, new BasicProperties { Headers = Table(("x-delay", 50)) }, Bytes("m"));
        await Get(channel, queue);
    }

    [Test]
    [Ours]
    public async Task A_delayed_message_that_a_full_queue_refuses_waits_for_room()
    {
        ExpectLog("They are tried again every 5 s, and when many wait so");
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, Delayed, arguments: Table(("x-delayed-type", "fanout")));
        var queue = await DeclareQueue(channel, arguments: Table(("x-max-length", 1), ("x-overflow", "reject-publish")));
        await channel.QueueBindAsync(queue, exchange, "");
        await PublishDelayed(channel, exchange, "first", 0);
        await PublishDelayed(channel, exchange, "second", 50);
        await Eventually.True(() => SharedBroker.Process!.Log.Lines.Any(line => line.Contains($"Messages that exchange '{exchange}'", StringComparison.Ordinal)));
        Assert.That((await Get(channel, queue, autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("first")));
        Assert.That((await Get(channel, queue, autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("second")));
    }

    private async Task<(IChannel Channel, string Exchange, string Queue)> DelayedQueue()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, Delayed, arguments: Table(("x-delayed-type", "direct")));
        return (channel, exchange, await DeclareBoundQueue(channel, exchange, "key"));
    }

    private static async Task PublishDelayed(IChannel channel, string exchange, string text, object delay, string routingKey = "key") =>
        await channel.BasicPublishAsync(exchange, routingKey, mandatory: false, new BasicProperties { Headers = Table(("x-delay", delay)) }, Bytes(text));
}
