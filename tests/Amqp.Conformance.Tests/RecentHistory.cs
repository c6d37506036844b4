using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>x-recent-history: a fanout exchange that gives its last messages to each queue that is bound to it.</summary>
[Same]
public sealed class RecentHistoryTests : ConformanceFixture
{
    private const string RecentHistory = "x-recent-history";

    [Test]
    public async Task A_queue_that_is_bound_has_the_last_messages_at_once_and_then_all_that_come()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, RecentHistory);
        var first = await DeclareBoundQueue(channel, exchange, "");
        await PublishAll(channel, exchange, Numbers(25));
        Assert.That(await Drain(channel, first), Is.EqualTo(Numbers(25)));
        var second = await DeclareBoundQueue(channel, exchange, "any key");
        await PublishAll(channel, exchange, ["26"]);
        Assert.That(await Drain(channel, second), Is.EqualTo(Numbers(26)[5..]));
        Assert.That(await Drain(channel, first), Is.EqualTo(["26"]));
    }

    [Test]
    public async Task Binding_once_more_gives_nothing_and_under_another_key_everything_again()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, RecentHistory);
        await PublishAll(channel, exchange, Numbers(3));
        var queue = await DeclareBoundQueue(channel, exchange, "a");
        Assert.That(await Drain(channel, queue), Is.EqualTo(Numbers(3)));
        await channel.QueueBindAsync(queue, exchange, "a");
        Assert.That(await Drain(channel, queue), Is.Empty);
        await channel.QueueBindAsync(queue, exchange, "b");
        Assert.That(await Drain(channel, queue), Is.EqualTo(Numbers(3)));
        await PublishAll(channel, exchange, ["4"]);
        Assert.That(await Drain(channel, queue), Is.EqualTo(["4"]), "and comes once");
    }

    [Test]
    public async Task How_many_it_keeps_can_be_said()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, RecentHistory, arguments: Table(("x-recent-history-length", 2)));
        await PublishAll(channel, exchange, Numbers(5));
        var queue = await DeclareBoundQueue(channel, exchange, "");
        Assert.That(await Drain(channel, queue), Is.EqualTo(Numbers(5)[3..]));
    }

    [Test]
    public async Task Messages_can_be_left_out()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, RecentHistory);
        var first = await DeclareBoundQueue(channel, exchange, "");
        foreach (var (text, isLeftOut) in ((string, bool)[])[("1", true), ("2", false)])
        {
            var properties = new BasicProperties { Headers = Table(("x-recent-history-no-store", isLeftOut)) };
            await channel.BasicPublishAsync(exchange, "", mandatory: false, properties, Bytes(text));
        }
        Assert.That(await Drain(channel, first), Is.EqualTo(Numbers(2)));
        var second = await DeclareBoundQueue(channel, exchange, "");
        Assert.That(await Drain(channel, second), Is.EqualTo(["2"]));
    }

    [Test]
    public async Task An_exchange_that_is_bound_gets_them_too()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, RecentHistory);
        await channel.BasicPublishAsync(exchange, "a", Bytes("1"));
        var direct = await DeclareExchange(channel, "direct");
        var queue = await DeclareBoundQueue(channel, direct, "a");
        await channel.ExchangeBindAsync(direct, exchange, "");
        Assert.That(await Drain(channel, queue), Is.EqualTo(["1"]));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task It_keeps_what_no_queue_gets_and_that_is_returned(bool inTransaction)
    {
        var channel = await OpenChannel();
        if (inTransaction) await channel.TxSelectAsync();
        var exchange = await DeclareExchange(channel, RecentHistory);
        var returned = new TaskCompletionSource<ushort>();
        channel.BasicReturnAsync += (_, back) =>
        {
            returned.TrySetResult(back.ReplyCode);
            return Task.CompletedTask;
        };
        await channel.BasicPublishAsync(exchange, "", mandatory: true, Bytes("m"));
        if (inTransaction) await channel.TxCommitAsync();
        Assert.That(await returned.Task, Is.EqualTo(312));
        var queue = await DeclareBoundQueue(channel, exchange, "");
        Assert.That(await Drain(await OpenChannel(), queue), Is.EqualTo(["m"]));
    }

    [TestCase(0, "0")]
    [TestCase(-1, "-1")]
    [TestCase("5", "<<\"5\">>")]
    public async Task The_number_has_to_be_positive(object length, string text)
    {
        var channel = await OpenChannel();
        await ExpectClose(
            () => DeclareExchange(channel, RecentHistory, arguments: Table(("x-recent-history-length", length))), 406,
            $"PRECONDITION_FAILED - Invalid argument {text}, 'x-recent-history-length' must be a positive integer");
    }

    [Test]
    [Ours]
    public async Task What_it_keeps_survives_with_it()
    {
        var broker = await StartOwnBroker();
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            await channel.ExchangeDeclareAsync("history", RecentHistory, durable: true);
            await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: false);
            foreach (var text in Numbers(3)) await channel.BasicPublishAsync("history", "", mandatory: false, new BasicProperties { Persistent = true }, Bytes(text));
        }
        await broker.Stop();
        await broker.Restart();
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            await channel.QueueBindAsync("q", "history", "");
            // After a restart what is given has to be read first, and the answer to the binding does not wait for that.
            await Eventually.That(async () => await channel.MessageCountAsync("q"), Is.EqualTo(3));
            Assert.That(await Drain(channel, "q"), Is.EqualTo(Numbers(3)));
        }
    }

    private static async Task PublishAll(IChannel channel, string exchange, IEnumerable<string> texts)
    {
        foreach (var text in texts) await channel.BasicPublishAsync(exchange, "", Bytes(text));
    }
}
