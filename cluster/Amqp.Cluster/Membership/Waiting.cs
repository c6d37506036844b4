using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>Says what a start waits for, after some seconds and then more and more rarely, so that an operator knows which node to start.</summary>
internal sealed partial class Waiting(TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan PauseMin = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan PauseMax = TimeSpan.FromMinutes(1);

    private TimeSpan _pause = PauseMin;
    private long _toldAt;

    /// <summary>Waits for something.</summary>
    /// <param name="reason">Asked now and then while it is not done.</param>
    public async Task<T> For<T>(Task<T> work, Func<Task<string>> reason, CancellationToken cancellation)
    {
        while (!work.IsCompleted && !cancellation.IsCancellationRequested)
        {
            await Task.WhenAny(work, Task.Delay(_pause, time, cancellation));
            if (work.IsCompleted || cancellation.IsCancellationRequested) continue;
            LogWaits(logger, await reason());
            _pause = Longer(_pause);
        }
        return await work;
    }

    /// <summary>Called in a loop that waits; tells the reason now and then.</summary>
    public void Tell(string reason)
    {
        var now = time.GetTimestamp();
        if (_toldAt != 0 && time.GetElapsedTime(_toldAt, now) < _pause) return;
        if (_toldAt != 0) _pause = Longer(_pause);
        _toldAt = now;
        LogWaits(logger, reason);
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < PauseMax ? pause * 2 : PauseMax;

    [LoggerMessage(Level = LogLevel.Warning, Message = "This node waits: {Reason}")]
    private static partial void LogWaits(ILogger logger, string reason);
}
