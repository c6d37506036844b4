using System.Text;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Conformance.Tests;

/// <summary>x-dead-letter-exchange: what is rejected, expires or is too much goes there, and says where it comes from.</summary>
[Same]
public sealed class DeadLetterTests : ConformanceFixture
{
    [TestCase("reject")]
    [TestCase("nack")]
    [TestCase("tx")]
    public async Task What_is_rejected_goes_to_the_exchange_and_says_where_it_comes_from(string how)
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "direct");
        var (queue, dead) = (await DeclareQueue(channel, arguments: Table(("x-dead-letter-exchange", exchange))), await DeclareQueue(channel));
        await channel.QueueBindAsync(dead, exchange, queue);
        await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { MessageId = "id", Headers = Table(("own", "value")) }, Bytes("m"));
        if (how == "tx") await channel.TxSelectAsync();
        var message = await Get(channel, queue);
        if (how == "nack") await channel.BasicNackAsync(message.DeliveryTag, multiple: false, requeue: false);
        else await channel.BasicRejectAsync(message.DeliveryTag, requeue: false);
        if (how == "tx")
        {
            await ExpectReady(channel, dead, 0);
            await channel.TxCommitAsync();
        }

        var letter = await Letter(channel, dead);
        var headers = letter.BasicProperties.Headers!;
        var death = Deaths(letter).Single();
        Assert.Multiple(() =>
        {
            Assert.That((letter.Exchange, letter.RoutingKey, letter.Redelivered, Encoding.UTF8.GetString(letter.Body.Span)), Is.EqualTo((exchange, queue, false, "m")));
            Assert.That((letter.BasicProperties.MessageId, Text(headers["own"])), Is.EqualTo(("id", "value")));
            Assert.That((death["count"], Text(death["reason"]), Text(death["queue"]), Text(death["exchange"])), Is.EqualTo((1L, "rejected", queue, "")));
            Assert.That(((List<object>)death["routing-keys"]!).Select(Text), Is.EqualTo((string[])[queue]));
            Assert.That(((AmqpTimestamp)death["time"]!).UnixTime, Is.EqualTo(DateTimeOffset.UtcNow.ToUnixTimeSeconds()).Within(60));
            Assert.That(death, Does.Not.ContainKey("original-expiration"));
            Assert.That(
                (Text(headers["x-first-death-reason"]), Text(headers["x-first-death-queue"]), Text(headers["x-first-death-exchange"])), Is.EqualTo(("rejected", queue, "")));
        });
    }

    /// <summary>record_death of mc.erl in RabbitMQ 3.13.</summary>
    [Test, Newer]
    public async Task The_last_death_is_said_as_well()
    {
        var channel = await OpenChannel();
        var dead = await DeclareQueue(channel);
        var queue = await DeclareQueue(channel, arguments: Table(("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", dead)));
        await Publish(channel, queue, "m");
        await Reject(channel, queue);
        var headers = (await Letter(channel, dead)).BasicProperties.Headers!;
        Assert.That((Text(headers["x-last-death-reason"]), Text(headers["x-last-death-queue"]), Text(headers["x-last-death-exchange"])), Is.EqualTo(("rejected", queue, "")));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task What_expires_goes_there_and_does_not_expire_again(bool isOwn)
    {
        var channel = await OpenChannel();
        var dead = await DeclareQueue(channel);
        var queue = await DeclareQueue(channel, arguments: Table(
            ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", dead), ("x-message-ttl", isOwn ? 60_000 : 50)));
        await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { Expiration = isOwn ? "50" : "70000" }, Bytes("m"));
        var letter = await Letter(channel, dead);
        var death = Deaths(letter).Single();
        Assert.That((letter.BasicProperties.IsExpirationPresent(), Text(death["reason"]), Text(death["original-expiration"])), Is.EqualTo((false, "expired", isOwn ? "50" : "70000")));
        Assert.That((letter.RoutingKey, ((List<object>)death["routing-keys"]!).Select(Text).Single()), Is.EqualTo((dead, queue)));
    }

    [Test]
    public async Task The_oldest_go_there_when_there_are_too_many()
    {
        var channel = await OpenChannel();
        var dead = await DeclareQueue(channel);
        var queue = await DeclareQueue(channel, arguments: Table(("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", dead), ("x-max-length", 2)));
        await Publish(channel, queue, Numbers(5));
        await ExpectReady(channel, dead, 3);
        Assert.That(await Drain(channel, dead), Is.EqualTo(Numbers(3)));
        Assert.That((await channel.QueueDeclarePassiveAsync(queue)).MessageCount, Is.EqualTo(2));
    }

    [Test]
    public async Task What_a_full_queue_refuses_goes_there_too_if_it_is_to()
    {
        var channel = await OpenConfirmChannel();
        var dead = await DeclareQueue(channel);
        var queue = await DeclareQueue(channel, arguments: Table(
            ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", dead), ("x-max-length", 1), ("x-overflow", "reject-publish-dlx")));
        await Publish(channel, queue, "1");
        Assert.That(async () => await Publish(channel, queue, "2"), Throws.InstanceOf<PublishException>());
        var letter = await Letter(channel, dead);
        Assert.That((Encoding.UTF8.GetString(letter.Body.Span), Text(Deaths(letter).Single()["reason"])), Is.EqualTo(("2", "maxlen")));
    }

    [Test]
    public async Task One_that_comes_back_and_is_rejected_again_is_counted()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-dead-letter-exchange", "")));
        await Publish(channel, queue, "m");
        for (var count = 1; count <= 3; count++)
        {
            await Reject(channel, queue);
            await ExpectReady(channel, queue, 1);
        }
        var death = Deaths(await Letter(channel, queue)).Single();
        Assert.That((death["count"], Text(death["queue"])), Is.EqualTo((3L, queue)));
    }

    [Test]
    public async Task What_happened_last_comes_first()
    {
        var channel = await OpenChannel();
        var end = await DeclareQueue(channel);
        var second = await DeclareQueue(channel, arguments: Table(("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", end), ("x-message-ttl", 20)));
        var first = await DeclareQueue(channel, arguments: Table(("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", second)));
        await Publish(channel, first, "m");
        await Reject(channel, first);
        var letter = await Letter(channel, end);
        Assert.That(Deaths(letter).Select(death => (Text(death["queue"]), Text(death["reason"]))), Is.EqualTo(((string?, string?)[])[(second, "expired"), (first, "rejected")]));
        Assert.That(Text(letter.BasicProperties.Headers!["x-first-death-queue"]), Is.EqualTo(first));
    }

    [Test]
    public async Task A_message_that_would_go_round_by_itself_is_dropped()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-dead-letter-exchange", ""), ("x-message-ttl", 20)));
        await Publish(channel, queue, "m");
        await ExpectReady(channel, queue, 0);
        // Behind it something that stays: it would come back before.
        var other = await DeclareQueue(channel, arguments: Table(("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", queue), ("x-message-ttl", 1)));
        await Publish(channel, other, "n");
        await ExpectReady(channel, other, 0);
        await ExpectReady(channel, queue, 0);
    }

    [Test]
    public async Task Every_queue_of_the_exchange_gets_it()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        var queue = await DeclareQueue(channel, durable: true, arguments: Table(("x-dead-letter-exchange", exchange)));
        var (one, two) = (await DeclareQueue(channel, durable: true), await DeclareQueue(channel, durable: true));
        foreach (var dead in (string[])[one, two]) await channel.QueueBindAsync(dead, exchange, "");
        foreach (var text in Numbers(3)) await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { Persistent = true }, Bytes(text));
        for (var count = 0; count < 3; count++) await Reject(channel, queue);
        await ExpectReady(channel, one, 3);
        await ExpectReady(channel, two, 3);
        Assert.That((await Drain(channel, one), await Drain(channel, two)), Is.EqualTo((Numbers(3), Numbers(3))));
    }

    [TestCase("there is no such exchange")]
    [TestCase("amq.direct", Description = "it leads nowhere")]
    public async Task Where_no_queue_gets_it_it_is_gone(string exchange)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-dead-letter-exchange", exchange)));
        await Publish(channel, queue, "1", "2");
        await Reject(channel, queue);
        Assert.That((await Get(channel, queue, autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("2")));
        await ExpectReady(channel, queue, 0);
    }

    [Test]
    public async Task What_is_purged_or_acknowledged_does_not_go_there()
    {
        var channel = await OpenChannel();
        var dead = await DeclareQueue(channel);
        var queue = await DeclareQueue(channel, arguments: Table(("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", dead)));
        await Publish(channel, queue, "1", "2", "3");
        await channel.BasicAckAsync((await Get(channel, queue)).DeliveryTag, multiple: false);
        Assert.That(await channel.QueuePurgeAsync(queue), Is.EqualTo(2));
        await Publish(channel, queue, "4");
        await Reject(channel, queue);
        await ExpectReady(channel, dead, 1);
        Assert.That(await Drain(channel, dead), Is.EqualTo((string[])["4"]));
    }

    private static async Task Reject(IChannel channel, string queue) => await channel.BasicRejectAsync((await Get(channel, queue)).DeliveryTag, requeue: false);

    private static async Task<BasicGetResult> Letter(IChannel channel, string queue)
    {
        await ExpectReady(channel, queue, 1);
        return await Get(channel, queue, autoAck: true);
    }

    private static IEnumerable<IDictionary<string, object?>> Deaths(BasicGetResult letter) =>
        ((List<object>)letter.BasicProperties.Headers!["x-death"]!).Cast<IDictionary<string, object?>>();

    private static string? Text(object? value) => value is byte[] bytes ? Encoding.UTF8.GetString(bytes) : null;
}
