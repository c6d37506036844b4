using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>Messages and queues that end by the clock: expiration, x-message-ttl, x-expires.</summary>
[Same]
public sealed class ExpiryTests : ConformanceFixture
{
    [Test]
    public async Task A_message_ends_when_its_expiration_has_passed()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Expiring(channel, queue, "m", "600");
        await ExpectReady(channel, queue, 1);
        await ExpectReady(channel, queue, 0);
        Assert.That(await channel.BasicGetAsync(queue, autoAck: true), Is.Null);
    }

    [Test]
    public async Task A_message_ends_when_the_ttl_of_its_queue_has_passed()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-message-ttl", 600)));
        await Publish(channel, queue, Numbers(3));
        await ExpectReady(channel, queue, 3);
        await ExpectReady(channel, queue, 0);
    }

    [Test]
    public async Task A_message_far_from_its_end_is_delivered_as_any_other()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-message-ttl", 60_000)));
        await Expiring(channel, queue, "m", "120000");
        var message = await Get(channel, queue);
        Assert.That((message.Body.ToArray(), message.BasicProperties.Expiration), Is.EqualTo((Bytes("m"), "120000")));
    }

    [TestCase(600, "60000")]
    [TestCase(60_000, "600")]
    public async Task The_shorter_of_both_counts(int queueTtl, string expiration)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-message-ttl", queueTtl)));
        await Expiring(channel, queue, "m", expiration);
        await ExpectReady(channel, queue, 1);
        await ExpectReady(channel, queue, 0);
    }

    [TestCase("4294967296")]
    [TestCase("315360000000", Description = "ten years, the longest")]
    [TestCase("+60000")]
    [TestCase("000000000000000000000000060000")]
    public async Task An_expiration_may_be_long_and_have_a_sign_or_zeros_in_front(string expiration)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-message-ttl", 315_360_000_000), ("x-expires", 315_360_000_000)));
        await Expiring(channel, queue, "m", expiration);
        Assert.That((await Get(channel, queue)).BasicProperties.Expiration, Is.EqualTo(expiration));
    }

    [TestCase("0")]
    [TestCase("-0")]
    [TestCase("+00")]
    public async Task Zero_lives_only_if_it_can_be_delivered_at_once(string zero)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Expiring(channel, queue, "nobody there", zero);
        Assert.That(await channel.BasicGetAsync(queue, autoAck: true), Is.Null);
        var subscriber = await Subscriber.Start(channel, queue, autoAck: true);
        await Expiring(channel, queue, "somebody there", zero);
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("somebody there"));
    }

    [Test]
    public async Task A_ttl_of_zero_does_the_same()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-message-ttl", 0)));
        await Publish(channel, queue, "nobody there");
        Assert.That(await channel.BasicGetAsync(queue, autoAck: true), Is.Null);
        var subscriber = await Subscriber.Start(channel, queue, autoAck: true);
        await Publish(channel, queue, "somebody there");
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("somebody there"));
    }

    [Test]
    public async Task A_message_that_is_out_does_not_end_until_it_returns()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-message-ttl", 600)));
        await Publish(channel, queue, "out");
        await Get(channel, queue);
        await Publish(channel, queue, "clock"); // ends after the first would have
        await ExpectReady(channel, queue, 1);
        await ExpectReady(channel, queue, 0);
        await channel.BasicNackAsync(1, multiple: false, requeue: true);
        await ExpectReady(channel, queue, 0);
        Assert.That(await channel.BasicGetAsync(queue, autoAck: true), Is.Null);
    }

    [TestCase("nack")]
    [TestCase("recover")]
    [TestCase("close")]
    public async Task With_a_ttl_of_zero_nothing_is_delivered_twice(string way)
    {
        const int Messages = 100;
        var publisher = await OpenChannel();
        var queue = await DeclareQueue(publisher, arguments: Table(("x-message-ttl", 0)));
        await using var raw = await RawConnection.Open(Broker);
        for (var number = 0; number < Messages; number++)
        {
            await raw.OpenChannel(1);
            await raw.Call<AMQP.Net.BasicConsume, AMQP.Net.BasicConsumeOk>(
                1, new AMQP.Net.BasicConsume(queue, "a", false, NoAck: false, false, false, AMQP.Net.FieldTable.Empty));
            await raw.Publish(1, "", queue, $"{number}");
            Assert.That((await raw.ExpectDelivery(1)).Content.Text, Is.EqualTo($"{number}"));
            if (way == "nack") await raw.Send(1, new AMQP.Net.BasicNack(1, Multiple: false, Requeue: true));
            else if (way == "recover") await raw.Send(1, new AMQP.Net.BasicRecoverAsync(Requeue: true));
            // Not one more delivery comes before the answer.
            await raw.Call<AMQP.Net.ChannelClose, AMQP.Net.ChannelCloseOk>(1, new AMQP.Net.ChannelClose(AMQP.Net.ReplyCode.Success, "", default));
        }
        var last = await Subscriber.Start(publisher, queue, autoAck: true);
        await Publish(publisher, queue, "last");
        Assert.That((await last.Next()).Text, Is.EqualTo("last"));
    }

    [Test]
    public async Task Acknowledging_after_the_end_is_no_error()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-message-ttl", 600)));
        await Publish(channel, queue, "out");
        await Get(channel, queue);
        await Publish(channel, queue, "clock");
        await ExpectReady(channel, queue, 1);
        await ExpectReady(channel, queue, 0);
        await channel.BasicAckAsync(1, multiple: false);
        await channel.QueueDeclarePassiveAsync(queue);
    }

    [Test]
    public async Task A_queue_that_nobody_uses_ends()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-expires", 200)));
        await Publish(channel, queue, "goes with it");
        await ExpectGone(queue, within: TimeSpan.FromSeconds(5));
    }

    [Test]
    public async Task A_queue_with_a_consumer_does_not_end_before_it_leaves()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-expires", 200)));
        var subscriber = await Subscriber.Start(channel, queue);
        var clock = await DeclareQueue(channel, arguments: Table(("x-expires", 600)));
        await ExpectGone(clock, within: TimeSpan.FromSeconds(5));
        await Publish(channel, queue, "m");
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("m"));
        await channel.BasicCancelAsync(subscriber.Tag);
        await ExpectGone(queue, within: TimeSpan.FromSeconds(5));
    }

    [TestCase("get")]
    [TestCase("declare")]
    public async Task Using_a_queue_puts_its_end_off(string use)
    {
        var channel = await OpenChannel();
        var arguments = Table(("x-expires", 1000));
        var queue = await DeclareQueue(channel, arguments: arguments);
        var clock = await DeclareQueue(channel, arguments: Table(("x-expires", 2000)));
        await Eventually.That(
            async () =>
            {
                // Also an error if the queue has ended.
                if (use == "get") await channel.BasicGetAsync(queue, autoAck: true);
                else await channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false, arguments);
                return await IsGone(clock);
            },
            Is.True);
        await ExpectGone(queue, within: TimeSpan.FromSeconds(5));
    }

    private static ValueTask Expiring(IChannel channel, string queue, string text, string expiration) =>
        channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { Expiration = expiration }, Bytes(text));

    private Task ExpectGone(string queue, TimeSpan within) =>
        Eventually.That(() => IsGone(queue), Is.True, within, $"queue '{queue}' gone");

    /// <summary>Asks without using it: publishing is no use of a queue.</summary>
    private static async Task<bool> IsGone(string queue)
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Publish(1, "", queue, "probe", mandatory: true);
        await raw.Send(1, new AMQP.Net.BasicQos(0, 1, false));
        return (await raw.ReadFrame()).Is(AMQP.Net.MethodId.BasicReturn);
    }
}
