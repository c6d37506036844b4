using System.Text;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Conformance.Tests;

/// <summary>x-max-length, x-max-length-bytes, x-overflow: how many messages may be ready, and what becomes of others.</summary>
[Same]
public sealed class LengthTests : ConformanceFixture
{
    [TestCase(false)]
    [TestCase(true)]
    public async Task The_oldest_messages_leave_for_new_ones(bool durable)
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, durable: durable, arguments: Table(("x-max-length", 3), ("x-overflow", "drop-head")));
        await Publish(channel, queue, Numbers(7)); // all are confirmed
        Assert.That(await TakeAll(channel, queue), Is.EqualTo((string[])["5", "6", "7"]));
    }

    [Test]
    public async Task Bytes_of_bodies_are_counted()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-max-length-bytes", 10)));
        await Publish(channel, queue, "aaaa", "bbbb", "cc", "dddd");
        Assert.That(await TakeAll(channel, queue), Is.EqualTo((string[])["bbbb", "cc", "dddd"]));
        await Publish(channel, queue, "more than ten");
        await ExpectReady(channel, queue, 0);
    }

    [Test]
    public async Task A_full_queue_refuses_new_messages()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-max-length", 2), ("x-overflow", "reject-publish")));
        await Publish(channel, queue, "1", "2");
        Assert.That(async () => await Publish(channel, queue, "3"), Throws.InstanceOf<PublishException>());
        await Get(channel, queue, autoAck: true);
        await Publish(channel, queue, "4");
        Assert.That(await TakeAll(channel, queue), Is.EqualTo((string[])["2", "4"]));
    }

    [Test]
    public async Task A_message_that_one_of_its_queues_refuses_is_refused()
    {
        var channel = await OpenConfirmChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        var full = await DeclareQueue(channel, arguments: Table(("x-max-length", 0), ("x-overflow", "reject-publish")));
        var free = await DeclareQueue(channel);
        await channel.QueueBindAsync(full, exchange, "");
        await channel.QueueBindAsync(free, exchange, "");
        Assert.That(async () => await channel.BasicPublishAsync(exchange, "", Bytes("m")), Throws.InstanceOf<PublishException>());
        Assert.That(await TakeAll(channel, free), Is.EqualTo((string[])["m"]));
    }

    [TestCase("drop-head", 1)]
    [TestCase("reject-publish", 0)]
    public async Task A_queue_that_may_have_no_message_hands_on_what_its_consumer_can_take_or_refuses_it(string overflow, int delivered)
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-max-length", 0), ("x-overflow", overflow)));
        var consumer = await Subscriber.Start(channel, queue, autoAck: true);
        try
        {
            await Publish(channel, queue, "m");
            Assert.That(overflow, Is.EqualTo("drop-head"));
        }
        catch (PublishException)
        {
            Assert.That(overflow, Is.EqualTo("reject-publish"));
        }
        if (delivered == 1) await Eventually.True(() => consumer.Received == 1);
        Assert.That(consumer.Received, Is.EqualTo(delivered));
    }

    [Test]
    public async Task What_a_consumer_holds_does_not_count_until_it_comes_back()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-max-length", 2)));
        await Publish(channel, queue, "1", "2");
        await Get(channel, queue);
        await Get(channel, queue);
        await Publish(channel, queue, "3");
        await channel.BasicNackAsync(2, multiple: true, requeue: true);
        Assert.That(await TakeAll(channel, queue), Is.EqualTo((string[])["2", "3"]));
    }

    [Test]
    public async Task A_transaction_with_a_message_that_is_refused_closes_its_channel()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-max-length", 1), ("x-overflow", "reject-publish")));
        await channel.TxSelectAsync();
        await Publish(channel, queue, "1", "2");
        await ExpectClose(() => channel.TxCommitAsync(), 406, "PRECONDITION_FAILED - partial tx completion");
    }

    /// <summary>Drain ends with a message of its own, which has no room here.</summary>
    private static async Task<List<string>> TakeAll(IChannel channel, string queue)
    {
        var texts = new List<string>();
        while (await channel.BasicGetAsync(queue, autoAck: true) is { } got) texts.Add(Encoding.UTF8.GetString(got.Body.Span));
        return texts;
    }
}
