using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>x-delayed-retry-type, -min, -max as in RabbitMQ 4.3, and a multiplier: what comes back waits before it is ready again.</summary>
[Newer]
public sealed class RetryTests : ConformanceFixture
{
    [TestCase("classic")]
    [TestCase("quorum")]
    public async Task A_message_that_came_back_waits(string type)
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, durable: true, arguments: Table(
            ("x-queue-type", type), ("x-delayed-retry-type", "all"), ("x-delayed-retry-min", 500), ("x-delayed-retry-max", 2_000)));
        await Publish(channel, queue, "m", "n");
        var sentBack = DateTime.UtcNow;
        await channel.BasicRejectAsync((await Get(channel, queue)).DeliveryTag, requeue: true);
        Assert.That((await Get(channel, queue, autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("n")), "others do not wait");
        var again = await Get(channel, queue);
        Assert.That((DateTime.UtcNow - sentBack).TotalMilliseconds, Is.GreaterThanOrEqualTo(490));
        Assert.That((again.Redelivered, again.BasicProperties.Headers!["x-delivery-count"]), Is.EqualTo((true, (object)1L)));
        sentBack = DateTime.UtcNow;
        await channel.BasicRejectAsync(again.DeliveryTag, requeue: true);
        await Get(channel, queue, autoAck: true);
        Assert.That((DateTime.UtcNow - sentBack).TotalMilliseconds, Is.GreaterThanOrEqualTo(990));
    }

    [Test]
    public async Task It_waits_on_when_the_broker_was_killed()
    {
        var broker = await StartOwnBroker();
        var arguments = Table(("x-delayed-retry-type", "returned"), ("x-delayed-retry-min", 3_000));
        DateTime sentBack;
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            await channel.QueueDeclareAsync("retry", durable: true, exclusive: false, autoDelete: false, arguments);
            var properties = new BasicProperties { Persistent = true };
            await channel.BasicPublishAsync("", "retry", mandatory: false, properties, Bytes("m"));
            sentBack = DateTime.UtcNow;
            await channel.BasicNackAsync((await Get(channel, "retry")).DeliveryTag, multiple: false, requeue: true);
            await channel.BasicPublishAsync("", "retry", mandatory: false, properties, Bytes("after")); // what came before is written
        }
        await broker.Kill();
        await broker.Restart();
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync();
            Assert.That((await Get(channel, "retry", autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("after")));
            Assert.That((await Get(channel, "retry", autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("m")));
            Assert.That((DateTime.UtcNow - sentBack).TotalMilliseconds, Is.GreaterThanOrEqualTo(2_900));
        }
    }

    [Test]
    public async Task A_queue_with_messages_that_wait_is_not_empty()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-delayed-retry-type", "all"), ("x-delayed-retry-min", 60_000)));
        await Publish(channel, queue, "m");
        await channel.BasicRejectAsync((await Get(channel, queue)).DeliveryTag, requeue: true);
        await ExpectReady(channel, queue, 0);
        await ExpectClose(
            () => channel.QueueDeleteAsync(queue, ifUnused: false, ifEmpty: true), 406, $"PRECONDITION_FAILED - queue '{queue}' in vhost '/' not empty");
    }

    [TestCase("x-delayed-retry-type", "some", "invalid_delayed_retry_type")]
    [TestCase("x-delayed-retry-min", 0, "{value_zero,0}")]
    [TestCase("x-delayed-retry-max", -1, "{value_negative,-1}")]
    [TestCase("x-retry-delay-min-ms", 0, "{value_zero,0}")]
    [TestCase("x-delayed-retry-multiplier", "2", "\"expected integer, got longstr\"")]
    public async Task Arguments_that_mean_nothing_are_refused(string argument, object value, string reason)
    {
        var queue = Name();
        var channel = await OpenChannel();
        await ExpectClose(
            () => DeclareQueue(channel, queue, arguments: Table((argument, value))), 406,
            $"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}' in vhost '/': {reason}");
    }
}
