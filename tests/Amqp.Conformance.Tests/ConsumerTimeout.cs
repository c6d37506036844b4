using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>x-consumer-timeout: what happens when a delivery is not settled in time. (RabbitMQ looks once a minute.)</summary>
[Newer]
public sealed class ConsumerTimeoutTests : ConformanceFixture
{
    private const string Logged = "has not settled delivery 1 in 300 ms";

    [Test]
    public async Task The_channel_is_closed_and_the_message_returns()
    {
        ExpectLog(Logged);
        var connection = await Connect();
        var channel = await OpenChannel(connection);
        var queue = await DeclareQueue(channel, arguments: Table(("x-consumer-timeout", 300)));
        await Publish(channel, queue, "m");
        await (await Subscriber.Start(channel, queue)).Next();
        await ExpectClose(channel, 406, TimedOut(channel, 300));
        var again = await Get(await OpenChannel(connection), queue, autoAck: true);
        Assert.That((again.Redelivered, connection.IsOpen), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task A_message_that_was_got_counts_too()
    {
        ExpectLog(Logged);
        var channel = await OpenChannel(await Connect());
        var queue = await DeclareQueue(channel, arguments: Table(("x-consumer-timeout", 300)));
        await Publish(channel, queue, "m");
        await Get(channel, queue);
        await ExpectClose(channel, 406, TimedOut(channel, 300));
    }

    [Test]
    public async Task A_consumer_may_have_its_own()
    {
        ExpectLog(Logged);
        var channel = await OpenChannel(await Connect());
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, "m");
        await (await Subscriber.Start(channel, queue, arguments: Table(("x-consumer-timeout", 300)))).Next();
        await ExpectClose(channel, 406, TimedOut(channel, 300));
    }

    [Test]
    public async Task Deliveries_that_are_settled_in_time_are_no_reason()
    {
        var channel = await OpenChannel(await Connect());
        var queue = await DeclareQueue(channel, arguments: Table(("x-consumer-timeout", 1_000)));
        await Publish(channel, queue, Numbers(20));
        var consumer = await Subscriber.Start(channel, queue);
        foreach (var delivery in await consumer.Next(20))
        {
            await Task.Delay(100); // all of them together take longer than one may
            await channel.BasicAckAsync(delivery.Tag, multiple: false);
            if (delivery.Tag == 8) await channel.BasicNackAsync(20, multiple: true, requeue: true);
            if (delivery.Tag == 8) break;
        }
        foreach (var delivery in await consumer.Next(12)) await channel.BasicAckAsync(delivery.Tag, multiple: false);
        Assert.That(channel.IsOpen, Is.True);
    }

    [Test]
    public async Task Without_acknowledgement_nothing_is_late()
    {
        var channel = await OpenChannel(await Connect());
        var queue = await DeclareQueue(channel, arguments: Table(("x-consumer-timeout", 100)));
        var automatic = await Subscriber.Start(channel, queue, autoAck: true);
        await Publish(channel, queue, "m");
        await automatic.Next();
        await Task.Delay(500); // several times as long as it may take
        Assert.That(channel.IsOpen, Is.True);
    }

    [Test]
    [Ours]
    public async Task The_message_may_return_alone_and_a_late_acknowledgement_means_nothing()
    {
        ExpectLog(Logged);
        var channel = await OpenChannel(await Connect());
        var queue = await DeclareQueue(channel, arguments: Table(("x-consumer-timeout", 300), ("x-consumer-timeout-action", "requeue")));
        await Publish(channel, queue, "m");
        await channel.BasicQosAsync(0, 1, global: false);
        var slow = await Subscriber.Start(channel, queue);
        var late = await slow.Next();
        await channel.BasicCancelAsync(slow.Tag);
        var quick = await Subscriber.Start(channel, queue);
        var delivery = await quick.Next();
        Assert.That((delivery.Redelivered, delivery.Text), Is.EqualTo((true, "m")));
        await channel.BasicAckAsync(late.Tag, multiple: false);
        await channel.BasicAckAsync(delivery.Tag, multiple: false);
        await ExpectReady(channel, queue, 0);
        await ExpectClose(
            async () =>
            {
                await channel.BasicAckAsync(late.Tag, multiple: false);
                await channel.QueueDeclarePassiveAsync(queue);
            },
            406, $"PRECONDITION_FAILED - unknown delivery tag {late.Tag}");
    }

    private static string TimedOut(IChannel channel, int timeout) =>
        $"PRECONDITION_FAILED - delivery acknowledgement on channel {channel.ChannelNumber} timed out. Timeout value used: {timeout} ms. "
        + "This timeout value can be configured, see consumers doc guide to learn more";
}
