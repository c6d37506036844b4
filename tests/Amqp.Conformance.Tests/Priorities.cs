using System.Text;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>x-max-priority: messages of a higher priority leave first.</summary>
[Same]
public sealed class PriorityTests : ConformanceFixture
{
    [TestCase(false)]
    [TestCase(true)]
    public async Task The_highest_priority_leaves_first_and_among_equals_the_oldest(bool durable)
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, durable: durable, arguments: Table(("x-max-priority", 10)));
        await PublishWith(channel, queue, ("a", 1), ("b", 5), ("c", 1), ("d", 9), ("e", 5));
        Assert.That(await TakeAll(channel, queue), Is.EqualTo((string[])["d", "b", "e", "a", "c"]));
    }

    [Test]
    public async Task None_is_the_lowest_and_no_priority_is_above_the_highest_of_the_queue()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-max-priority", 3)));
        await PublishWith(channel, queue, ("none", null), ("zero", 0), ("three", 3), ("above", 255), ("two", 2));
        Assert.That(await TakeAll(channel, queue), Is.EqualTo((string[])["three", "above", "two", "none", "zero"]));
    }

    [Test]
    public async Task A_queue_without_the_argument_does_not_look_at_priorities()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel);
        await PublishWith(channel, queue, ("a", 1), ("b", 5), ("c", 9));
        Assert.That(await TakeAll(channel, queue), Is.EqualTo((string[])["a", "b", "c"]));
    }

    [Test]
    public async Task What_comes_back_goes_to_its_place_in_its_priority()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-max-priority", 5)));
        await PublishWith(channel, queue, ("low 1", 1), ("high 1", 5), ("low 2", 1), ("high 2", 5));
        var got = new List<string>();
        for (var index = 0; index < 3; index++) got.Add(Text(await Get(channel, queue)));
        Assert.That(got, Is.EqualTo((string[])["high 1", "high 2", "low 1"]));
        await PublishWith(channel, queue, ("high 3", 5));
        await channel.BasicNackAsync(3, multiple: true, requeue: true);
        Assert.That(await TakeAll(channel, queue), Is.EqualTo((string[])["high 1", "high 2", "high 3", "low 1", "low 2"]));
    }

    [Test]
    public async Task The_head_leaves_a_queue_that_is_too_long_whatever_its_priority()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-max-priority", 5), ("x-max-length", 2)));
        await PublishWith(channel, queue, ("high", 5), ("low", 1), ("lower", 0));
        Assert.That(await TakeAll(channel, queue), Is.EqualTo((string[])["low", "lower"]));
    }

    [Test]
    public async Task A_transaction_publishes_with_priorities()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, durable: true, arguments: Table(("x-max-priority", 5)));
        await channel.TxSelectAsync();
        await PublishWith(channel, queue, ("low", 1), ("high", 5), ("middle", 3));
        await channel.TxCommitAsync();
        await ExpectReady(channel, queue, 3);
        Assert.That(await TakeAll(channel, queue), Is.EqualTo((string[])["high", "middle", "low"]));
    }

    [Test]
    public async Task Priorities_survive_the_end_of_the_broker()
    {
        var broker = await StartOwnBroker();
        var arguments = Table(("x-max-priority", 255));
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            await channel.QueueDeclareAsync("priorities", durable: true, exclusive: false, autoDelete: false, arguments);
            await PublishWith(channel, "priorities", ("low", 1), ("high", 255), ("middle", 128));
        }
        await broker.Stop();
        await broker.Restart();
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync();
            await channel.QueueDeclareAsync("priorities", durable: true, exclusive: false, autoDelete: false, arguments);
            await ExpectReady(channel, "priorities", 3);
            Assert.That(await TakeAll(channel, "priorities"), Is.EqualTo((string[])["high", "middle", "low"]));
        }
    }

    private static async Task PublishWith(IChannel channel, string queue, params (string Text, byte? Priority)[] messages)
    {
        foreach (var (text, priority) in messages)
        {
            var properties = new BasicProperties { Persistent = true };
            if (priority is { } given) properties.Priority = given;
            await channel.BasicPublishAsync("", queue, mandatory: false, properties, Bytes(text));
        }
    }

    private static async Task<List<string>> TakeAll(IChannel channel, string queue)
    {
        var texts = new List<string>();
        while (await channel.BasicGetAsync(queue, autoAck: true) is { } got) texts.Add(Text(got));
        return texts;
    }

    private static string Text(BasicGetResult message) => Encoding.UTF8.GetString(message.Body.Span);
}
