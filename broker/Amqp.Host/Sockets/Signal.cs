using System.Threading.Tasks.Sources;

namespace Amqp.Host.Sockets;

/// <summary>
/// Wakes what waits for something to have changed. A signal that comes while nothing waits is kept, and ends the next wait
/// at once; so the waiter looks again at what it waits for, before and after. Waiting allocates nothing.
/// </summary>
internal sealed class Signal : IValueTaskSource
{
    private const int Quiet = 0;
    private const int Awaited = 1;
    private const int Given = 2;

    private ManualResetValueTaskSourceCore<bool> _source;
    private int _state;

    /// <summary>From any thread. True: something waits, and goes on inside <see cref="Wake"/>, which the caller has to see to.</summary>
    public bool Give() => Interlocked.Exchange(ref _state, Given) == Awaited;

    /// <summary>Runs what waits, on the calling thread.</summary>
    public void Wake() => _source.SetResult(true);

    /// <summary>Completes with the next signal. One waits at a time.</summary>
    public ValueTask Next()
    {
        if (Interlocked.CompareExchange(ref _state, Awaited, Quiet) == Quiet) return new ValueTask(this, _source.Version);
        Interlocked.Exchange(ref _state, Quiet);
        return ValueTask.CompletedTask;
    }

    void IValueTaskSource.GetResult(short token)
    {
        _source.GetResult(token);
        _source.Reset();
        Interlocked.Exchange(ref _state, Quiet);
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
