using System.Collections.Immutable;
using Amqp.Broker;
using Amqp.Core.Errors;
using Amqp.Host.Listeners;
using Amqp.Host.Options;
using Amqp.Management;
using Amqp.Storage;
using Microsoft.Extensions.Logging;

namespace Amqp.Host;

/// <summary>The process around the node, as far as operators have a say in it: it starts the node and stops it, as often as they want.</summary>
/// <param name="start">Opens the data directory and makes a node of what is in it.</param>
internal sealed class NodeHost(BrokerOptions options, Func<Task<RunningNode>> start, AmqpListeners listeners, ILogger<NodeHost> logger)
    : INodeHost, IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    /// <summary>For the queues of a node that is stopped to be taken over by others; systemd and Kubernetes wait longer.</summary>
    private static readonly TimeSpan HandOverOnStop = TimeSpan.FromSeconds(10);

    /// <summary>The same when an operator waits for it.</summary>
    private static readonly TimeSpan HandOverOnDrain = TimeSpan.FromSeconds(60);

    private volatile RunningNode? _running;

    public required string DataDirectory { get; init; }

    public required string StoreEngine { get; init; }

    public required ImmutableArray<string> ConfigFiles { get; init; }

    public required int ConnectionsMax { get; init; }

    public required NodeReset Resetting { private get; init; }

    public NodeIdentity Identity => options.Node.Identity;

    public BrokerNode Node => _running?.Node ?? throw new InvalidOperationException("the node is stopped");

    public ImmutableArray<ListenerInfo> Listeners => _running?.ClusterListener is { } cluster ? [.. listeners.All, new ListenerInfo(ListenerInfo.Clustering, cluster)] : listeners.All;

    public bool IsRunning => listeners.AreOpen || IsDrained;

    public bool IsDrained => _running is { Node.Operations.IsDrained: true };

    public IDisposable? Enter() => _running?.Enter();

    /// <summary>The node is there; clients cannot connect yet.</summary>
    /// <exception cref="StorageException">The data directory cannot be used.</exception>
    /// <exception cref="OptionsException">The default user that the options want cannot be made.</exception>
    public async Task StartNode()
    {
        var running = await start();
        _running = running;
        running.Node.Operations.Card = () => ManagementApi.CardOf(this);
        running.Node.Operations.Answerer = question => ManagementApi.AnswerTo(this, question);
    }

    /// <summary>Clients can connect when it returns.</summary>
    /// <exception cref="ListenException">A port cannot be listened on.</exception>
    public Task Listen() => listeners.Open(Node);

    public Task StopApp() => InTurn(async () =>
    {
        if (_running is null) return;
        logger.LogInformation("Stopping the node, as an operator wants it; the process stays");
        await Stop();
    });

    public Task StartApp() => InTurn(async () =>
    {
        if (_running is not null) return;
        try
        {
            await StartNode();
            await Listen();
        }
        catch (Exception exception) when (exception is StorageException or OptionsException or ListenException)
        {
            await Stop();
            throw new IOException(exception.Message, exception);
        }
    });

    public Task Drain() => InTurn(async () =>
    {
        if (_running is not { } running || IsDrained) return;
        logger.LogWarning("This node is being drained: it takes no clients and leads no queues that others can lead, until it is revived or started again");
        running.Node.Operations.IsDrained = true;
        await running.Node.Connections.CloseAll();
        await listeners.Close();
        using var patience = new CancellationTokenSource(HandOverOnDrain);
        await running.Node.Operations.HandOver(isEnding: false, patience.Token);
    });

    public Task Revive() => InTurn(async () =>
    {
        if (_running is not { } running || !IsDrained) return;
        running.Node.Operations.IsDrained = false;
        running.Node.Connections.Reopen();
        try
        {
            await Listen();
        }
        catch (ListenException exception)
        {
            throw new IOException(exception.Message, exception);
        }
        logger.LogWarning("This node is revived: it takes clients again");
    });

    public Task Reset(bool isForced) => InTurn(async () =>
    {
        CheckThatItIsStopped();
        await Resetting.Reset(isForced);
    });

    public async Task<bool> JoinCluster(string node)
    {
        var hasJoined = false;
        await InTurn(async () =>
        {
            CheckThatItIsStopped();
            hasJoined = await Resetting.Join(node);
        });
        return hasJoined;
    }

    /// <summary>Ends the node, if it runs: the process is going to end.</summary>
    public Task End() => InTurn(Stop);

    public async ValueTask DisposeAsync()
    {
        await End();
        _turn.Dispose();
    }

    private async Task Stop()
    {
        if (_running is not { } running) return;
        // What clients of this node have acknowledged is settled before another node leads.
        running.Node.Operations.IsDrained = true;
        await running.Node.Connections.CloseAll();
        using (var patience = new CancellationTokenSource(HandOverOnStop)) await running.Node.Operations.HandOver(isEnding: true, patience.Token);
        await listeners.Close();
        // What waits for a store that has failed never ends.
        await Task.WhenAny(running.Unused(), Task.Delay(options.Limits.CloseMs));
        _running = null;
        await running.DisposeAsync();
    }

    private void CheckThatItIsStopped()
    {
        if (_running is not null) throw new ClusterRefusedException("The node still runs. Stop it with 'rabbitmqctl stop_app' first.");
    }

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
