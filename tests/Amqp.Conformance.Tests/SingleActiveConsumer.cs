using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>x-single-active-consumer: one consumer at a time, and another one when it is gone.</summary>
[Same]
public sealed class SingleActiveConsumerTests : ConformanceFixture
{
    [TestCase(true, Description = "it is cancelled")]
    [TestCase(false, Description = "its channel is closed")]
    public async Task When_the_active_consumer_goes_the_next_takes_over(bool isCancelled)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-single-active-consumer", true)));
        var (first, second) = (await OpenChannel(), await OpenChannel());
        var active = await Subscriber.Start(first, queue);
        var waiting = await Subscriber.Start(second, queue);
        await Publish(channel, queue, "1", "2");
        Assert.That((await active.Next(2)).Select(delivery => delivery.Text), Is.EqualTo((string[])["1", "2"]));
        Assert.That(waiting.Received, Is.Zero);

        if (isCancelled) await first.BasicCancelAsync(active.Tag);
        else await first.CloseAsync();
        await Publish(channel, queue, "3");
        if (!isCancelled)
            Assert.That((await waiting.Next(2)).Select(delivery => (delivery.Text, delivery.Redelivered)), Is.EqualTo(((string, bool)[])[("1", true), ("2", true)]));
        var third = await waiting.Next();
        Assert.That((third.Text, third.Redelivered), Is.EqualTo(("3", false)));
    }

    [Test]
    public async Task One_that_can_take_no_more_stays_active()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-single-active-consumer", true)));
        var (first, second) = (await OpenChannel(), await OpenChannel());
        await first.BasicQosAsync(0, 1, global: false);
        var active = await Subscriber.Start(first, queue);
        var waiting = await Subscriber.Start(second, queue, arguments: Table(("x-priority", 9)));
        await Publish(channel, queue, "1", "2");
        var one = await active.Next();
        await ExpectReady(channel, queue, 1);
        await first.BasicAckAsync(one.Tag, multiple: false);
        Assert.That((await active.Next()).Text, Is.EqualTo("2"));
        Assert.That(waiting.Received, Is.Zero);
    }

    [Test]
    public async Task The_consumer_with_the_highest_priority_takes_over()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-single-active-consumer", true)));
        var first = await OpenChannel();
        await Subscriber.Start(first, queue);
        var low = await Subscriber.Start(await OpenChannel(), queue, autoAck: true);
        var high = await Subscriber.Start(await OpenChannel(), queue, autoAck: true, arguments: Table(("x-priority", 1)));
        await first.CloseAsync();
        await Publish(channel, queue, "1");
        Assert.That((await high.Next()).Text, Is.EqualTo("1"));
        Assert.That(low.Received, Is.Zero);
    }

    [Test]
    public async Task No_consumer_can_have_it_exclusively()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-single-active-consumer", true)));
        var other = await OpenChannel();
        await ExpectClose(() => Subscriber.Start(other, queue, exclusive: true), 403, $"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use");
    }

    [Test]
    public async Task Basic_get_takes_part()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-single-active-consumer", true)));
        await Publish(channel, queue, "1");
        Assert.That((await Get(channel, queue, autoAck: true)).MessageCount, Is.Zero);
    }
}
