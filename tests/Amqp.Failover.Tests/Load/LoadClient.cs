using Amqp.Testing;
using Amqp.Testing.Clusters;
using RabbitMQ.Client;

namespace Amqp.Failover.Tests.Load;

/// <summary>A client that stays with its node as long as that lives, and otherwise goes to another one, after a short and random while.</summary>
internal abstract class LoadClient(ClusterProcesses cluster, ClusterNode home, int seed) : IAsyncDisposable
{
    private const int RetryMsMin = 20;
    private const int RetryMsMax = 200;
    private static readonly TimeSpan Answer = TimeSpan.FromSeconds(20);

    private readonly Random _random = new(seed);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<string> _troubles = [];
    private Task _running = Task.CompletedTask;

    /// <summary>What a client cannot get over: the test fails for it.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>The node that it is connected to, or tries.</summary>
    protected string At { get; private set; } = home.Name;

    /// <summary>Why its sessions ended, for the report of a test that fails.</summary>
    public IReadOnlyList<string> Troubles
    {
        get
        {
            lock (_troubles) return [.. _troubles];
        }
    }

    public void Start() => _running = Task.Run(Run);

    /// <summary>Asks the client to end, and waits until it has ended in good order.</summary>
    public async Task Finish(TimeSpan within)
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(within);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Abandoned = true;
        await _running.WaitAsync(Patience.Stop);
        _stop.Dispose();
    }

    public static Task<IConnection> Connect(ClusterNode node, string name) =>
        new ConnectionFactory
        {
            HostName = node.Broker.Host,
            Port = node.Port,
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            ContinuationTimeout = Answer,
            HandshakeContinuationTimeout = Answer,
            RequestedConnectionTimeout = Answer,
            // A node that stands still is noticed by that alone.
            RequestedHeartbeat = TimeSpan.FromSeconds(2),
        }.CreateConnectionAsync(name);

    /// <summary>The test is over: what is under way is of no account any more.</summary>
    protected bool Abandoned { get; private set; }

    /// <param name="stop">The client shall end, when what is under way has come to its end.</param>
    /// <param name="gone">The connection or its channel is gone.</param>
    /// <returns>When it was asked to end, and has.</returns>
    protected abstract Task Serve(IConnection connection, CancellationTokenSource gone, CancellationToken stop);

    protected TimeSpan Moment() => TimeSpan.FromMilliseconds(_random.Next(RetryMsMin, RetryMsMax));

    /// <summary>Something is left to do after the client was asked to end.</summary>
    protected virtual bool HasMore => false;

    protected void Fail(Exception exception) => Failure ??= exception;

    private async Task Run()
    {
        var node = home;
        while (!Abandoned && (!_stop.IsCancellationRequested || HasMore))
        {
            try
            {
                await Session(node);
            }
            catch (Exception exception)
            {
                // Whatever a client library throws may be due to the fault; the history tells whether the promise was kept.
                lock (_troubles) _troubles.Add($"{DateTime.UtcNow:HH:mm:ss.fff} {GetType().Name} at {node.Name}: {exception.GetType().Name}: {exception.Message}");
                await Task.Delay(Moment());
                var others = cluster.Nodes.Where(each => each.IsUp && each != node).ToList();
                node = home.IsUp && node != home ? home : others.Count > 0 ? others[_random.Next(others.Count)] : home;
            }
        }
    }

    private async Task Session(ClusterNode node)
    {
        using var gone = new CancellationTokenSource();
        At = node.Name;
        var connection = await Connect(node, $"{GetType().Name} of {home.Name}");
        try
        {
            connection.ConnectionShutdownAsync += (_, _) => Cancel(gone);
            await Serve(connection, gone, _stop.Token);
            await connection.CloseAsync(Patience.Answer);
        }
        finally
        {
            await Abandon(connection);
        }
    }

    protected static async Task Cancel(CancellationTokenSource source)
    {
        try
        {
            await source.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The session is over already.
        }
    }

    /// <summary>Ends a connection, whatever state it is in.</summary>
    public static async Task Abandon(IConnection connection)
    {
        try
        {
            await connection.AbortAsync(TimeSpan.FromSeconds(1)).WaitAsync(Patience.Answer);
            await connection.DisposeAsync().AsTask().WaitAsync(Patience.Answer);
        }
        catch (Exception exception) when (exception is TimeoutException or ObjectDisposedException)
        {
            // The library does not always come to an end with a broker that has ended.
        }
    }
}
