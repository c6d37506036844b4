using System.Net;
using System.Net.Sockets;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Limits.Tests;

/// <summary>Connections in numbers.</summary>
internal sealed class ConnectionLimitTests : BrokerFixture
{
    [Test]
    public async Task Connections_beyond_the_limit_are_closed_and_served_again_when_others_have_gone()
    {
        const int Limit = 12;
        var broker = await StartOwnBroker($"--Limits:Connections={Limit}");
        ExpectLog($"There are {Limit} connections, and more are closed at once", broker);
        var address = new IPEndPoint(IPAddress.Loopback, broker.Port);
        await using var neighbour = await Neighbour.Of(broker);
        var open = new List<RawConnection>();
        for (var connection = 2; connection < Limit; connection++) open.Add(await RawConnection.Open(address));
        for (var tooMany = 0; tooMany < 5; tooMany++)
        {
            Assert.That(await IsServed(address), Is.False);
        }
        foreach (var connection in open) await connection.DisposeAsync();
        await Eventually.True(async () => await IsServed(address));
        await neighbour.Ask();
    }

    [Test]
    public async Task A_process_that_may_open_few_files_serves_few_clients_and_survives_many()
    {
        var broker = Own(await TestBroker.StartWithFiles(600, "--Limits:HandshakeMs=60000"));
        ExpectLog("There are [0-9]+ connections, [0-9]+ of them not logged in; for each new one the oldest of these is closed", broker);
        AllowLog("There are [0-9]+ connections, and more are closed at once", broker); // they come faster than others go
        var address = new IPEndPoint(IPAddress.Loopback, broker.Port);
        await using var neighbour = await Neighbour.Of(broker);
        var sockets = new List<RawConnection>();
        for (var socket = 0; socket < 600; socket++)
        {
            try
            {
                sockets.Add(await RawConnection.Connect(address));
            }
            catch (SocketException)
            {
                // Closed before this side knew that it was open.
            }
        }
        Assert.That(await IsServed(address), Is.True, "in the place of one that says nothing");
        foreach (var socket in sockets) await socket.DisposeAsync();
        await Eventually.True(async () => await IsServed(address));
        await neighbour.Ask();
        Assert.That(broker.HasExited, Is.False);
    }

    [Test]
    public void A_process_that_may_open_almost_none_says_so_and_does_not_start() =>
        Assert.That(
            async () => await TestBroker.StartWithFiles(300),
            Throws.InstanceOf<AssertionException>().With.Message.Contains("This process may open 300 files and sockets, and needs 512 at least. Raise the limit"));

    private static async Task<bool> IsServed(IPEndPoint address)
    {
        try
        {
            await using var connection = await RawConnection.Open(address);
            return true;
        }
        catch (Exception exception) when (exception is IOException or AssertionException or SocketException)
        {
            return false;
        }
    }
}
