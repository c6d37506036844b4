using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>basic.qos: how much may be on its way to a consumer, and to all consumers of a channel.</summary>
[Same]
public sealed class QosTests : ConformanceFixture
{
    [Test]
    public async Task A_consumer_gets_no_more_than_its_prefetch()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 3, global: false);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(10));
        await subscriber.Next(3);
        await ExpectUnacknowledged(channel, queue, subscriber, 3, of: 10);

        await channel.BasicAckAsync(1, multiple: false);
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("4"));
        await channel.BasicAckAsync(4, multiple: true);
        Assert.That((await subscriber.Next(3)).Select(delivery => delivery.Text), Is.EqualTo(["5", "6", "7"]));
        await ExpectUnacknowledged(channel, queue, subscriber, 3, of: 6);
    }

    [Test]
    public async Task Reject_and_nack_make_room_as_ack_does()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 2, global: false);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(6));
        await subscriber.Next(2);
        await channel.BasicRejectAsync(1, requeue: false);
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("3"));
        await channel.BasicNackAsync(3, multiple: true, requeue: false);
        Assert.That((await subscriber.Next(2)).Select(delivery => delivery.Text), Is.EqualTo(["4", "5"]));
    }

    [Test]
    public async Task Each_consumer_has_a_prefetch_of_its_own()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var other = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 2, global: false);
        var first = await Subscriber.Start(channel, queue);
        var second = await Subscriber.Start(channel, other);
        await Publish(channel, queue, Numbers(5));
        await Publish(channel, other, Numbers(5));
        await ExpectUnacknowledged(channel, queue, first, 2, of: 5);
        await ExpectUnacknowledged(channel, other, second, 2, of: 5);
    }

    [Test]
    public async Task A_new_prefetch_is_for_the_consumers_that_come_after_it()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var other = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 2, global: false);
        var before = await Subscriber.Start(channel, queue);
        await channel.BasicQosAsync(0, prefetchCount: 4, global: false);
        var after = await Subscriber.Start(channel, other);
        await Publish(channel, queue, Numbers(10));
        await Publish(channel, other, Numbers(10));
        await ExpectUnacknowledged(channel, queue, before, 2, of: 10);
        await ExpectUnacknowledged(channel, other, after, 4, of: 10);
    }

    [Test]
    public async Task A_prefetch_of_zero_has_no_limit()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 1, global: false);
        await channel.BasicQosAsync(0, prefetchCount: 0, global: false);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(2000));
        await subscriber.Next(2000);
    }

    [Test]
    public async Task A_consumer_that_does_not_acknowledge_is_not_limited()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 1, global: false);
        await channel.BasicQosAsync(0, prefetchCount: 1, global: true);
        var subscriber = await Subscriber.Start(channel, queue, autoAck: true);
        await Publish(channel, queue, Numbers(100));
        await subscriber.Next(100);
    }

    [Test]
    public async Task A_global_prefetch_is_shared_by_the_consumers_of_the_channel()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var other = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 3, global: true);
        var first = await Subscriber.Start(channel, queue);
        var second = await Subscriber.Start(channel, other);
        await Publish(channel, queue, Numbers(5));
        await ExpectUnacknowledged(channel, queue, first, 3, of: 5);
        await Publish(channel, other, Numbers(5));
        await ExpectUnacknowledged(channel, other, second, 0, of: 5);

        await channel.BasicAckAsync(3, multiple: true);
        await Eventually.That(() => first.Received + second.Received, Is.EqualTo(6));
    }

    [Test]
    public async Task While_the_shared_prefetch_is_used_up_a_consumer_that_does_not_acknowledge_waits_too()
    {
        var channel = await OpenChannel();
        var (queue, other) = (await DeclareQueue(channel), await DeclareQueue(channel));
        await channel.BasicQosAsync(0, prefetchCount: 1, global: true);
        var holding = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, "held");
        await holding.Next();
        var free = await Subscriber.Start(channel, other, autoAck: true);
        await Publish(channel, other, Numbers(3));
        await ExpectReady(channel, other, 3);
        await channel.BasicAckAsync(1, multiple: false);
        Assert.That((await free.Next(3)).Select(delivery => delivery.Text), Is.EqualTo(Numbers(3)));
        await Publish(channel, queue, "next");
        Assert.That((await holding.Next()).Text, Is.EqualTo("next"));
    }

    [Test]
    public async Task A_global_prefetch_does_not_reach_other_channels()
    {
        var limited = await OpenChannel();
        var free = await OpenChannel();
        var queue = await DeclareQueue(limited);
        await limited.BasicQosAsync(0, prefetchCount: 1, global: true);
        var first = await Subscriber.Start(limited, queue);
        var second = await Subscriber.Start(free, queue);
        await Publish(free, queue, Numbers(10));
        await Eventually.That(() => (first.Received, second.Received), Is.EqualTo((1, 9)));
    }

    [Test]
    public async Task A_global_prefetch_and_a_consumers_own_hold_both()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var other = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 4, global: true);
        await channel.BasicQosAsync(0, prefetchCount: 3, global: false);
        // Setting the consumers' prefetch takes the channel's away: they are set in this order.
        await channel.BasicQosAsync(0, prefetchCount: 4, global: true);
        var first = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(10));
        await ExpectUnacknowledged(channel, queue, first, 3, of: 10);
        var second = await Subscriber.Start(channel, other);
        await Publish(channel, other, Numbers(10));
        await ExpectUnacknowledged(channel, other, second, 1, of: 10);
    }

    [Test]
    public async Task A_global_prefetch_can_be_raised_and_taken_away_under_way()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicQosAsync(0, prefetchCount: 2, global: true);
        var subscriber = await Subscriber.Start(channel, queue);
        await Publish(channel, queue, Numbers(100));
        await ExpectUnacknowledged(channel, queue, subscriber, 2, of: 100);
        await channel.BasicQosAsync(0, prefetchCount: 5, global: true);
        await Eventually.That(() => subscriber.Received, Is.EqualTo(5));
        await channel.BasicQosAsync(0, prefetchCount: 0, global: true);
        await Eventually.That(() => subscriber.Received, Is.EqualTo(100));
    }

    [Test]
    public async Task A_global_prefetch_of_10_over_five_queues_never_exceeds_10_and_every_queue_progresses()
    {
        const int queues = 5;
        const int messages = 200;
        const int limit = 10;
        var channel = await OpenChannel(await Connect());
        await channel.BasicQosAsync(0, limit, global: true);
        var publisher = await OpenChannel();

        var names = new List<string>();
        for (var i = 0; i < queues; i++)
        {
            names.Add(await DeclareQueue(publisher));
            await Publish(publisher, names[i], Numbers(messages));
            await ExpectReady(publisher, names[i], messages);
        }
        var consumer = new Acknowledger(channel, limit);
        foreach (var name in names) await channel.BasicConsumeAsync(name, autoAck: false, consumerTag: name, consumer);

        await Eventually.That(() => consumer.Acknowledged, Is.EqualTo(queues * messages), within: TimeSpan.FromSeconds(30));
        Assert.That(consumer.UnacknowledgedMax, Is.LessThanOrEqualTo(limit));
        foreach (var name in names)
        {
            Assert.That(consumer.Texts[name], Is.EqualTo(Numbers(messages)), "every message once and in order");
            // All have the same number of messages: one that is served last of all gets nothing before the others are through.
            Assert.That(consumer.FirstOf[name], Is.LessThan(queues * messages / 2), $"queue {name} progresses beside the others");
        }
    }

    /// <summary>
    /// So many messages have been delivered and not acknowledged, and no more come: all the others are ready in the queue.
    /// </summary>
    private static async Task ExpectUnacknowledged(IChannel channel, string queue, Subscriber subscriber, int count, int of)
    {
        var received = subscriber.Received;
        await ExpectReady(channel, queue, (uint)(of - count));
        await Eventually.That(() => subscriber.Received, Is.GreaterThanOrEqualTo(Math.Max(received, count)));
        Assert.That(await channel.MessageCountAsync(queue), Is.EqualTo(of - count), "no more comes");
    }

    /// <summary>Holds back as many deliveries as the limit allows, then acknowledges them in pairs, and counts.</summary>
    private sealed class Acknowledger(IChannel channel, int limit) : AsyncDefaultBasicConsumer(channel)
    {
        private readonly Queue<ulong> _unacknowledged = new();
        private int _deliveries;
        private int _acknowledged;

        public int Acknowledged => Volatile.Read(ref _acknowledged);

        public int UnacknowledgedMax { get; private set; }

        public Dictionary<string, List<string>> Texts { get; } = [];

        /// <summary>By consumer: how many deliveries there were, over all, before its first.</summary>
        public Dictionary<string, int> FirstOf { get; } = [];

        public override async Task HandleBasicDeliverAsync(
            string consumerTag, ulong deliveryTag, bool redelivered, string exchange, string routingKey,
            IReadOnlyBasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default)
        {
            FirstOf.TryAdd(consumerTag, _deliveries++);
            if (!Texts.TryGetValue(consumerTag, out var texts)) Texts.Add(consumerTag, texts = []);
            texts.Add(System.Text.Encoding.UTF8.GetString(body.Span));
            _unacknowledged.Enqueue(deliveryTag);
            UnacknowledgedMax = Math.Max(UnacknowledgedMax, _unacknowledged.Count);
            if (_unacknowledged.Count < limit && !IsLast) return;
            do
            {
                await Channel.BasicAckAsync(_unacknowledged.Dequeue(), multiple: false, cancellationToken);
                Interlocked.Increment(ref _acknowledged);
            }
            while (IsLast && _unacknowledged.Count > 0);
        }

        private bool IsLast => _deliveries == 1000;
    }
}
