using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Limits.Tests;

/// <summary>Little that is sent and means a great deal: empty messages through a fanout to very many queues.</summary>
internal sealed class FanoutTests : BrokerFixture
{
    private const int Queues = 1_500;
    private const int Publishers = 10;
    private const int BurstBytes = 64 * 1024;

    /// <summary>What the bursts may take besides what the broker has without them. What is published and not yet in its queues is bounded for
    /// each connection (<c>Limits:PublishWindowBytes</c>, 16 MiB); the collector needs about as much again.</summary>
    private const long BytesMax = 2L * Publishers * 16_777_216;

    private TestBroker _broker = null!;

    private IPEndPoint Address => new(IPAddress.Loopback, _broker.Port);

    [SetUp]
    public async Task StartBroker() => _broker = await StartOwnBroker([]);

    [Test]
    public async Task A_burst_to_very_many_queues_takes_bounded_memory_and_lets_others_in()
    {
        await using var declarer = await RawConnection.Open(Address);
        await declarer.OpenChannel(1);
        await DeclareQueues(declarer);
        var publishers = new List<RawConnection>();
        for (var number = 0; number < Publishers; number++)
        {
            var publisher = await RawConnection.Open(Address);
            publisher.Deadline = Patience.Start;
            await publisher.OpenChannel(1);
            await publisher.Call<ConfirmSelect, ConfirmSelectOk>(1, new ConfirmSelect(NoWait: false));
            publishers.Add(publisher);
        }
        var (burst, messages) = Burst();
        var before = PeakBytes();

        var confirmed = Task.WhenAll(publishers.Select(async publisher =>
        {
            await publisher.SendBytes(burst);
            await ExpectConfirmed(publisher, messages);
        }));
        var logins = new List<double>();
        while (!confirmed.IsCompleted)
        {
            var start = Stopwatch.GetTimestamp();
            await using var guest = await RawConnection.Open(Address);
            logins.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        await confirmed;

        var took = PeakBytes() - before;
        await TestContext.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture, $"{Publishers} x {messages} messages to {Queues} queues: {took / 1_000_000} MB, {logins.Count} logins, the longest {logins.Max():0} ms"));
        Assert.That(logins, Has.Count.GreaterThan(1), "the burst was over at once");
        Assert.That(took, Is.LessThan(BytesMax));
        Assert.That(logins.Max(), Is.LessThan(Neighbour.Patience.TotalMilliseconds));
        foreach (var publisher in publishers) await publisher.DisposeAsync();
    }

    private static async Task DeclareQueues(RawConnection client)
    {
        var arguments = FieldTable.From(("x-message-ttl", FieldValue.From(0)));
        for (var number = 0; number < Queues; number++)
        {
            var name = number.ToString(CultureInfo.InvariantCulture);
            await client.Send(1, new QueueDeclare(name, false, false, Exclusive: true, false, NoWait: true, arguments));
            await client.Send(1, new QueueBind(name, "amq.fanout", "", NoWait: true, FieldTable.Empty));
        }
        await client.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare($"{Queues - 1}", Passive: true, false, false, false, false, FieldTable.Empty));
    }

    private static (ReadOnlyMemory<byte> Bytes, int Messages) Burst()
    {
        var output = new ArrayBufferWriter<byte>();
        var messages = 0;
        for (; output.WrittenCount < BurstBytes; messages++)
        {
            FrameWriter.WriteMethod(output, 1, new BasicPublish("amq.fanout", "", Mandatory: false, Immediate: false));
            FrameWriter.WriteContent(output, 1, new byte[] { 0, 0 }, ReadOnlyMemory<byte>.Empty, frameMax: 4096);
        }
        return (output.WrittenMemory, messages);
    }

    private static async Task ExpectConfirmed(RawConnection publisher, int messages)
    {
        for (var confirmed = 0ul; confirmed < (ulong)messages;)
        {
            var ack = await publisher.Expect<BasicAck>(1);
            confirmed = ack.Multiple ? ack.DeliveryTag : confirmed + 1;
        }
    }

    private long PeakBytes()
    {
        using var process = Process.GetProcessById(_broker.ProcessId);
        return process.PeakWorkingSet64;
    }
}
