using Amqp.Broker.Tests.Nodes;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Connections;

/// <summary>All clients of a node, as operators see them.</summary>
internal sealed class OpenConnectionsTests
{
    private readonly TestNode _node = new();

    [Test]
    public async Task Clients_may_come_and_go_while_they_are_listed()
    {
        var stays = await _node.Connect();
        using var enough = new CancellationTokenSource();
        var others = Enumerable.Range(0, 3).Select(_ => Task.Run(() => ComeAndGo(enough.Token))).ToArray();
        var listed = 0;
        var until = Environment.TickCount64 + 1000;
        while (Environment.TickCount64 < until)
        {
            Assert.That((await _node.Broker.Connections.List())[0].User, Is.EqualTo("guest"));
            listed++;
        }
        await enough.CancelAsync();
        Assert.That((await Task.WhenAll(others).WaitAsync(Patience.Answer)).Sum() + listed, Is.GreaterThan(100), "too few to tell");
        stays.Drop();
    }

    /// <returns>How often.</returns>
    private async Task<int> ComeAndGo(CancellationToken enough)
    {
        for (var times = 0; ; times++)
        {
            if (enough.IsCancellationRequested) return times;
            var client = _node.Dial();
            client.Drop();
            await client.Served;
        }
    }
}
