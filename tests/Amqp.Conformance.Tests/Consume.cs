using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using AMQP.Net;
using RabbitMQ.Client;
using QueueDeclareOk = AMQP.Net.QueueDeclareOk;

namespace Amqp.Conformance.Tests;

/// <summary>basic.consume, basic.cancel and basic.deliver.</summary>
[Same]
public sealed class ConsumeTests : ConformanceFixture
{
    [Test]
    public async Task Who_deletes_the_queue_of_his_own_consumer_gets_his_answer_before_he_is_told()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        for (var round = 0; round < 20; round++)
        {
            var queue = Name();
            await raw.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare(queue, false, Durable: round % 2 == 0, false, false, false, FieldTable.Empty));
            await raw.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(queue, "tag", false, false, false, false, FieldTable.Empty));
            await raw.Call<QueueDelete, QueueDeleteOk>(1, new QueueDelete(queue, false, false, false));
            Assert.That((await raw.Expect<BasicCancel>(1)).ConsumerTag, Is.EqualTo("tag"));
        }
    }

    [Test]
    public async Task A_consumer_gets_what_was_there_and_what_comes_in_order()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(1000)[..500]);
        var subscriber = await Subscriber.Start(channel, queue, autoAck: true);
        await Publish(channel, queue, Numbers(1000)[500..]);
        var deliveries = await subscriber.Next(1000);
        Assert.That(deliveries.Select(delivery => delivery.Text), Is.EqualTo(Numbers(1000)));
        Assert.That(deliveries.Select(delivery => delivery.Tag), Is.EqualTo(Enumerable.Range(1, 1000).Select(n => (ulong)n)));
        Assert.That(deliveries, Has.All.Matches<Delivery>(delivery => !delivery!.Redelivered && delivery.ConsumerTag == subscriber.Tag));
    }

    [Test]
    public async Task A_consumer_without_a_tag_gets_one_from_the_server()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var first = await Subscriber.Start(channel, queue);
        var second = await Subscriber.Start(channel, queue);
        Assert.That(first.Tag, Does.Match("^amq\\.ctag-[A-Za-z0-9_-]{22}$"));
        Assert.That(second.Tag, Is.Not.EqualTo(first.Tag));
    }

    [Test]
    public async Task A_consumer_keeps_its_own_tag()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, queue, tag: "my tag");
        Assert.That(subscriber.Tag, Is.EqualTo("my tag"));
    }

    [Test]
    public async Task A_consumer_may_say_that_it_wants_no_answer()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await Declare(raw);
        await raw.Send(1, new BasicConsume(queue, "tag", false, NoAck: true, false, NoWait: true, FieldTable.Empty));
        await raw.Publish(1, "", queue, "m");
        Assert.That((await raw.ExpectDelivery(1)).Method.ConsumerTag, Is.EqualTo("tag"));
        await raw.Send(1, new BasicCancel("tag", NoWait: true));
        await raw.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 1, false));
    }

    [Test]
    public async Task The_answer_comes_before_the_first_delivery()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await Declare(raw);
        for (var i = 0; i < 20; i++) await raw.Publish(1, "", queue, $"{i}");
        await raw.Send(1, new BasicConsume(queue, "tag", false, true, false, false, FieldTable.Empty));
        await raw.Expect<BasicConsumeOk>(1);
        for (var i = 0; i < 20; i++) Assert.That((await raw.ExpectDelivery(1)).Content.Text, Is.EqualTo($"{i}"));
    }

    [Test]
    public async Task The_same_tag_may_be_used_on_another_channel()
    {
        var first = await OpenChannel();
        var second = await OpenChannel();
        var queue = await DeclareQueue(first);
        await Subscriber.Start(first, queue, tag: "tag");
        await Subscriber.Start(second, queue, tag: "tag");
        await ExpectConsumers(first, queue, 2);
    }

    [Test]
    public async Task A_tag_is_free_again_after_cancel()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Subscriber.Start(channel, queue, tag: "tag");
        await channel.BasicCancelAsync("tag");
        await Subscriber.Start(channel, queue, tag: "tag");
        await ExpectConsumers(channel, queue, 1);
    }

    [Test]
    public async Task A_tag_used_twice_ends_the_connection_with_530()
    {
        var connection = await Connect();
        var channel = await OpenChannel(connection);
        var queue = await DeclareQueue(channel);
        await Subscriber.Start(channel, queue, tag: "tag");
        await ExpectClose(() => Subscriber.Start(channel, queue, tag: "tag"), 530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'");
        await ExpectClose(connection, 530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'");
    }

    [Test]
    public async Task Consumers_of_a_queue_take_turns()
    {
        var publisher = await OpenChannel();
        var queue = await DeclareQueue(publisher);
        var subscribers = new List<Subscriber>();
        for (var i = 0; i < 3; i++) subscribers.Add(await Subscriber.Start(await OpenChannel(), queue, autoAck: true));
        await Publish(publisher, queue, Numbers(30));
        await Eventually.That(() => subscribers.Sum(subscriber => subscriber.Received), Is.EqualTo(30));
        Assert.That(subscribers.Select(subscriber => subscriber.Received), Has.All.EqualTo(10));
    }

    [Test]
    public async Task Consumers_on_one_channel_take_turns()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscribers = new List<Subscriber>();
        for (var i = 0; i < 3; i++) subscribers.Add(await Subscriber.Start(channel, queue));
        await Publish(channel, queue, Numbers(30));
        await Eventually.That(() => subscribers.Sum(subscriber => subscriber.Received), Is.EqualTo(30));
        Assert.That(subscribers.Select(subscriber => subscriber.Received), Has.All.EqualTo(10));
    }

    [Test]
    public async Task A_consumer_that_has_enough_is_left_out()
    {
        var publisher = await OpenChannel();
        var queue = await DeclareQueue(publisher);
        var busy = await OpenChannel();
        await busy.BasicQosAsync(0, prefetchCount: 2, global: false);
        var first = await Subscriber.Start(busy, queue);
        var second = await Subscriber.Start(await OpenChannel(), queue);
        await Publish(publisher, queue, Numbers(20));
        await Eventually.That(() => (first.Received, second.Received), Is.EqualTo((2, 18)));
    }

    [Test]
    public async Task Consumers_of_higher_priority_come_first_as_long_as_they_can_take_more()
    {
        var publisher = await OpenChannel();
        var queue = await DeclareQueue(publisher);
        var low = await Consumer(priority: -1, prefetch: 0);
        var middle = await Consumer(priority: null, prefetch: 5);
        var high = await Consumer(priority: 10, prefetch: 3);
        await Publish(publisher, queue, Numbers(20));
        Assert.That((await high.Next(3)).Select(delivery => delivery.Text), Is.EqualTo(["1", "2", "3"]));
        Assert.That((await middle.Next(5)).Select(delivery => delivery.Text), Is.EqualTo(["4", "5", "6", "7", "8"]));
        Assert.That((await low.Next(12)).Select(delivery => delivery.Text), Is.EqualTo(Numbers(20)[8..]));

        await high.Channel.BasicAckAsync(1, multiple: false);
        await Publish(publisher, queue, "21");
        Assert.That((await high.Next()).Text, Is.EqualTo("21"));

        async Task<Subscriber> Consumer(int? priority, ushort prefetch)
        {
            var channel = await OpenChannel();
            await channel.BasicQosAsync(0, prefetch, global: false);
            return await Subscriber.Start(channel, queue, arguments: priority is { } value ? Table(("x-priority", value)) : null);
        }
    }

    [Test]
    public async Task A_timeout_of_a_consumer_may_be_given_and_is_not_compared()
    {
        var channel = await OpenChannel();
        var timeout = Table(("x-consumer-timeout", 3_600_000));
        var queue = await DeclareQueue(channel, arguments: timeout);
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false, Table(("x-consumer-timeout", 1L)));
        var subscriber = await Subscriber.Start(channel, queue, arguments: timeout);
        await Publish(channel, queue, "m");
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("m"));
    }

    [Test]
    [Ours]
    public async Task A_timeout_of_a_consumer_that_means_nothing_is_refused_with_406()
    {
        var queue = await DeclareQueue(await OpenChannel());
        foreach (var (value, reason) in new (object, string)[] { (-1, "{value_negative,-1}"), ("1h", "\"expected integer, got longstr\"") })
        {
            var (declaring, consuming) = (await OpenChannel(), await OpenChannel());
            var arguments = Table(("x-consumer-timeout", value));
            await ExpectClose(
                () => declaring.QueueDeclareAsync("new", durable: false, exclusive: false, autoDelete: false, arguments),
                406, $"PRECONDITION_FAILED - invalid arg 'x-consumer-timeout' for queue 'new' in vhost '/': {reason}");
            await ExpectClose(
                () => Subscriber.Start(consuming, queue, arguments: arguments),
                406, $"PRECONDITION_FAILED - invalid arg 'x-consumer-timeout' for queue '{queue}' in vhost '/': {reason}");
        }
    }

    [Test]
    public async Task Consumers_of_equal_priority_take_turns()
    {
        var publisher = await OpenChannel();
        var queue = await DeclareQueue(publisher);
        var low = await Subscriber.Start(await OpenChannel(), queue, autoAck: true);
        var first = await Subscriber.Start(await OpenChannel(), queue, autoAck: true, arguments: Table(("x-priority", 5)));
        var second = await Subscriber.Start(await OpenChannel(), queue, autoAck: true, arguments: Table(("x-priority", 5L)));
        await Publish(publisher, queue, Numbers(20));
        await Eventually.That(() => (low.Received, first.Received, second.Received), Is.EqualTo((0, 10, 10)));
    }

    [Test]
    public async Task An_exclusive_consumer_stays_alone()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var exclusive = await Subscriber.Start(channel, queue, exclusive: true);
        var other = await OpenChannel();
        await ExpectClose(
            () => Subscriber.Start(other, queue), 403, $"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use");
        await channel.BasicCancelAsync(exclusive.Tag);
        await Subscriber.Start(await OpenChannel(), queue);
    }

    [Test]
    public async Task Nobody_becomes_exclusive_beside_another_consumer()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Subscriber.Start(channel, queue);
        var other = await OpenChannel();
        await ExpectClose(
            () => Subscriber.Start(other, queue, exclusive: true), 403, $"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use");
    }

    [Test]
    public async Task No_local_is_ignored()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, queue, noLocal: true);
        await Publish(channel, queue, "my own");
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("my own"));
    }

    [Test]
    public async Task After_cancel_ok_nothing_more_is_delivered()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await Declare(raw);
        await raw.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(queue, "tag", false, false, false, false, FieldTable.Empty));
        await raw.Publish(1, "", queue, "before");
        await raw.ExpectDelivery(1);
        Assert.That(await raw.Call<BasicCancel, BasicCancelOk>(1, new BasicCancel("tag", false)), Is.EqualTo(new BasicCancelOk("tag")));
        await raw.Publish(1, "", queue, "after");
        await raw.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare(queue, true, false, false, false, false, FieldTable.Empty));
        await raw.Send(1, new BasicAck(1, false)); // what it has may still be acknowledged
        await raw.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 1, false));
    }

    [Test]
    public async Task What_a_cancelled_consumer_has_stays_with_its_channel()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, "m");
        await subscriber.Next();
        await channel.BasicCancelAsync(subscriber.Tag);
        Assert.That(await channel.BasicGetAsync(queue, autoAck: true), Is.Null);
        await channel.CloseAsync();
        var other = await OpenChannel();
        Assert.That((await Get(other, queue)).Redelivered, Is.True);
    }

    [Test]
    public async Task Cancelling_an_unknown_tag_succeeds()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        Assert.That(await raw.Call<BasicCancel, BasicCancelOk>(1, new BasicCancel("nobody", false)), Is.EqualTo(new BasicCancelOk("nobody")));
    }

    [Test]
    public async Task A_consumer_is_told_when_its_queue_is_deleted()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var first = await Subscriber.Start(channel, queue, tag: "first");
        var second = await Subscriber.Start(await OpenChannel(), queue, tag: "second");
        await (await OpenChannel()).QueueDeleteAsync(queue);
        Assert.That(await first.CancelledByServer(), Is.EqualTo("first"));
        Assert.That(await second.CancelledByServer(), Is.EqualTo("second"));
    }

    [Test]
    public async Task The_channel_that_deletes_the_queue_is_told_too()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await Declare(raw);
        await raw.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(queue, "tag", false, false, false, false, FieldTable.Empty));
        await raw.Send(1, new QueueDelete(queue, false, false, false));
        var frames = new[] { await raw.ReadFrame(), await raw.ReadFrame() }; // in either order
        Assert.That(frames, Has.One.Matches<RawFrame>(frame => frame!.Is(MethodId.QueueDeleteOk)));
        var cancel = Array.Find(frames, frame => frame.Is(MethodId.BasicCancel));
        Assert.That(cancel?.Read<BasicCancel>(), Is.EqualTo(new BasicCancel("tag", NoWait: true)));

        // The tag is free, and cancelling it is no error.
        await raw.Call<BasicCancel, BasicCancelOk>(1, new BasicCancel("tag", false));
        await raw.Close();
    }

    [Test]
    public async Task A_client_that_cannot_be_told_is_not_when_its_queue_is_deleted()
    {
        await using var raw = await RawConnection.Open(Broker, capabilities: FieldTable.Empty);
        var queue = await Declare(raw);
        await raw.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(queue, "tag", false, false, false, false, FieldTable.Empty));
        await raw.Call<QueueDelete, QueueDeleteOk>(1, new QueueDelete(queue, false, false, false));
        await raw.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 1, false));
        await raw.Close();
    }

    [Test]
    public async Task Messages_of_a_deleted_queue_can_be_acknowledged_without_harm()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(3));
        await subscriber.Next(3);
        await channel.QueueDeleteAsync(queue);
        await channel.BasicAckAsync(2, multiple: true);
        await channel.BasicNackAsync(3, multiple: false, requeue: true);
        await channel.QueueDeclarePassiveAsync(await DeclareQueue(channel));
    }

    [Test]
    public async Task A_declaration_tells_how_many_consumers_there_are()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, queue);
        var closing = await OpenChannel();
        await Subscriber.Start(closing, queue);
        await ExpectConsumers(channel, queue, 2);
        await channel.BasicCancelAsync(subscriber.Tag);
        await ExpectConsumers(channel, queue, 1);
        await closing.CloseAsync();
        await ExpectConsumers(channel, queue, 0);
    }

    [Test]
    public async Task Several_queues_can_be_consumed_on_one_channel()
    {
        var channel = await OpenChannel();
        var subscribers = new Dictionary<string, Subscriber>();
        for (var i = 0; i < 10; i++)
        {
            var queue = await DeclareQueue(channel);
            subscribers.Add(queue, await Subscriber.Start(channel, queue));
        }
        foreach (var queue in subscribers.Keys) await Publish(channel, queue, queue);
        foreach (var (queue, subscriber) in subscribers)
        {
            var delivery = await subscriber.Next();
            Assert.That((delivery.Text, delivery.ConsumerTag), Is.EqualTo((queue, subscriber.Tag)));
        }
    }

    private static Task ExpectConsumers(IChannel channel, string queue, uint count) =>
        Eventually.That(async () => (await channel.QueueDeclarePassiveAsync(queue)).ConsumerCount, Is.EqualTo(count));

    private static async Task<string> Declare(RawConnection raw)
    {
        await raw.OpenChannel(1);
        return (await raw.Call<QueueDeclare, QueueDeclareOk>(
            1, new QueueDeclare("", false, false, Exclusive: true, false, false, FieldTable.Empty))).Queue;
    }
}
