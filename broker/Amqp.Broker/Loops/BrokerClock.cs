namespace Amqp.Broker.Loops;

/// <summary>Milliseconds that only go forward, from the clock that was passed in.</summary>
internal sealed class BrokerClock(TimeProvider time)
{
    private readonly long _ticksPerMs = time.TimestampFrequency / 1000;

    /// <summary>Milliseconds since some moment before the broker's start; never 0.</summary>
    public long Now => (time.GetTimestamp() / _ticksPerMs) + 1;

    public DateTimeOffset WallClock => time.GetUtcNow();

    /// <summary>What the wall clock, in milliseconds since 1970 UTC, is ahead of <see cref="Now"/> at this moment.</summary>
    public long WallClockAheadMs => time.GetUtcNow().ToUnixTimeMilliseconds() - Now;

    /// <summary>A timer that calls back on the thread pool each time it was set.</summary>
    public LoopTimer CreateTimer(Action callback) => new(time, callback);
}

/// <summary>A one-shot timer that can be set again and again.</summary>
internal sealed class LoopTimer(TimeProvider time, Action callback) : IDisposable
{
    /// <summary>The longest span a runtime timer can be set for; longer ones fire early and are set again.</summary>
    private const long DueMsMax = uint.MaxValue - 1;

    private readonly ITimer _timer = time.CreateTimer(
        static state => ((Action)state!)(), callback, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>Calls back once, that many milliseconds from now.</summary>
    public void Set(long dueMs) =>
        _timer.Change(TimeSpan.FromMilliseconds(Math.Clamp(dueMs, 0, DueMsMax)), Timeout.InfiniteTimeSpan);

    public void Dispose() => _timer.Dispose();
}
