using System.Collections.Concurrent;
using System.Text;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Conformance.Tests;

/// <summary>x-browse: a consumer that looks and takes nothing. RabbitMQ has it for streams alone.</summary>
[Ours]
public sealed class BrowseTests : ConformanceFixture
{
    [Test]
    public async Task A_consumer_with_x_browse_sees_what_is_there_and_what_comes_and_leaves_it()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(3));
        await channel.BasicRejectAsync((await Get(channel, queue)).DeliveryTag, requeue: true);
        var seen = await Browse(channel, queue);
        await Publish(channel, queue, "4");
        await Eventually.That(() => seen.ToArray(), Is.EqualTo((string[])["1!", "2", "3", "4"]));
        foreach (var number in Numbers(4))
        {
            var message = await Get(channel, queue, autoAck: true);
            Assert.That((Encoding.UTF8.GetString(message.Body.Span), message.Redelivered), Is.EqualTo((number, number == "1")));
        }
    }

    [Test]
    public async Task It_goes_on_where_it_was_also_after_a_restart()
    {
        var broker = await StartOwnBroker();
        var positions = new ConcurrentQueue<long>();
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: false);
            foreach (var text in Numbers(5)) await channel.BasicPublishAsync("", "q", mandatory: false, new BasicProperties { Persistent = true }, Bytes(text));
            await Browse(channel, "q", positions: positions);
            await Eventually.True(() => positions.Count == 5);
        }
        await broker.Kill();
        await broker.Restart();
        await using (var connection = await Factory(broker.Port).CreateConnectionAsync())
        {
            var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            var seen = await Browse(channel, "q", from: positions.ElementAt(3));
            await Eventually.That(() => seen.Select(text => text.TrimEnd('!')), Is.EqualTo((string[])["4", "5"]));
            await channel.BasicPublishAsync("", "q", Bytes("6"));
            await Eventually.True(() => seen.Contains("6"));
        }
    }

    [Test]
    public async Task It_may_begin_with_what_comes_next()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, "before");
        var seen = await Browse(channel, queue, from: "next");
        await Publish(channel, queue, "after");
        await Eventually.That(() => seen.ToArray(), Is.EqualTo((string[])["after"]));
    }

    [Test]
    public async Task It_sees_a_queue_that_is_larger_than_memory_in_order()
    {
        const int Messages = 2_000;
        var broker = await StartOwnBroker("--Limits:PageOutBytes=1000000");
        await using var connection = await Factory(broker.Port).CreateConnectionAsync();
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: false);
        var rest = new string('x', 4_000);
        var publishes = Numbers(Messages).Select(number => channel.BasicPublishAsync("", "q", mandatory: false, new BasicProperties { Persistent = true }, Bytes($"{number} {rest}")).AsTask());
        await Task.WhenAll(publishes);
        var seen = await Browse(channel, "q");
        await Eventually.True(() => seen.Count == Messages, within: TimeSpan.FromSeconds(60));
        Assert.That(seen.Select(text => text.Split(' ')[0]), Is.EqualTo(Numbers(Messages)));
        Assert.That((await channel.QueueDeclarePassiveAsync("q")).MessageCount, Is.EqualTo(Messages));
    }

    [TestCase("x-browse", 1, true, "{unacceptable_type,signedint}")]
    [TestCase("x-browse-from", -1, true, "{value_negative,-1}")]
    [TestCase("x-browse-from", "first", true, "\"expected a position or next, got longstr\"")]
    [TestCase("x-browse", true, false, "\"nothing is taken, so there is nothing to acknowledge: consume with no-ack\"")]
    public async Task Arguments_that_mean_nothing_are_refused(string argument, object value, bool autoAck, string reason)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var arguments = Table(("x-browse", true));
        arguments[argument] = value;
        await ExpectClose(
            () => channel.BasicConsumeAsync(queue, autoAck, "", noLocal: false, exclusive: false, arguments, new AsyncEventingBasicConsumer(channel)), 406,
            $"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}' in vhost '/': {reason}");
    }

    /// <summary>What it has seen by now, with <c>!</c> behind what counts as redelivered.</summary>
    private static async Task<ConcurrentQueue<string>> Browse(IChannel channel, string queue, object? from = null, ConcurrentQueue<long>? positions = null)
    {
        var seen = new ConcurrentQueue<string>();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            seen.Enqueue(Encoding.UTF8.GetString(delivery.Body.Span) + (delivery.Redelivered ? "!" : ""));
            positions?.Enqueue((long)delivery.BasicProperties.Headers!["x-browse-position"]!);
            return Task.CompletedTask;
        };
        var arguments = Table(("x-browse", true));
        if (from is not null) arguments["x-browse-from"] = from;
        await channel.BasicConsumeAsync(queue, autoAck: true, "", noLocal: false, exclusive: false, arguments, consumer);
        return seen;
    }
}
