namespace Amqp.Broker.Observability;

/// <summary>Lets one line into the log in ten seconds, and counts the others: a client that can provoke a line, perhaps without a
/// password, must not fill the disk with them.</summary>
public sealed class LogThrottle(TimeProvider time)
{
    public const int EveryMs = 10_000;

    private readonly long _firstAt = time.GetTimestamp();
    private long _nextMs;
    private int _untold;

    /// <summary>True: the line may be written now.</summary>
    /// <param name="untold">How many were not since the last one.</param>
    public bool IsDue(out int untold)
    {
        var nowMs = (long)time.GetElapsedTime(_firstAt).TotalMilliseconds;
        var nextMs = Volatile.Read(ref _nextMs);
        var isDue = nowMs >= nextMs && Interlocked.CompareExchange(ref _nextMs, nowMs + EveryMs, nextMs) == nextMs;
        if (!isDue) Interlocked.Increment(ref _untold);
        untold = isDue ? Interlocked.Exchange(ref _untold, 0) : 0;
        return isDue;
    }
}
