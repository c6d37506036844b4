using System.Text;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>x-message-deduplication, the exchange type and the argument of queues, as the plug-in of that name has them.</summary>
[Newer]
public sealed class DeduplicationTests : ConformanceFixture
{
    private const string Deduplication = "x-message-deduplication";

    [Test]
    public async Task An_exchange_lets_each_key_pass_once_and_confirms_all()
    {
        var (channel, exchange, queue) = await DeduplicatedQueue(("x-cache-size", 100));
        foreach (var (text, key) in ((string, object?)[])[("1", "a"), ("2", "a"), ("3", "b"), ("4", null), ("5", null), ("6", 7), ("7", 7L), ("8", "7")])
            await PublishKeyed(channel, exchange, text, key);
        await ExpectReady(channel, queue, 6);
        Assert.That(await Drain(channel, queue), Is.EquivalentTo(["1", "3", "4", "5", "6", "8"]));
        await PublishKeyed(channel, exchange, "9", "a");
        await PublishKeyed(channel, exchange, "10", "c");
        await ExpectReady(channel, queue, 1);
        Assert.That(await Drain(channel, queue), Is.EqualTo(["10"]), "also when its message is gone");
    }

    [Test]
    public async Task It_remembers_so_many_keys()
    {
        var (channel, exchange, queue) = await DeduplicatedQueue(("x-cache-size", "2"));
        foreach (var key in (string[])["a", "b", "c"]) await PublishKeyed(channel, exchange, key, key);
        await ExpectReady(channel, queue, 3);
        await Eventually.True(async () =>
        {
            await PublishKeyed(channel, exchange, "a again", "a");
            return (await channel.QueueDeclarePassiveAsync(queue)).MessageCount == 4;
        });
        await PublishKeyed(channel, exchange, "c again", "c");
        await PublishKeyed(channel, exchange, "d", "d");
        await ExpectReady(channel, queue, 5);
        Assert.That(await Drain(channel, queue), Is.EqualTo(["a", "b", "c", "a again", "d"]));
    }

    [Test]
    public async Task It_remembers_for_so_long()
    {
        var (channel, exchange, queue) = await DeduplicatedQueue(("x-cache-size", 10), ("x-cache-ttl", 300));
        var published = DateTime.UtcNow;
        await PublishKeyed(channel, exchange, "m", "a");
        await ExpectReady(channel, queue, 1);
        await Eventually.True(async () =>
        {
            await PublishKeyed(channel, exchange, "m", "a");
            return (await channel.QueueDeclarePassiveAsync(queue)).MessageCount == 2;
        });
        Assert.That((DateTime.UtcNow - published).TotalMilliseconds, Is.GreaterThanOrEqualTo(300));
    }

    [Test]
    public async Task A_queue_takes_no_message_whose_key_one_in_it_has()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table((Deduplication, true)));
        foreach (var (text, key) in ((string, string?)[])[("1", "a"), ("2", "a"), ("3", "b"), ("4", null)]) await PublishKeyed(channel, "", text, key, queue);
        Assert.That((await channel.QueueDeclarePassiveAsync(queue)).MessageCount, Is.EqualTo(3));
        var held = await Get(channel, queue);
        await PublishKeyed(channel, "", "5", "a", queue);
        await channel.BasicAckAsync(held.DeliveryTag, multiple: false);
        Assert.That(await Drain(channel, queue), Is.EqualTo(["3", "4"]));
        await PublishKeyed(channel, "", "6", "a", queue);
        Assert.That(await Drain(channel, queue), Is.EqualTo(["6"]));
    }

    [TestCase(true)]
    [TestCase(false)]
    [Ours]
    public async Task Keys_are_remembered_over_restarts(bool isKilled)
    {
        var broker = await StartOwnBroker();
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            await channel.ExchangeDeclareAsync("x", Deduplication, durable: true, arguments: Table(("x-cache-size", 10)));
            await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: false, Table((Deduplication, true)));
            await channel.QueueBindAsync("q", "x", "");
            await PublishKeyed(channel, "x", "1", "a", persistent: true);
            await PublishKeyed(channel, "", "2", "b", "q", persistent: true);
            Assert.That(Encoding.UTF8.GetString((await Get(channel, "q", autoAck: true)).Body.Span), Is.EqualTo("2").Or.EqualTo("1"));
            await ExpectReady(channel, "q", 1);
            await PublishKeyed(channel, "x", "3", "c", persistent: true);
            await ExpectReady(channel, "q", 2);
            await channel.BasicPublishAsync("", "q", mandatory: false, new BasicProperties { Persistent = true }, Bytes("what came before is written"));
        }
        await (isKilled ? broker.Kill() : broker.Stop());
        await broker.Restart();
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            var before = (await channel.QueueDeclarePassiveAsync("q")).MessageCount;
            foreach (var key in (string[])["a", "c"]) await PublishKeyed(channel, "x", "duplicate in the exchange", key, persistent: true);
            await PublishKeyed(channel, "", "duplicate in the queue", "c", "q", persistent: true);
            await PublishKeyed(channel, "x", "new", "d", persistent: true);
            await ExpectReady(channel, "q", before + 1);
            Assert.That(await Drain(channel, "q"), Has.None.StartWith("duplicate").And.Member("new"));
        }
    }

    [Test]
    public async Task A_transaction_deduplicates_what_it_publishes()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table((Deduplication, true)));
        await channel.TxSelectAsync();
        await PublishKeyed(channel, "", "1", "a", queue);
        await channel.TxRollbackAsync();
        foreach (var text in Numbers(3)) await PublishKeyed(channel, "", text, "a", queue);
        await channel.TxCommitAsync();
        await PublishKeyed(channel, "", "4", "a", queue);
        await channel.TxCommitAsync();
        Assert.That((await channel.QueueDeclarePassiveAsync(queue)).MessageCount, Is.EqualTo(1));
    }

    [TestCase(null, null, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0")]
    [TestCase("x-cache-size", 0, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0")]
    [TestCase("x-cache-size", "many", "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0")]
    [TestCase("x-cache-ttl", -1, "Invalid argument, 'x-cache-ttl' must be an integer greater than 0")]
    [TestCase("x-cache-persistence", "paper", "Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'")]
    public async Task Arguments_of_the_exchange_that_mean_nothing_are_refused(string? argument, object? value, string text)
    {
        var channel = await OpenChannel();
        var arguments = argument is null ? Table() : Table(("x-cache-size", 1));
        if (argument is not null) arguments[argument] = value;
        await ExpectClose(() => DeclareExchange(channel, Deduplication, arguments: arguments), 406, $"PRECONDITION_FAILED - {text}");
    }

    private async Task<(IChannel Channel, string Exchange, string Queue)> DeduplicatedQueue(params (string Name, object? Value)[] arguments)
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, Deduplication, arguments: Table(arguments));
        return (channel, exchange, await DeclareBoundQueue(channel, exchange, ""));
    }

    private static async Task PublishKeyed(IChannel channel, string exchange, string text, object? key, string routingKey = "", bool persistent = false)
    {
        var properties = new BasicProperties { Persistent = persistent };
        if (key is not null) properties.Headers = Table(("x-deduplication-header", key));
        await channel.BasicPublishAsync(exchange, routingKey, mandatory: false, properties, Bytes(text));
    }
}
