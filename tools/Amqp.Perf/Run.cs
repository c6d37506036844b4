namespace Amqp.Perf;

/// <summary>What all workers of a run share: its number, its end and its first failure.</summary>
internal sealed class Run : IDisposable
{
    private readonly ManualResetEvent _ended = new(initialState: false);
    private PerfException? _failure;
    private volatile bool _hasEnded;

    /// <summary>Stands in every body, so that messages left over from elsewhere are not measured.</summary>
    public int Id { get; } = Environment.ProcessId ^ (int)Clock.Now;

    /// <summary>True once no more messages are to be published.</summary>
    public bool HasEnded => _hasEnded;

    public PerfException? Failure => Volatile.Read(ref _failure);

    public void End()
    {
        _hasEnded = true;
        _ended.Set();
    }

    public void Fail(Exception failure)
    {
        var told = failure as PerfException ?? new PerfException(failure.ToString(), failure);
        Interlocked.CompareExchange(ref _failure, told, comparand: null);
        End();
    }

    /// <summary>Sleeps at least a millisecond, but not beyond the end.</summary>
    public void Sleep(long nanoseconds) => _ended.WaitOne((int)Math.Max(1, nanoseconds / Clock.Millisecond));

    public void Dispose() => _ended.Dispose();
}
