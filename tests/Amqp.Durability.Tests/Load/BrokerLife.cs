using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests.Load;

/// <summary>A broker over its lives, for clients that come back: they wait here until it is up, and learn in which life.</summary>
internal sealed class BrokerLife(BrokerProcess broker)
{
    private volatile TaskCompletionSource<int> _up = Completed(1);
    private volatile CancellationTokenSource _over = new();

    /// <summary>The present life, or the last one; the first is 1.</summary>
    public int Number { get; private set; } = 1;

    public BrokerProcess Broker => broker;

    /// <summary>False from the moment before the broker is ended until it is up again: then lost connections mean nothing.</summary>
    public bool IsUp => _up.Task.IsCompleted;

    /// <summary>The process of the present life has ended.</summary>
    public CancellationToken Over => _over.Token;

    public Task<int> Up(CancellationToken stop) => _up.Task.WaitAsync(stop);

    /// <summary>Kills the broker, starts it again on the same directory, and returns when it is up.</summary>
    /// <param name="between">What else is done to it before it is left in peace.</param>
    public async Task KillAndRestart(Func<Task>? between = null)
    {
        _up = Pending();
        await broker.Kill();
        if (between is not null) await between();
        await Restart();
    }

    /// <summary>The same in an orderly way.</summary>
    public async Task StopAndRestart()
    {
        _up = Pending();
        Assert.That(await broker.Stop(), Is.Zero, "exit code after SIGTERM");
        await Restart();
    }

    /// <param name="heartbeat">None by default: a broker that is killed is noticed by the end of the socket.</param>
    /// <param name="answer">How long an answer may take; <see cref="Patience.Answer"/> by default.</param>
    public async Task<IConnection> Connect(string name, TimeSpan heartbeat = default, TimeSpan? answer = null) =>
        await new ConnectionFactory
        {
            HostName = broker.Host,
            Port = broker.Port,
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            ContinuationTimeout = answer ?? Patience.Answer,
            HandshakeContinuationTimeout = Patience.Answer,
            RequestedConnectionTimeout = Patience.Answer,
            RequestedHeartbeat = heartbeat,
        }.CreateConnectionAsync(name);

    private async Task Restart()
    {
        await _over.CancelAsync();
        await broker.Restart();
        _over = new CancellationTokenSource();
        Number++;
        _up.SetResult(Number);
    }

    private static TaskCompletionSource<int> Pending() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static TaskCompletionSource<int> Completed(int life)
    {
        var source = Pending();
        source.SetResult(life);
        return source;
    }
}
