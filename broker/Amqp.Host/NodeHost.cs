using System.Collections.Immutable;
using Amqp.Broker;
using Amqp.Cluster.Membership;
using Amqp.Core.Errors;
using Amqp.Host.Listeners;
using Amqp.Host.Logging;
using Amqp.Host.Options;
using Amqp.Management;
using Amqp.Storage;
using Microsoft.Extensions.Logging;

namespace Amqp.Host;

/// <summary>The process around the node, as far as operators have a say in it: it starts the node and stops it, as often as they want.</summary>
/// <param name="start">Opens the data directory and makes a node of what is in it. That is cancelled if it is to end while it waits for other nodes.</param>
internal sealed partial class NodeHost(BrokerOptions options, Func<CancellationToken, Task<RunningNode>> start, AmqpListeners listeners, ILogger<NodeHost> logger)
    : INodeHost, IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    /// <summary>For the queues of a node that is stopped to be taken over by others; systemd and Kubernetes wait longer.</summary>
    private static readonly TimeSpan HandOverOnStop = TimeSpan.FromSeconds(10);

    /// <summary>The same when an operator waits for it.</summary>
    private static readonly TimeSpan HandOverOnDrain = TimeSpan.FromSeconds(60);

    private volatile RunningNode? _running;
    private volatile RemovedException? _removed;
    private CancellationTokenSource? _starting;

    public required string DataDirectory { get; init; }

    public required string StoreEngine { get; init; }

    public required ImmutableArray<string> ConfigFiles { get; init; }

    public required int ConnectionsMax { get; init; }

    public required NodeReset Resetting { private get; init; }

    public required RecentLines RecentLines { private get; init; }

    public required LogLevelSwitch LevelSwitch { private get; init; }

    /// <summary>Has the process end, as a signal would.</summary>
    public required Action Ending { private get; init; }

    public IReadOnlyDictionary<string, string> Settings => OptionsListing.Of(options);

    public NodeIdentity Identity => options.Node.Identity;

    public BrokerNode Node => _running?.Node ?? throw new InvalidOperationException("the node is stopped");

    /// <summary>Sockets of the management API and of metrics, which are there as long as the process is.</summary>
    public ImmutableArray<ListenerInfo> HttpListeners { get; set; } = [];

    public ImmutableArray<ListenerInfo> Listeners =>
        [.. listeners.All, .. _running?.ClusterListener is { } cluster ? (ListenerInfo[])[new ListenerInfo(ListenerInfo.Clustering, cluster)] : [], .. HttpListeners];

    public bool IsRunning => listeners.AreOpen || IsDrained;

    public bool IsDrained => _running is { Node.Operations.IsDrained: true };

    public IDisposable? Enter() => _running?.Enter();

    /// <summary>
    /// The first start: clients can connect when it returns. A node that waits for others can be stopped by an operator, and one that the others have removed stays stopped: then there is no node, and the
    /// process is there for operators.
    /// </summary>
    /// <param name="ending">The process is to end.</param>
    /// <exception cref="StorageException">The data directory cannot be used.</exception>
    /// <exception cref="OptionsException">The default user that the options want cannot be made, or the node cannot be in the cluster that they want.</exception>
    /// <exception cref="ListenException">A port cannot be listened on.</exception>
    public Task Start(CancellationToken ending) => InTurn(async () =>
    {
        try
        {
            await StartNode(ending);
            await listeners.Open(Node);
        }
        catch (RemovedException exception)
        {
            LogRemoved(logger, exception.Message);
        }
        catch (OperationCanceledException)
        {
            LogStoppedWaiting(logger);
        }
    });

    public void SetLogLevel(LogLevel level)
    {
        LevelSwitch.Set(level);
        LogLevelSet(logger, level);
    }

    public LogPart LogAfter(long number, int count) => RecentLines.After(number, count);

    public void EndProcess()
    {
        LogEnding(logger);
        Ending();
    }

    public Task StopApp()
    {
        Volatile.Read(ref _starting)?.Cancel();
        return InTurn(async () =>
        {
            if (_running is null) return;
            LogStoppingApp(logger);
            await Stop();
        });
    }

    /// <summary>The others have removed the node: it stops as an operator would stop it.</summary>
    public Task StopRemoved(RemovedException reason)
    {
        _removed = reason;
        return InTurn(async () =>
        {
            if (_running is null) return;
            LogRemoved(logger, reason.Message);
            await Stop(handsOver: false);
        });
    }

    public Task StartApp() => InTurn(async () =>
    {
        if (_running is not null) return;
        try
        {
            await StartNode(CancellationToken.None);
            await listeners.Open(Node);
        }
        catch (OperationCanceledException exception)
        {
            throw new IOException("the node was stopped while it waited for the other nodes", exception);
        }
        catch (Exception exception) when (exception is StorageException or OptionsException or ListenException or RemovedException)
        {
            await Stop();
            throw new IOException(exception.Message, exception);
        }
    });

    public Task Drain() => InTurn(async () =>
    {
        if (_running is not { } running || IsDrained) return;
        LogDrained(logger);
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
            await listeners.Open(Node);
        }
        catch (ListenException exception)
        {
            throw new IOException(exception.Message, exception);
        }
        LogRevived(logger);
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

    public async Task<IReadOnlyList<string>> GiveUp(string node)
    {
        IReadOnlyList<string> others = [];
        await InTurn(async () =>
        {
            CheckThatItIsStopped();
            others = await Resetting.GiveUp(node);
        });
        return others;
    }

    /// <summary>Ends the node, if it runs: the process is going to end.</summary>
    public Task End() => InTurn(() => Stop());

    public async ValueTask DisposeAsync()
    {
        await End();
        _turn.Dispose();
    }

    /// <summary>Waits for other nodes as long as it takes, unless it is to end.</summary>
    private async Task StartNode(CancellationToken ending)
    {
        // Not disposed of: an operator may be cancelling it.
        var starting = CancellationTokenSource.CreateLinkedTokenSource(ending);
        _removed = null;
        Volatile.Write(ref _starting, starting);
        try
        {
            var running = await start(starting.Token);
            _running = running;
            running.Node.Operations.Card = () => ManagementApi.CardOf(this);
            running.Node.Operations.Answerer = question => ManagementApi.AnswerTo(this, question);
        }
        finally
        {
            Volatile.Write(ref _starting, null);
        }
        if (_removed is not { } removed) return;
        await Stop(handsOver: false);
        throw removed;
    }

    private async Task Stop(bool handsOver = true)
    {
        if (_running is not { } running) return;
        // What clients of this node have acknowledged is settled before another node leads.
        running.Node.Operations.IsDrained = true;
        await running.Node.Connections.CloseAll();
        if (handsOver)
        {
            using var patience = new CancellationTokenSource(HandOverOnStop);
            await running.Node.Operations.HandOver(isEnding: true, patience.Token);
        }
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

    [LoggerMessage(Level = LogLevel.Information, Message = "The node was stopped while it waited for the other nodes")]
    private static partial void LogStoppedWaiting(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "The log level is {Level} until the next start, as an operator wants it")]
    private static partial void LogLevelSet(ILogger logger, LogLevel level);

    [LoggerMessage(Level = LogLevel.Information, Message = "Stopping the process, as an operator wants it")]
    private static partial void LogEnding(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "Stopping the node, as an operator wants it; the process stays")]
    private static partial void LogStoppingApp(ILogger logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "This node is being drained: it takes no clients and leads no queues that others can lead, until it is revived or started again")]
    private static partial void LogDrained(ILogger logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "This node is revived: it takes clients again")]
    private static partial void LogRevived(ILogger logger);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Reason} Its app is stopped, and the process stays")]
    private static partial void LogRemoved(ILogger logger, string reason);
}
