using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Connections;

/// <summary>Clients have so long to open their connection, and no limit afterwards.</summary>
internal sealed class HandshakeTimeoutTests
{
    private readonly TestNode _node = new();

    [Test]
    public async Task A_client_that_stops_on_the_way_is_cut_off()
    {
        var client = _node.Dial();
        await client.LogIn("guest", "guest");
        await client.Expect<ConnectionTune>(0);
        _node.Time.Advance(_node.Limits.HandshakeMs);
        await client.Served.WaitAsync(Patience.Answer);
        Assert.That(_node.Logs.Lines, Has.One.Contains("handshake_timeout in state tuning"));
    }

    [Test]
    public async Task An_open_connection_is_not_woken_again()
    {
        var timers = _node.Time.TimersSet;
        await _node.Connect();
        Assert.That(_node.Time.TimersSet, Is.EqualTo(timers));
    }
}
