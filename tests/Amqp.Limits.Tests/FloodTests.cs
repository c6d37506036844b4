using System.Globalization;
using System.Net;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Limits.Tests;

/// <summary>Clients that ask for more and more, and ones that begin and do not go on.</summary>
internal sealed class FloodTests : BrokerFixture
{
    private TestBroker _broker = null!;

    private IPEndPoint Address => new(IPAddress.Loopback, _broker.Port);

    [SetUp]
    public async Task StartBroker() => _broker = await StartOwnBroker("--Limits:HandshakeMs=3000");

    [Test]
    public async Task Channels_opened_as_fast_as_can_be_end_at_the_limit()
    {
        await using var neighbour = await Neighbour.Of(_broker);
        await using var client = await RawConnection.Open(Address);
        for (ushort channel = 1; channel <= 2_048; channel++) await client.Send(channel, default(ChannelOpen));
        for (ushort channel = 1; channel <= 2_047; channel++) await client.Expect<ChannelOpenOk>(channel);
        await client.ExpectConnectionClose(ReplyCode.NotAllowed, "NOT_ALLOWED - number of channels opened (2047) has reached the negotiated channel_max (2047)");
        await neighbour.Ask();
    }

    [Test]
    public async Task Queues_and_bindings_declared_as_fast_as_can_be_hold_up_no_other_client([Values] bool durable)
    {
        const int Queues = 3_000;
        await using var neighbour = await Neighbour.Of(_broker);
        await using var client = await RawConnection.Open(Address);
        await client.OpenChannel(1);
        client.Deadline = Patience.Start;
        for (var queue = 0; queue < Queues; queue++)
        {
            var name = queue.ToString(CultureInfo.InvariantCulture);
            await client.Send(1, new QueueDeclare(name, false, durable, false, false, NoWait: true, FieldTable.Empty));
            await client.Send(1, new QueueBind(name, "amq.topic", $"{name}.*.#", NoWait: true, FieldTable.Empty));
        }
        await client.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare($"{Queues - 1}", Passive: true, false, false, false, false, FieldTable.Empty));
        await neighbour.Ask();
    }

    [Test]
    public async Task Who_connects_and_says_nothing_or_half_a_sentence_is_disconnected()
    {
        const int Clients = 200;
        await using var neighbour = await Neighbour.Of(_broker);
        var silent = new List<RawConnection>();
        for (var client = 0; client < Clients; client++)
        {
            var connection = await RawConnection.Connect(Address);
            silent.Add(connection);
            if (client % 2 == 0) await connection.SendBytes(ProtocolHeader.Bytes[..(client % 8)].ToArray());
            else if (client % 3 == 0) await connection.Start();
        }
        foreach (var connection in silent)
        {
            await connection.ReadToEnd();
            await connection.DisposeAsync();
        }
        await neighbour.Ask();
    }

    [Test]
    public async Task Bodies_that_are_promised_and_not_sent_take_nothing()
    {
        const int Channels = 500;
        const ulong Promised = 100_000_000;
        await using var neighbour = await Neighbour.Of(_broker);
        await using var client = await RawConnection.Open(Address);
        for (ushort channel = 1; channel <= Channels; channel++)
        {
            await client.OpenChannel(channel);
            await client.Send(channel, new BasicPublish("", "nowhere", false, false));
            await client.SendContentHeader(channel, Promised);
            await client.SendFrame((byte)FrameType.Body, channel, new byte[1_000]);
        }
        await neighbour.Ask();
        Assert.That(ResidentBytes(), Is.LessThan(1_000_000_000));
    }

    private long ResidentBytes()
    {
        using var process = System.Diagnostics.Process.GetProcessById(_broker.ProcessId);
        return process.WorkingSet64;
    }
}
