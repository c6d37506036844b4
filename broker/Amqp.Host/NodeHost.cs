using System.Collections.Immutable;
using Amqp.Broker;
using Amqp.Host.Listeners;
using Amqp.Management;
using Microsoft.Extensions.Logging;

namespace Amqp.Host;

/// <summary>The process around the node, as far as operators have a say in it.</summary>
internal sealed class NodeHost(BrokerNode node, AmqpListeners listeners, ILogger<NodeHost> logger) : INodeHost, IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);

    public required string DataDirectory { get; init; }

    public required string StoreEngine { get; init; }

    public required ImmutableArray<string> ConfigFiles { get; init; }

    public required int ConnectionsMax { get; init; }

    public ImmutableArray<ListenerInfo> Listeners => listeners.All;

    public bool IsRunning => listeners.AreOpen;

    public Task StopApp() => InTurn(async () =>
    {
        if (!listeners.AreOpen) return;
        logger.LogInformation("Stopping to serve clients, as an operator wants it");
        await node.CloseDoors();
        await listeners.Close();
    });

    public Task StartApp() => InTurn(async () =>
    {
        if (listeners.AreOpen) return;
        node.OpenDoors();
        await listeners.Open();
    });

    public void Dispose() => _turn.Dispose();

    /// <summary>Two operators at once must not open the same ports.</summary>
    private async Task InTurn(Func<Task> work)
    {
        await _turn.WaitAsync();
        try
        {
            await work();
        }
        finally
        {
            _turn.Release();
        }
    }
}
