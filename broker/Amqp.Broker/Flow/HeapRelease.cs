using Amqp.Broker.Loops;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Flow;

/// <summary>
/// Gives memory back to the system when far less of it is used than once was: the collector keeps what a backlog needed, and does not
/// look again while little is allocated. Both steps wait for a quiet moment, because the second one stops the process:
/// <code>
/// large peak ... nearly all of it drained ... quiet for 3 s: sweep, in the background ... quiet for 2 s more: compact
/// </code>
/// Without the first step the second takes several times as long. A broker that is never quiet keeps what it has, and uses it for the
/// next backlog.
/// </summary>
internal sealed partial class HeapRelease : IDisposable
{
    private const int LookMs = 1_000;

    /// <summary>Less is not worth a pause.</summary>
    private const long WorthBytes = 67_108_864;

    /// <summary>What is left takes time to compact, about a millisecond for each MiB, so that most has to be gone.</summary>
    private const int PeakToUsed = 8;

    /// <summary>How many reports the <see cref="MemoryBudget"/> gets between two looks: a message makes three or so.</summary>
    private const int QuietReports = 10;

    private const int QuietLooksToSweep = 3;
    private const int QuietLooksToCompact = 5;

    private readonly MemoryBudget _memory;
    private readonly ISystemResources _resources;
    private readonly ILogger _logger;
    private readonly LoopTimer _timer;
    private int _reports;
    private long _peakBytes;
    private int _quietLooks;

    public HeapRelease(MemoryBudget memory, ISystemResources resources, BrokerClock clock, ILogger logger)
    {
        (_memory, _resources, _logger) = (memory, resources, logger);
        _timer = clock.CreateTimer(Look);
        _timer.Set(LookMs);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var (used, reports) = (_memory.UsedBytes, _memory.Reports);
        var isQuiet = unchecked(reports - _reports) <= QuietReports;
        _reports = reports;
        _peakBytes = Math.Max(_peakBytes, used);
        var isDue = isQuiet && _peakBytes - used >= WorthBytes && used <= _peakBytes / PeakToUsed;
        _quietLooks = isDue ? _quietLooks + 1 : 0;
        if (_quietLooks == QuietLooksToSweep) _resources.SweepHeap();
        else if (_quietLooks == QuietLooksToCompact) Compact(used);
        _timer.Set(LookMs);
    }

    private void Compact(long used)
    {
        var before = _resources.ResidentBytes();
        var took = _resources.CompactHeap();
        LogGivenBack(_peakBytes, used, before, _resources.ResidentBytes(), (long)took.TotalMilliseconds);
        (_peakBytes, _quietLooks) = (used, 0);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Gave memory back: messages took {Peak} bytes at most and take {Used} now, the process had {Before} bytes and has {After}; everything stood still for {PauseMs} ms, at a quiet moment")]
    private partial void LogGivenBack(long peak, long used, long before, long after, long pauseMs);
}
