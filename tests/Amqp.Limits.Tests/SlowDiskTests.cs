using System.Diagnostics;
using System.Globalization;
using System.Net;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Limits.Tests;

/// <summary>Publishers who send more than the disk takes, and do not ask whether it has it. No neighbour is measured here: an alarm holds
/// back all publishers, as in RabbitMQ.</summary>
internal sealed class SlowDiskTests : BrokerFixture
{
    private const int FlushMs = 500;
    private const int Publishers = 20;
    private const int BodyBytes = 65_536;

    /// <summary>Windows fill within one flush, and come free with the next, or with the one after that: so long there may be nothing to deliver.</summary>
    private const int RoundMs = 6 * FlushMs;
    private const int Rounds = 4;

    /// <summary>More than the windows of all publishers together, which hold them back before the alarm would; twice, because a message
    /// counts in its queue and on its way to the disk.</summary>
    private const long AboveWindows = 750_000_000;

    /// <summary>Less, so that it is the alarm that holds them back: a few times, as the queue is written to the disk.</summary>
    private const long BelowWindows = 150_000_000;

    /// <summary>What is read of a publisher at once: so much it may have sent beyond the limit before that is counted.</summary>
    private const long PublisherOvershoot = 1 << 20;

    [Test]
    public async Task Memory_stays_under_its_limit_and_acknowledgements_go_on([Values(AboveWindows, BelowWindows)] long limit)
    {
        var broker = await StartOwnBroker($"--Limits:MemoryBytes={limit}");
        AllowLog("Memory resource limit alarm", broker);
        await using var consumer = await Consumer(broker);
        var acknowledged = 0;
        using var ending = new CancellationTokenSource();
        var consuming = Task.Run(async () =>
        {
            while (!ending.IsCancellationRequested)
            {
                var delivery = await consumer.ExpectDelivery(1);
                await consumer.Send(1, new BasicAck(delivery.Method.DeliveryTag, Multiple: false));
                Interlocked.Increment(ref acknowledged);
            }
        });
        var api = new ControlApi(broker);
        var publishing = new List<RawConnection>();
        await using (await Strace.DelayFlushes(broker, FlushMs))
        {
            for (var publisher = 0; publisher < Publishers; publisher++) publishing.Add(await Publisher(broker));
            var ended = Task.WhenAll(publishing.Select(publisher => PublishOn(publisher, ending.Token)));
            var (most, before) = (0L, 0);
            for (var round = 0; round < Rounds; round++)
            {
                for (var time = Stopwatch.StartNew(); time.ElapsedMilliseconds < RoundMs;)
                    most = Math.Max(most, (await api.List("nodes"))[0]["mem_used"]!.GetValue<long>());
                Assert.That(Volatile.Read(ref acknowledged), Is.GreaterThan(before), $"acknowledgements in round {round}");
                before = Volatile.Read(ref acknowledged);
            }
            await TestContext.Out.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture, $"limit {limit:N0}: at most {most:N0} bytes in use, {before} acknowledgements in {Rounds * RoundMs} ms"));
            Assert.That(most, Is.LessThan(limit + (limit == BelowWindows ? Publishers * PublisherOvershoot : 0)));
            await ending.CancelAsync();
            foreach (var publisher in publishing) publisher.Drop();
            await ended;
        }
        Assert.That(consuming.IsFaulted, Is.False, () => $"{consuming.Exception}");
        consumer.Drop();
        await consuming.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    private static async Task<RawConnection> Consumer(TestBroker broker)
    {
        var consumer = await RawConnection.Open(new IPEndPoint(IPAddress.Loopback, broker.Port));
        consumer.Deadline = Patience.Start;
        await consumer.OpenChannel(1);
        await consumer.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare("q", false, Durable: true, false, false, false, FieldTable.Empty));
        await consumer.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 10, Global: false));
        await consumer.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume("q", "", false, NoAck: false, false, false, FieldTable.Empty));
        return consumer;
    }

    private static async Task<RawConnection> Publisher(TestBroker broker)
    {
        var publisher = await RawConnection.Open(new IPEndPoint(IPAddress.Loopback, broker.Port));
        await publisher.OpenChannel(1);
        publisher.Deadline = Patience.Start; // to send, too: it is held back
        return publisher;
    }

    /// <summary>Until its connection is dropped.</summary>
    private static async Task PublishOn(RawConnection publisher, CancellationToken ending)
    {
        byte[] persistent = [0x10, 0, 2]; // delivery-mode 2 and nothing else
        var body = new byte[BodyBytes];
        try
        {
            while (!ending.IsCancellationRequested)
                await publisher.SendContent(1, new BasicPublish("", "q", Mandatory: false, Immediate: false), persistent, body);
        }
        catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            // Dropped, as the end of the test wants it.
        }
    }
}
