using System.Net;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Links;

/// <summary>Tells operators of a node that cannot be reached: once when it goes, then more and more rarely, and once when it is back. Used by one lane for all: they go to the same port.</summary>
internal sealed partial class AbsenceReport(string node, EndPoint address, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan PauseMin = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PauseMax = TimeSpan.FromHours(1);

    private long? _since;
    private long _toldAt;
    private TimeSpan _pause;

    /// <summary>It was tried, a few times, and could not be reached.</summary>
    public void Failed(string? reason)
    {
        var now = time.GetTimestamp();
        if (_since is not { } since)
        {
            (_since, _toldAt, _pause) = (now, now, PauseMin);
            LogUnreachable(logger, node, address, reason);
            return;
        }
        if (time.GetElapsedTime(_toldAt, now) < _pause) return;
        (_toldAt, _pause) = (now, _pause * 2 < PauseMax ? _pause * 2 : PauseMax);
        LogStillUnreachable(logger, node, address, time.GetElapsedTime(since, now).TotalMinutes, reason);
    }

    /// <summary>It is there.</summary>
    public void Connected()
    {
        if (_since is { } since) LogBack(logger, node, time.GetElapsedTime(since).TotalSeconds);
        _since = null;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} at {Address} cannot be reached: {Reason}; it is tried every second, and this is told again more and more rarely. If it runs, look whether its Cluster:Address and Cluster:Port can be reached from here, and whether both have the same Cluster:Secret")]
    private static partial void LogUnreachable(ILogger logger, string node, EndPoint address, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} at {Address} cannot be reached, for {Minutes:F0} minutes now: {Reason}. It is tried every second; if it is gone for good, forget it (`rabbitmqctl forget_cluster_node`)")]
    private static partial void LogStillUnreachable(ILogger logger, string node, EndPoint address, double minutes, string? reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} is reached again, after {Seconds:F0} s")]
    private static partial void LogBack(ILogger logger, string node, double seconds);
}
