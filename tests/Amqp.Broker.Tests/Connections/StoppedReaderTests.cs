using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Connections;

/// <summary>Clients that have stopped reading are closed after <see cref="Limits.SendMs"/>; no others are.</summary>
internal sealed class StoppedReaderTests
{
    private const int LimitMs = 8_000;

    /// <summary>The node's own timers.</summary>
    private const int TimersOfNode = 2;

    /// <summary>Of a channel whose consumer has to settle in time.</summary>
    private const int TimersOfConsumer = 1;

    private readonly TestNode _node = new(new Limits { SendMs = LimitMs, DiskFreeBytes = 0 });

    [Test]
    public async Task A_consumer_that_stops_reading_is_closed_and_its_messages_return([Values] bool noAck)
    {
        const int Messages = 40;
        var (consumer, publisher) = await ConsumerWith(Messages, noAck);
        _node.Time.Advance(LimitMs - 1);
        Assert.That(consumer.Served.IsCompleted, Is.False);
        Assert.That(await publisher.ReadyCount(1, "q"), Is.LessThan(Messages));
        _node.Time.Advance(1);
        await consumer.Served.WaitAsync(Patience.Answer);
        Assert.That(_node.Logs.Lines, Has.One.Contains($"has taken nothing of what it is sent for {LimitMs} ms"));
        await Eventually.That(() => publisher.ReadyCount(1, "q"), noAck ? Is.GreaterThan(0) : Is.EqualTo(Messages));
        Assert.That(_node.Broker.Services.Memory.UsedBytes, Is.GreaterThan(0).And.LessThan(Messages * 61_000));
    }

    /// <summary>As a client that asks and does not read: it is not read itself, so the end of its stream is not noticed there.</summary>
    [Test]
    public async Task So_is_one_that_is_not_read_any_more_because_of_that()
    {
        var node = new TestNode(new Limits { SendMs = LimitMs, UnreadAnswerBytes = 50_000, DiskFreeBytes = 0 });
        var client = await node.Connect();
        await client.OpenChannel(1);
        for (var message = 0; message < 10; message++) client.WriteMessage(1, "nobody", new string('x', 60_000), mandatory: true);
        _ = client.Flush();
        await Eventually.That(() => node.Time.TimersSet, Is.EqualTo(TimersOfNode + 1));
        node.Time.Advance(LimitMs);
        await client.Served.WaitAsync(Patience.Answer);
    }

    [Test]
    public async Task One_that_takes_a_little_now_and_then_stays()
    {
        var (consumer, _) = await ConsumerWith(messages: 20, noAck: false);
        for (var read = 0; read < 10; read++)
        {
            _node.Time.Advance(LimitMs - 1);
            consumer.TakesOneByte();
        }
        Assert.That(consumer.Served.IsCompleted, Is.False);
        for (var message = 0; message < 20; message++) await consumer.ExpectDelivery(1);
        await Eventually.That(
            () =>
            {
                _node.Time.Advance(LimitMs / 4); // the last look
                return _node.Time.TimersSet;
            },
            Is.EqualTo(TimersOfNode + TimersOfConsumer));
        Assert.That(consumer.Served.IsCompleted, Is.False);
    }

    [Test]
    public async Task A_connection_that_nothing_is_sent_to_is_not_looked_at()
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, "q");
        Assert.That(_node.Time.TimersSet, Is.EqualTo(TimersOfNode));
        _node.Time.Advance(10 * LimitMs);
        Assert.That(await client.ReadyCount(1, "q"), Is.Zero);
    }

    private async Task<(TestClient Consumer, TestClient Publisher)> ConsumerWith(int messages, bool noAck)
    {
        var consumer = await _node.Connect();
        await consumer.OpenChannel(1);
        await consumer.Declare(1, "q");
        await consumer.Consume(1, "q", "c", noAck);
        var publisher = await _node.Connect();
        await publisher.OpenChannel(1);
        for (var message = 0; message < messages; message++) publisher.WriteMessage(1, "q", new string('x', 60_000));
        await publisher.Flush();
        await publisher.ReadyCount(1, "q"); // all of them are there
        await Eventually.That(() => _node.Time.TimersSet, Is.EqualTo(TimersOfNode + (noAck ? 0 : TimersOfConsumer) + 1));
        return (consumer, publisher);
    }
}
