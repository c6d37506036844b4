using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>Says every few seconds what a start waits for, so that an operator knows which node to start.</summary>
internal sealed partial class Waiting(TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(3);

    private long _toldAt;

    /// <summary>Waits for something.</summary>
    /// <param name="reason">Asked now and then while it is not done.</param>
    public async Task<T> For<T>(Task<T> work, Func<Task<string>> reason, CancellationToken cancellation)
    {
        while (!work.IsCompleted && !cancellation.IsCancellationRequested)
        {
            await Task.WhenAny(work, Task.Delay(Every, time, cancellation));
            if (!work.IsCompleted && !cancellation.IsCancellationRequested) LogWaits(logger, await reason());
        }
        return await work;
    }

    /// <summary>Called in a loop that waits; tells the reason now and then.</summary>
    public void Tell(string reason)
    {
        var now = time.GetTimestamp();
        if (_toldAt != 0 && time.GetElapsedTime(_toldAt, now) < Every) return;
        _toldAt = now;
        LogWaits(logger, reason);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "This node waits: {Reason}")]
    private static partial void LogWaits(ILogger logger, string reason);
}
