using System.Diagnostics;
using System.Net;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Limits.Tests;

/// <summary>Clients that stop reading for good, and one that only reads slowly.</summary>
internal sealed class StoppedReaderTests : BrokerFixture
{
    private const int LimitMs = 2_000;
    private const int Messages = 500;
    private const int MessageBytes = 60_000;

    /// <summary>Small, so that the broker's side is what fills.</summary>
    private const int ReceiveBuffer = 65_536;

    private TestBroker _broker = null!;

    [SetUp]
    public async Task StartBroker()
    {
        _broker = await StartOwnBroker($"--Limits:SendMs={LimitMs}");
        await using var publisher = await Connect();
        await publisher.Call<QueueDeclare, QueueDeclareOk>(1, Declaration(passive: false));
        var body = new string('x', MessageBytes);
        for (var message = 0; message < Messages; message++) await publisher.Publish(1, "", "q", body);
        await Eventually.That(() => Ready(publisher), Is.EqualTo(Messages));
    }

    [Test]
    public async Task Who_stops_reading_is_closed_and_what_it_has_returns([Values] bool noAck, [Values(0, 60)] int heartbeat)
    {
        ExpectLog($"has taken nothing of what it is sent for {LimitMs} ms", _broker);
        await using var neighbour = await Neighbour.Of(_broker);
        await using var other = await Connect();
        await using var stopped = await Consumer(noAck, (ushort)heartbeat);
        await Eventually.That(() => Ready(other), Is.LessThan(Messages - 20));
        await Eventually.That(() => new ControlApi(_broker).List("connections"), Has.Length.EqualTo(3), TimeSpan.FromMilliseconds(5 * LimitMs));
        await Eventually.That(() => Ready(other), noAck ? Is.GreaterThan(0) : Is.EqualTo(Messages));
        await neighbour.Ask();
    }

    [Test]
    public async Task Who_reads_slowly_and_steadily_is_not()
    {
        await using var slow = await Consumer(noAck: false, heartbeat: 0);
        var got = 0;
        for (var time = Stopwatch.StartNew(); time.ElapsedMilliseconds < 4 * LimitMs; got += 2)
        {
            for (var message = 0; message < 2; message++) await slow.ExpectDelivery(1);
            await Task.Delay(LimitMs / 4);
        }
        for (; got < Messages; got++) await slow.ExpectDelivery(1);
    }

    private static QueueDeclare Declaration(bool passive) => new("q", passive, Durable: false, false, false, false, FieldTable.Empty);

    private static async Task<uint> Ready(RawConnection connection) =>
        (await connection.Call<QueueDeclare, QueueDeclareOk>(1, Declaration(passive: true))).MessageCount;

    private async Task<RawConnection> Connect(ushort heartbeat = 0)
    {
        var connection = await RawConnection.Open(new IPEndPoint(IPAddress.Loopback, _broker.Port), heartbeat: heartbeat, receiveBuffer: ReceiveBuffer);
        await connection.OpenChannel(1);
        connection.Deadline = Patience.Start;
        return connection;
    }

    /// <summary>Gets messages, and reads them when the test does.</summary>
    private async Task<RawConnection> Consumer(bool noAck, ushort heartbeat)
    {
        var consumer = await Connect(heartbeat);
        await consumer.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume("q", "", false, noAck, false, false, FieldTable.Empty));
        return consumer;
    }
}
