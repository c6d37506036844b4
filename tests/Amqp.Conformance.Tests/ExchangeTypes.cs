using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>The exchange types that RabbitMQ has as plugins: those that choose one of what is bound.</summary>
[Same]
public sealed class ExchangeTypeTests : ConformanceFixture
{
    private const int Messages = 600;

    [Test]
    public async Task A_consistent_hash_gives_each_its_share_and_the_same_key_to_the_same_queue()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, "x-consistent-hash");
        var (small, large) = (await DeclareBoundQueue(channel, exchange, "1"), await DeclareBoundQueue(channel, exchange, "3"));
        await PublishKeys(channel, exchange, Numbers(Messages));
        var (first, second) = (await Drain(channel, small), await Drain(channel, large));
        Assert.That(first.Count + second.Count, Is.EqualTo(Messages));
        Assert.That(first, Has.Count.InRange(Messages / 8, Messages * 3 / 8), "a quarter or so");
        await PublishKeys(channel, exchange, Numbers(Messages));
        Assert.That((await Drain(channel, small), await Drain(channel, large)), Is.EqualTo((first, second)));
    }

    [Test]
    public async Task A_consistent_hash_moves_little_when_a_queue_comes()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, "x-consistent-hash");
        var (one, two) = (await DeclareBoundQueue(channel, exchange, "1"), await DeclareBoundQueue(channel, exchange, "1"));
        await PublishKeys(channel, exchange, Numbers(Messages));
        var (first, second) = (await Drain(channel, one), await Drain(channel, two));
        var three = await DeclareBoundQueue(channel, exchange, "1");
        await PublishKeys(channel, exchange, Numbers(Messages));
        Assert.That(await Drain(channel, one), Is.SubsetOf(first));
        Assert.That(await Drain(channel, two), Is.SubsetOf(second));
        Assert.That(await Drain(channel, three), Has.Count.InRange(Messages / 6, Messages / 2), "a third or so");
    }

    [TestCase("hash-header", "h")]
    [TestCase("hash-property", "message_id")]
    [TestCase("hash-property", "correlation_id")]
    [TestCase("hash-property", "timestamp")]
    public async Task It_may_go_by_a_header_or_a_property(string argument, string name)
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, "x-consistent-hash", arguments: Table((argument, name)));
        var queues = new[] { await DeclareBoundQueue(channel, exchange, "1"), await DeclareBoundQueue(channel, exchange, "1") };
        for (var number = 0; number < 100; number++)
        {
            var value = $"{number % 20}";
            var properties = new BasicProperties
            {
                Headers = Table(("h", value)),
                MessageId = value,
                CorrelationId = value,
                Timestamp = new AmqpTimestamp(1_700_000_000 + (number % 20)),
            };
            await channel.BasicPublishAsync(exchange, $"{number}", mandatory: false, properties, Bytes(value));
        }
        var got = new[] { await Drain(channel, queues[0]), await Drain(channel, queues[1]) };
        Assert.That(got[0].Count + got[1].Count, Is.EqualTo(100));
        Assert.That(got[0].Distinct().Intersect(got[1]), Is.Empty, "the same value, the same queue");
        Assert.That(got, Has.All.Not.Empty);
    }

    [TestCase("x", "The binding key must be an integer: <<\"x\">>")]
    [TestCase("", "The binding key must be an integer: <<>>")]
    [TestCase("0", "The binding key must be greater than 0")]
    [TestCase("-1", "The binding key must be greater than 0")]
    public async Task A_binding_key_that_is_no_weight_is_refused(string key, string text)
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "x-consistent-hash");
        var queue = await DeclareQueue(channel);
        await ExpectClose(() => channel.QueueBindAsync(queue, exchange, key), 406, $"PRECONDITION_FAILED - {text}");
    }

    [Test]
    public async Task Arguments_that_mean_nothing_to_it_are_refused()
    {
        await ExpectClose(
            async () => await DeclareExchange(await OpenChannel(), "x-consistent-hash", arguments: Table(("hash-header", "h"), ("hash-property", "message_id"))),
            406, "PRECONDITION_FAILED - hash-header and hash-property are mutually exclusive");
        await ExpectClose(
            async () => await DeclareExchange(await OpenChannel(), "x-consistent-hash", arguments: Table(("hash-property", "app_id"))),
            406, "PRECONDITION_FAILED - Unsupported property: app_id");
    }

    [Test]
    public async Task A_random_exchange_chooses_one()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, "x-random");
        var (one, two) = (await DeclareBoundQueue(channel, exchange, "a"), await DeclareBoundQueue(channel, exchange, "b"));
        for (var number = 0; number < 100; number++) await channel.BasicPublishAsync(exchange, "same", Bytes($"{number}"));
        var (first, second) = (await Drain(channel, one), await Drain(channel, two));
        Assert.That((first.Count + second.Count, first.Intersect(second).Any()), Is.EqualTo((100, false)));
        Assert.That((first.Count > 0, second.Count > 0), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task A_modulus_hash_chooses_by_the_key()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, "x-modulus-hash");
        var (one, two) = (await DeclareBoundQueue(channel, exchange, ""), await DeclareBoundQueue(channel, exchange, ""));
        await PublishKeys(channel, exchange, Numbers(100));
        var (first, second) = (await Drain(channel, one), await Drain(channel, two));
        Assert.That((first.Count + second.Count, first.Count > 20, second.Count > 20), Is.EqualTo((100, true, true)));
        await PublishKeys(channel, exchange, Numbers(100));
        Assert.That((await Drain(channel, one), await Drain(channel, two)), Is.EqualTo((first, second)));
    }

    [TestCase("x-consistent-hash")]
    [TestCase("x-random")]
    [TestCase("x-modulus-hash")]
    public async Task With_nothing_bound_the_alternate_exchange_is_asked(string type)
    {
        var channel = await OpenConfirmChannel();
        var alternate = await DeclareExchange(channel, "fanout");
        var queue = await DeclareBoundQueue(channel, alternate, "");
        var exchange = await DeclareExchange(channel, type, arguments: Table(("alternate-exchange", alternate)));
        await PublishKeys(channel, exchange, "m");
        Assert.That(await Drain(channel, queue), Is.EqualTo((string[])["m"]));
    }

    [Test]
    [Newer]
    public async Task A_local_random_exchange_is_bound_to_queues_without_a_key()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, "x-local-random");
        var (one, two) = (await DeclareBoundQueue(channel, exchange, ""), await DeclareBoundQueue(channel, exchange, ""));
        for (var number = 0; number < 100; number++) await channel.BasicPublishAsync(exchange, "any", Bytes($"{number}"));
        var (first, second) = (await Drain(channel, one), await Drain(channel, two));
        Assert.That((first.Count + second.Count, first.Count > 0, second.Count > 0), Is.EqualTo((100, true, true)));
        await ExpectClose(() => channel.QueueBindAsync(one, exchange, "k"), 406, "PRECONDITION_FAILED - Non empty binding 'k' key not permitted");
        var other = await OpenChannel();
        await ExpectClose(() => other.ExchangeBindAsync("amq.fanout", exchange, ""), 406, "PRECONDITION_FAILED - Destination not found");
    }

    [Test]
    public async Task There_is_no_federation()
    {
        var connection = await Connect();
        var channel = await OpenChannel(connection);
        await ExpectClose(
            () => channel.ExchangeDeclareAsync("federated", "x-federation-upstream", durable: true), 503,
            "COMMAND_INVALID - unknown exchange type 'x-federation-upstream'");
    }

    [Test]
    public async Task Where_messages_go_does_not_change_with_a_restart()
    {
        var broker = await StartOwnBroker();
        string[] queues = ["one", "two", "three"];
        var before = await Spread(declares: true);
        await broker.Stop();
        await broker.Restart();
        Assert.That(await Spread(declares: false), Is.EqualTo(before));

        async Task<List<List<string>>> Spread(bool declares)
        {
            await using var connection = await Factory(broker.Port).CreateConnectionAsync();
            var channel = await connection.CreateChannelAsync();
            if (declares) await channel.ExchangeDeclareAsync("hash", "x-consistent-hash", durable: true);
            foreach (var queue in queues)
            {
                await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
                if (declares) await channel.QueueBindAsync(queue, "hash", "2");
            }
            await PublishKeys(channel, "hash", Numbers(100));
            var spread = new List<List<string>>();
            foreach (var queue in queues) spread.Add(await Drain(channel, queue));
            return spread;
        }
    }

    /// <summary>A message for each key, with the key as its text.</summary>
    private static async Task PublishKeys(IChannel channel, string exchange, params string[] keys)
    {
        foreach (var key in keys) await channel.BasicPublishAsync(exchange, key, Bytes(key));
    }
}
