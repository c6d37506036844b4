using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using AMQP.Net;
using RabbitMQ.Client;
using QueueDeclareOk = AMQP.Net.QueueDeclareOk;

namespace Amqp.Conformance.Tests;

/// <summary>basic.ack, nack, reject and recover, and what becomes of messages that are never acknowledged.</summary>
[Same]
public sealed class AckTests : ConformanceFixture
{
    [Test]
    public async Task What_is_acknowledged_does_not_come_again()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(3));
        await subscriber.Next(3);
        await channel.BasicAckAsync(1, multiple: false);
        await channel.BasicAckAsync(3, multiple: false);
        await channel.CloseAsync();
        Assert.That(await Drain(await OpenChannel(), queue), Is.EqualTo(["2"]));
    }

    [Test]
    public async Task Multiple_acknowledges_all_up_to_its_tag()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(6));
        await subscriber.Next(6);
        await channel.BasicAckAsync(2, multiple: false);
        await channel.BasicAckAsync(4, multiple: true);
        await channel.CloseAsync();
        Assert.That(await Drain(await OpenChannel(), queue), Is.EqualTo(["5", "6"]));
    }

    [Test]
    public async Task Multiple_with_tag_0_acknowledges_all_there_are()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(6));
        await subscriber.Next(6);
        await channel.BasicAckAsync(0, multiple: true);
        await channel.BasicAckAsync(0, multiple: true); // and none is no error
        await channel.CloseAsync();
        Assert.That(await Drain(await OpenChannel(), queue), Is.Empty);
    }

    [Test]
    public async Task Multiple_reaches_over_the_queues_of_a_channel()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var other = await DeclareQueue(channel);
        await Publish(channel, queue, "1", "3");
        await Publish(channel, other, "2", "4");
        await Get(channel, queue);
        await Get(channel, other);
        await Get(channel, queue);
        await Get(channel, other);
        await channel.BasicAckAsync(3, multiple: true);
        await channel.CloseAsync();
        var after = await OpenChannel();
        Assert.That(await Drain(after, queue), Is.Empty);
        Assert.That(await Drain(after, other), Is.EqualTo(["4"]));
    }

    [Test]
    public async Task Tags_belong_to_their_channel()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, "m");
        await Get(channel, queue);
        var other = await OpenChannel();
        await other.BasicAckAsync(1, multiple: false);
        await ExpectClose(other, 406, "PRECONDITION_FAILED - unknown delivery tag 1");
    }

    [Test]
    public async Task What_was_delivered_without_acknowledgement_has_no_tag_to_acknowledge()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, queue, autoAck: true);
        await Publish(channel, queue, "m");
        await channel.BasicAckAsync((await subscriber.Next()).Tag, multiple: false);
        await ExpectClose(channel, 406, "PRECONDITION_FAILED - unknown delivery tag 1");
    }

    [Test]
    public async Task An_error_returns_the_unacknowledged_messages_of_its_channel()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(2));
        await Get(channel, queue);
        await Get(channel, queue);
        await channel.BasicAckAsync(9, multiple: false);
        await ExpectClose(channel, 406, "PRECONDITION_FAILED - unknown delivery tag 9");
        Assert.That(await Drain(await OpenChannel(), queue), Is.EqualTo(["1", "2"]));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task What_is_rejected_without_requeueing_is_gone(bool nack)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(2));
        await Get(channel, queue);
        if (nack) await channel.BasicNackAsync(1, multiple: false, requeue: false);
        else await channel.BasicRejectAsync(1, requeue: false);
        await channel.CloseAsync();
        Assert.That(await Drain(await OpenChannel(), queue), Is.EqualTo(["2"]));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task What_is_requeued_returns_to_its_place_and_is_redelivered(bool nack)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(5));
        for (var i = 0; i < 3; i++) await Get(channel, queue);
        if (nack) await channel.BasicNackAsync(2, multiple: false, requeue: true);
        else await channel.BasicRejectAsync(2, requeue: true);
        await channel.BasicAckAsync(1, multiple: false);

        var again = await Get(channel, queue);
        Assert.That((again.Body.ToArray(), again.Redelivered), Is.EqualTo((Bytes("2"), true)));
        var next = await Get(channel, queue);
        Assert.That((next.Body.ToArray(), next.Redelivered), Is.EqualTo((Bytes("4"), false)));
    }

    [Test]
    public async Task Messages_requeued_one_by_one_in_any_order_are_in_order_again()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(7));
        for (var i = 0; i < 6; i++) await Get(channel, queue);
        foreach (var tag in (ulong[])[4, 1, 6, 2, 5, 3]) await channel.BasicNackAsync(tag, multiple: false, requeue: true);
        Assert.That(await Drain(channel, queue), Is.EqualTo(Numbers(7)));
    }

    [Test]
    public async Task Nack_multiple_requeues_all_up_to_its_tag_in_order()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(6));
        for (var i = 0; i < 5; i++) await Get(channel, queue);
        await channel.BasicAckAsync(2, multiple: false);
        await channel.BasicNackAsync(4, multiple: true, requeue: true);
        Assert.That(await Drain(channel, queue), Is.EqualTo(["1", "3", "4", "6"]), "5 is still out, 2 is gone");
    }

    [Test]
    public async Task A_requeued_message_goes_to_another_consumer_if_the_first_has_enough()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 1, global: false);
        var first = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(2));
        Assert.That((await first.Next()).Text, Is.EqualTo("1"));

        var other = await OpenChannel();
        var second = await Subscriber.Start(other, queue);
        Assert.That((await second.Next()).Text, Is.EqualTo("2"));
        await other.BasicNackAsync(1, multiple: false, requeue: true);
        var again = await second.Next();
        Assert.That((again.Text, again.Redelivered, again.Tag), Is.EqualTo(("2", true, 2UL)));
    }

    [Test]
    public async Task Recover_requeues_everything_unacknowledged_of_the_channel()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await DeclareAndPublish(raw, 3);
        for (var i = 0; i < 3; i++) await GetRaw(raw, queue);
        await raw.Send(1, new BasicAck(2, false));
        await raw.Call<BasicRecover, BasicRecoverOk>(1, new BasicRecover(Requeue: true));
        var first = await GetRaw(raw, queue);
        var second = await GetRaw(raw, queue);
        Assert.That((first.Text, first.Method.Redelivered, second.Text, second.Method.Redelivered), Is.EqualTo(("1", true, "3", true)));
        await raw.Call<BasicGet, BasicGetEmpty>(1, new BasicGet(queue, false));
    }

    [Test]
    public async Task Recover_async_does_the_same_without_an_answer()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await DeclareAndPublish(raw, 1);
        await GetRaw(raw, queue);
        await raw.Send(1, new BasicRecoverAsync(Requeue: true));
        Assert.That((await GetRaw(raw, queue)).Method.Redelivered, Is.True);
    }

    [Test]
    public async Task Recover_delivers_to_the_same_consumer_again()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await DeclareAndPublish(raw, 2);
        await raw.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(queue, "tag", false, false, false, false, FieldTable.Empty));
        await raw.ExpectDelivery(1);
        await raw.ExpectDelivery(1);
        await raw.Send(1, new BasicRecover(Requeue: true));
        var texts = new List<string>();
        for (var i = 0; i < 3; i++) // the answer comes before, after or between the deliveries
        {
            var frame = await raw.ReadFrame();
            if (frame.Is(MethodId.BasicRecoverOk)) continue;
            Assert.That(frame.Read<BasicDeliver>().Redelivered, Is.True);
            texts.Add((await raw.ExpectContent(1)).Text);
        }
        Assert.That(texts, Is.EqualTo(["1", "2"]));
    }

    [Test]
    public async Task Closing_a_channel_returns_its_messages_in_order()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(100));
        await subscriber.Next(100);
        await channel.BasicAckAsync(50, multiple: false);
        await channel.CloseAsync();

        var after = await OpenChannel();
        await Publish(after, queue, "101");
        await ExpectReady(after, queue, 100);
        Assert.That((await Get(after, queue)).Redelivered, Is.True);
        Assert.That(await Drain(after, queue), Is.EqualTo(Numbers(101).Where(text => text is not ("1" or "50"))));
    }

    [Test]
    public async Task Closing_a_channel_hands_its_messages_to_the_next_consumer()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var first = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(10));
        await first.Next(10);
        var second = await Subscriber.Start(await OpenChannel(), queue);
        await channel.CloseAsync();
        var deliveries = await second.Next(10);
        Assert.That(deliveries.Select(delivery => delivery.Text), Is.EqualTo(Numbers(10)));
        Assert.That(deliveries.Select(delivery => delivery.Redelivered), Has.All.True);
    }

    [Test]
    public async Task Messages_of_two_channels_fall_back_into_one_order()
    {
        var publisher = await OpenChannel();
        var queue = await DeclareQueue(publisher);
        await Publish(publisher, queue, Numbers(20));
        await ExpectReady(publisher, queue, 20);
        var first = await OpenChannel();
        var second = await OpenChannel();
        for (var i = 0; i < 10; i++)
        {
            await Get(first, queue);
            await Get(second, queue);
        }
        await second.CloseAsync();
        await first.CloseAsync();
        await ExpectReady(publisher, queue, 20);
        Assert.That(await Drain(publisher, queue), Is.EqualTo(Numbers(20)));
    }

    [Test]
    public async Task A_killed_consumer_returns_ten_thousand_deliveries_that_were_never_written_in_order()
    {
        const int count = 10_000;
        var publisher = await OpenChannel();
        var queue = await DeclareQueue(publisher);
        var filling = new string('.', 1000);
        for (var n = 1; n <= count; n++) await publisher.BasicPublishAsync("", queue, Bytes($"{n} {filling}"));
        await ExpectReady(publisher, queue, count);

        // A consumer that does not read: its socket takes a part, all the rest waits in the broker.
        var raw = await RawConnection.Open(Broker, receiveBuffer: 4096);
        await raw.OpenChannel(1);
        await raw.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(queue, "tag", false, false, false, false, FieldTable.Empty));
        await raw.ExpectDelivery(1);
        await Eventually.That(async () => (await publisher.QueueDeclarePassiveAsync(queue)).MessageCount, Is.LessThan(count));
        raw.Drop();

        await ExpectReady(publisher, queue, count);
        Assert.That((await publisher.QueueDeclarePassiveAsync(queue)).ConsumerCount, Is.Zero);
        var subscriber = await Subscriber.Start(publisher, queue, autoAck: true);
        var deliveries = await subscriber.Next(count);
        Assert.That(deliveries.Select(delivery => delivery.Text.Split(' ')[0]), Is.EqualTo(Numbers(count)));
        Assert.That(deliveries[0].Redelivered, Is.True);
    }

    [Test]
    public async Task A_killed_client_returns_what_its_channels_had()
    {
        var publisher = await OpenChannel();
        var queue = await DeclareQueue(publisher);
        await Publish(publisher, queue, Numbers(4));
        await ExpectReady(publisher, queue, 4);
        var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.OpenChannel(2);
        for (var i = 0; i < 2; i++)
        {
            await GetRaw(raw, queue, channel: 1);
            await GetRaw(raw, queue, channel: 2);
        }
        raw.Drop();
        await ExpectReady(publisher, queue, 4);
        Assert.That(await Drain(publisher, queue), Is.EqualTo(Numbers(4)));
    }

    private static async Task<string> DeclareAndPublish(RawConnection raw, int count)
    {
        await raw.OpenChannel(1);
        var queue = (await raw.Call<QueueDeclare, QueueDeclareOk>(
            1, new QueueDeclare("", false, false, true, false, false, FieldTable.Empty))).Queue;
        foreach (var text in Numbers(count)) await raw.Publish(1, "", queue, text);
        return queue;
    }

    private static async Task<(BasicGetOk Method, string Text)> GetRaw(RawConnection raw, string queue, ushort channel = 1)
    {
        var method = await raw.Call<BasicGet, BasicGetOk>(channel, new BasicGet(queue, false));
        return (method, (await raw.ExpectContent(channel)).Text);
    }
}
