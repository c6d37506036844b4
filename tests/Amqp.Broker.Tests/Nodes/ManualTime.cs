namespace Amqp.Broker.Tests.Nodes;

/// <summary>A clock that stands still until the test moves it; timers that come due are called by what moves it.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private long _nowMs = 1_000_000;
    private long _setMs;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Timers that would still make a call.</summary>
    public int TimersSet
    {
        get
        {
            lock (_lock) return _timers.Count(timer => timer.DueMs is not null);
        }
    }

    /// <summary>Some day, as many milliseconds as have passed, and what it was set by.</summary>
    public override DateTimeOffset GetUtcNow() =>
        DateTimeOffset.FromUnixTimeMilliseconds(1_750_000_000_000 + Volatile.Read(ref _nowMs) + Volatile.Read(ref _setMs));

    /// <summary>The system's clock is set; no time passes.</summary>
    public void SetClock(TimeSpan by) => Interlocked.Add(ref _setMs, (long)by.TotalMilliseconds);

    public override long GetTimestamp() => Volatile.Read(ref _nowMs) * TimeSpan.TicksPerMillisecond;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    public void Advance(long milliseconds)
    {
        var end = _nowMs + milliseconds;
        while (TakeDue(end) is { } due) due.Callback();
        Volatile.Write(ref _nowMs, end);
    }

    private Timer? TakeDue(long end)
    {
        lock (_lock)
        {
            var due = _timers.Where(timer => timer.DueMs <= end).MinBy(timer => timer.DueMs);
            if (due is null) return null;
            Volatile.Write(ref _nowMs, Math.Max(_nowMs, due.DueMs!.Value));
            due.DueMs = null;
            return due;
        }
    }

    private sealed class Timer(ManualTime time, Action callback) : ITimer
    {
        public Action Callback { get; } = callback;

        public long? DueMs { get; set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                if (!time._timers.Contains(this)) time._timers.Add(this);
                DueMs = dueTime == Timeout.InfiniteTimeSpan ? null : time._nowMs + (long)dueTime.TotalMilliseconds;
            }
            return true;
        }

        public void Dispose()
        {
            lock (time._lock)
            {
                DueMs = null;
                time._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
