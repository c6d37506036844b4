using Amqp.Conformance.Tests.Support;
using Amqp.Testing;

namespace Amqp.Conformance.Tests;

/// <summary>basic.get.</summary>
[Same]
public sealed class GetTests : ConformanceFixture
{
    [Test]
    public async Task An_empty_queue_says_so()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        Assert.That(await channel.BasicGetAsync(queue, autoAck: false), Is.Null);
    }

    [Test]
    public async Task Messages_come_in_order_and_tell_how_many_are_left()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(3));
        await ExpectReady(channel, queue, 3);
        for (var n = 1u; n <= 3; n++)
        {
            var message = await Get(channel, queue);
            Assert.That((message.Body.ToArray(), message.DeliveryTag, message.MessageCount, message.Redelivered),
                Is.EqualTo((Bytes($"{n}"), (ulong)n, 3 - n, false)));
        }
        Assert.That(await channel.BasicGetAsync(queue, autoAck: false), Is.Null);
    }

    [Test]
    public async Task Without_acknowledgement_the_message_is_gone_at_once()
    {
        var connection = await Connect();
        var channel = await OpenChannel(connection);
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, "m");
        await Get(channel, queue, autoAck: true);
        await connection.CloseAsync(200, "", Patience.Answer, abort: false);
        Assert.That(await Drain(await OpenChannel(), queue), Is.Empty);
    }

    [Test]
    public async Task A_message_that_comes_again_is_redelivered()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, "m");
        var first = await Get(channel, queue);
        await channel.BasicRejectAsync(first.DeliveryTag, requeue: true);
        var second = await Get(channel, queue);
        Assert.That((second.Redelivered, second.DeliveryTag), Is.EqualTo((true, first.DeliveryTag + 1)));
    }

    [Test]
    public async Task Get_and_consume_share_the_delivery_tags_of_a_channel()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var other = await DeclareQueue(channel);
        await Publish(channel, queue, "1", "3");
        await Publish(channel, other, "2");
        Assert.That((await Get(channel, queue)).DeliveryTag, Is.EqualTo(1));
        var subscriber = await Subscriber.Start(channel, other);
        Assert.That((await subscriber.Next()).Tag, Is.EqualTo(2));
        Assert.That((await Get(channel, queue)).DeliveryTag, Is.EqualTo(3));
        await channel.BasicAckAsync(3, multiple: true);
        Assert.That(await Drain(channel, queue), Is.Empty);
    }

    [Test]
    public async Task Prefetch_does_not_limit_get()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 1, global: false);
        await Publish(channel, queue, Numbers(3));
        for (var i = 0; i < 3; i++) await Get(channel, queue);
    }

    [Test]
    public async Task Get_and_a_consumer_take_turns_on_one_queue()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 1, global: false);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(3));
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("1"));
        Assert.That((await Get(channel, queue)).Body.ToArray(), Is.EqualTo(Bytes("2")));
        await channel.BasicAckAsync(1, multiple: false);
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("3"));
    }
}
