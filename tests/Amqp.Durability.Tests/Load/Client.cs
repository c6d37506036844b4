using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests.Load;

/// <summary>
/// A client that connects again whenever the broker is back. A session that ends while the broker is up ends wrongly, and the ledger
/// is told.
/// </summary>
internal abstract class Client(string name, BrokerLife life, Action<string> violate) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private volatile string? _blocked;

    /// <summary>Why the broker does not take its messages at present, in the words of connection.blocked; null: it takes them.</summary>
    public string? Blocked => _blocked;

    protected string Name => name;

    protected BrokerLife Life => life;

    protected void Violate(string what) => violate(what);

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
        await _running.WaitAsync(Patience.Stop);
        _stop.Dispose();
    }

    /// <summary>One session on one connection.</summary>
    /// <param name="number">The life of the broker.</param>
    /// <param name="stop">The client shall end: what is under way may be brought to its end.</param>
    /// <param name="gone">The connection is gone.</param>
    /// <returns>When the client was asked to end and has done so.</returns>
    protected abstract Task Serve(IConnection connection, int number, CancellationToken stop, CancellationToken gone);

    /// <summary>Completes when <paramref name="stop"/> is called for, and fails when the connection is gone.</summary>
    protected static async Task Until(CancellationToken stop, CancellationToken gone)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, gone);
        var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = either.Token.Register(waiting.SetResult);
        await waiting.Task;
        gone.ThrowIfCancellationRequested();
    }

    private async Task Run()
    {
        while (!_stop.IsCancellationRequested)
        {
            int number;
            try
            {
                number = await life.Up(_stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            try
            {
                await Session(number);
            }
            catch (Exception exception)
            {
                // Whatever a client library throws is right while its broker dies, and wrong while it lives.
                if (life.IsUp && life.Number == number) violate($"connection: {name} failed in life {number}, which went on: {exception}");
            }
        }
    }

    private async Task Session(int number)
    {
        // The client library does not always notice the end of a broker while it is writing to it.
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(life.Over);
        var connection = await life.Connect(name);
        try
        {
            connection.ConnectionShutdownAsync += (_, _) => gone.CancelAsync();
            connection.ConnectionBlockedAsync += (_, blocked) => NoteBlocked(blocked.Reason);
            connection.ConnectionUnblockedAsync += (_, _) => NoteBlocked(null);
            await NoteBlocked(null);
            await Serve(connection, number, _stop.Token, gone.Token);
            await connection.CloseAsync(Patience.Answer);
        }
        finally
        {
            await Abandon(connection);
        }
    }

    private static async Task Abandon(IConnection connection)
    {
        try
        {
            await connection.AbortAsync(Patience.Answer).WaitAsync(Patience.Answer);
            await connection.DisposeAsync().AsTask().WaitAsync(Patience.Answer);
        }
        catch (TimeoutException)
        {
            // Nor does it always come to an end with a broker that has ended.
        }
    }

    private Task NoteBlocked(string? reason)
    {
        _blocked = reason;
        return Task.CompletedTask;
    }
}
