using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Limits.Tests;

/// <summary>Clients without a password: how many connections they can hold, what memory, and whom they keep out.</summary>
internal sealed class UnauthenticatedConnectionTests : BrokerFixture
{
    private const string Crowded = "There are [0-9]+ connections, [0-9]+ of them not logged in; for each new one the oldest of these is closed";

    [Test]
    public async Task The_oldest_connections_that_have_not_logged_in_go_for_new_ones_and_no_other_does()
    {
        const int Limit = 20;
        var broker = await StartOwnBroker($"--Limits:ConnectionsNotLoggedIn={Limit}", "--Limits:HandshakeMs=60000");
        ExpectLog(Crowded, broker);
        var address = new IPEndPoint(IPAddress.Loopback, broker.Port);
        await using var neighbour = await Neighbour.Of(broker);
        var clients = new List<RawConnection>();
        for (var client = 0; client < 3 * Limit; client++) clients.Add(await RawConnection.Open(address));
        var waiting = new List<RawConnection>();
        for (var one = 0; one < 3 * Limit; one++)
        {
            waiting.Add(await RawConnection.Connect(address));
            // One has got its answer before the next one comes, so that their order is known.
            await waiting[^1].Start();
        }
        foreach (var gone in waiting[..(2 * Limit)]) Assert.That(await IsClosed(gone), Is.True);
        foreach (var here in waiting[(2 * Limit)..])
        {
            await here.Login();
            await here.TuneAndOpen();
        }
        foreach (var client in clients) await client.OpenChannel(1);
        foreach (var connection in (RawConnection[])[.. clients, .. waiting]) await connection.DisposeAsync();
        await neighbour.Ask();
        Assert.That(broker.Log.Lines.Count(line => line.Contains("not logged in", StringComparison.Ordinal)), Is.EqualTo(1), "lines in the log");
    }

    [Test]
    public async Task A_good_client_gets_in_beside_a_flood_of_connections_that_say_nothing()
    {
        const int Limit = 4_096;
        var broker = await StartOwnBroker($"--Limits:ConnectionsNotLoggedIn={Limit}");
        ExpectLog(Crowded, broker);
        var address = new IPEndPoint(IPAddress.Loopback, broker.Port);
        await using var neighbour = await Neighbour.Of(broker);
        using var ending = new CancellationTokenSource();
        var opened = 0;
        var floods = Enumerable.Range(0, 4).Select(_ => Task.Run(Flood)).ToArray();
        await Eventually.That(() => opened, Is.GreaterThan(Limit + 500));
        var tookMs = new List<double>();
        for (var client = 0; client < 400; client++)
        {
            var start = Stopwatch.GetTimestamp();
            await using var good = await RawConnection.Open(address);
            await good.OpenChannel(1);
            tookMs.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        await ending.CancelAsync();
        await Task.WhenAll(floods);
        tookMs.Sort();
        await TestContext.Out.WriteLineAsync($"good clients beside {opened} silent ones: p50 {tookMs[200]:0.0} ms, longest {tookMs[^1]:0.0} ms");
        await neighbour.Ask();

        async Task Flood()
        {
            var sockets = new Queue<Socket>();
            while (!ending.IsCancellationRequested)
            {
                var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(address);
                sockets.Enqueue(socket);
                Interlocked.Increment(ref opened);
                if (sockets.Count > Limit) sockets.Dequeue().Dispose();
                await Task.Yield(); // for the good ones, who live in the same process
            }
            foreach (var socket in sockets) socket.Dispose();
        }
    }

    [Test]
    public async Task Many_that_begin_a_frame_and_do_not_end_it_take_little_memory()
    {
        const int Clients = 1_000;
        var broker = await StartOwnBroker("--Limits:HandshakeMs=60000");
        var address = new IPEndPoint(IPAddress.Loopback, broker.Port);
        await using var neighbour = await Neighbour.Of(broker);
        var before = ResidentBytes(broker);
        var waiting = new List<RawConnection>();
        for (var one = 0; one < Clients; one++)
        {
            waiting.Add(await RawConnection.Connect(address));
            await waiting[^1].Start();
            await waiting[^1].SendBytes((byte[])[1, 0, 0, 0, 0, 0x0F, 0xF8, .. new byte[4_080]]);
        }
        var each = (ResidentBytes(broker) - before) / Clients;
        foreach (var one in waiting) await one.DisposeAsync();
        await TestContext.Out.WriteLineAsync($"{each} bytes of resident memory for each");
        Assert.That(each, Is.LessThan(128 * 1_024));
        await neighbour.Ask();
    }

    [Test]
    public async Task No_client_can_send_a_large_frame_before_logging_in()
    {
        var broker = await StartOwnBroker([]);
        await using var one = await RawConnection.Connect(new IPEndPoint(IPAddress.Loopback, broker.Port));
        await one.Start();
        await one.SendBytes(new byte[] { 1, 0, 0, 0, 0, 0x10, 1 });
        await one.ExpectConnectionClose(ReplyCode.FrameError, "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4097,4088}");
    }

    private static async Task<bool> IsClosed(RawConnection connection)
    {
        try
        {
            await connection.ReadToEnd();
            return true;
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static long ResidentBytes(TestBroker broker)
    {
        using var process = Process.GetProcessById(broker.ProcessId);
        return process.WorkingSet64;
    }
}
