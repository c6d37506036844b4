using Amqp.Broker.Loops;
using Amqp.Core;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Flow;

/// <summary>
/// Looks at how much of the disk is free, and raises an alarm while that is less than a limit, so that publishers are held back
/// before writes fail. As often as RabbitMQ: the nearer the limit, the sooner, in half of the time that a fast disk would take to
/// reach it; every ten seconds while the alarm is on, which is all there is against flickering.
/// </summary>
internal sealed partial class DiskWatch : IDisposable
{
    private const int LookMsMin = 100;
    private const int LookMsMax = 10_000;

    /// <summary>250 MB/s, RabbitMQ's <c>FAST_RATE</c>.</summary>
    private const long FillBytesPerMs = 250_000;

    private readonly ISystemResources _resources;
    private readonly Alarms _alarms;
    private readonly ILogger _logger;
    private readonly LoopTimer _timer;
    private volatile Limit _limit;
    private bool _isLow;
    private bool _isUnknown;
    private int _looks;

    public DiskWatch(ISystemResources resources, Watermark limit, Alarms alarms, BrokerClock clock, ILogger logger)
    {
        (_resources, _alarms, _logger) = (resources, alarms, logger);
        _limit = new Limit(limit, limit.Of(resources.MemoryBytes));
        _timer = clock.CreateTimer(Look);
        Look();
    }

    public Watermark Watermark => _limit.Watermark;

    /// <summary>0: nothing is watched.</summary>
    public long LimitBytes => _limit.Bytes;

    /// <summary>Holds from now on; the alarm is on or off accordingly when it returns.</summary>
    public void SetLimit(Watermark watermark)
    {
        _limit = new Limit(watermark, watermark.Of(_resources.MemoryBytes));
        Look();
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>The timer and operators come here; one of them looks, and once more if another came meanwhile.</summary>
    private void Look()
    {
        if (Interlocked.Increment(ref _looks) > 1) return;
        int seen;
        do
        {
            seen = Volatile.Read(ref _looks);
            LookOnce(_limit.Bytes);
        }
        while (Interlocked.CompareExchange(ref _looks, 0, seen) != seen);
    }

    private void LookOnce(long limitBytes)
    {
        var free = limitBytes > 0 ? _resources.DiskFreeBytes() : null;
        if (free is null && limitBytes > 0 && !_isUnknown) LogUnknown();
        _isUnknown = free is null && limitBytes > 0;
        var isLow = free < limitBytes;
        if (isLow != _isLow)
        {
            _isLow = isLow;
            if (isLow) LogLow(free.GetValueOrDefault(), limitBytes);
            else LogEnough(free, limitBytes);
            _alarms.Set(Shortage.DiskSpace, isLow);
        }
        if (limitBytes > 0)
            _timer.Set(isLow || free is not { } bytes ? LookMsMax : Math.Clamp(2 * (bytes - limitBytes) / FillBytesPerMs, LookMsMin, LookMsMax));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Free disk space is insufficient: {Free} bytes, and the limit is {Limit} (Limits:DiskFreeBytes). Make room on the disk of the data directory: let consumers drain queues, or delete what else is there")]
    private partial void LogLow(long free, long limit);

    [LoggerMessage(Level = LogLevel.Information, Message = "Free disk space is sufficient again: {Free} bytes, and the limit is {Limit}")]
    private partial void LogEnough(long? free, long limit);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Free disk space cannot be told: the system does not say how much there is under the data directory. There will be no alarm before writes fail; look at the disk, or set Limits:DiskFreeBytes to 0")]
    private partial void LogUnknown();

    private sealed record Limit(Watermark Watermark, long Bytes);
}
