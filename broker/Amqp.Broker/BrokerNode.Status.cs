using Amqp.Broker.Flow;
using Amqp.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker;

/// <content>What an operator looks at, and sets until the next start.</content>
public sealed partial class BrokerNode
{
    /// <summary>How the node is. Asks the system a few questions each time, so that it takes a millisecond or so.</summary>
    public NodeStatus Status()
    {
        var (memory, alarms) = (_services.Memory, _services.Alarms);
        return new NodeStatus
        {
            UptimeMs = _services.Clock.Now - _startedAtMs,
            ResidentBytes = _resources.ResidentBytes(),
            TotalMemoryBytes = _resources.MemoryBytes,
            MemoryUsedBytes = memory.UsedBytes,
            MemoryHighWatermark = memory.Watermark,
            MemoryLimitBytes = memory.LimitBytes,
            PageOutBytes = memory.PageOutBytes,
            MemoryAlarm = alarms.IsOn(Shortage.Memory),
            DiskFreeBytes = _resources.DiskFreeBytes(),
            DiskFreeLimit = _diskWatch.Watermark,
            DiskFreeLimitBytes = _diskWatch.LimitBytes,
            DiskAlarm = alarms.IsOn(Shortage.Disk),
            OpenFiles = _resources.OpenFiles(),
            OpenFilesMax = _resources.OpenFilesMax,
        };
    }

    /// <summary>
    /// Until the next start, publishers are blocked from there on (RabbitMQ's <c>set_vm_memory_high_watermark</c>), and paging begins
    /// at the same share of it as before. When it returns, the alarm is on or off accordingly. More than
    /// <see cref="NodeStatus.TotalMemoryBytes"/> is as much as that; less than <see cref="MemoryBudget.IdleBytes"/>, which a node takes
    /// without any message, blocks publishers in any case.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">More than 1.0 of the memory.</exception>
    public void SetMemoryHighWatermark(Watermark watermark)
    {
        if (watermark.OfMemory > 1) throw new ArgumentOutOfRangeException(nameof(watermark), watermark, "It has to be between 0.0 and 1.0 of the memory.");
        _services.Memory.SetLimit(watermark, Math.Min(watermark.Of(_resources.MemoryBytes), _resources.MemoryBytes));
        LogMemoryLimit(_services.Memory.LimitBytes, _resources.MemoryBytes, _services.Memory.PageOutBytes);
    }

    /// <summary>
    /// Until the next start, publishers are blocked when the disk has less free than that (RabbitMQ's <c>set_disk_free_limit</c>). When
    /// it returns, the alarm is on or off accordingly. 0: it is not watched.
    /// </summary>
    public void SetDiskFreeLimit(Watermark limit)
    {
        _diskWatch.SetLimit(limit);
        LogDiskLimit(_diskWatch.LimitBytes);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Memory high watermark set to {Limit} bytes of {Total} until the next start; long queues are paged out from {PageOut} bytes on")]
    private partial void LogMemoryLimit(long limit, long total, long pageOut);

    [LoggerMessage(Level = LogLevel.Information, Message = "Disk free limit set to {Limit} bytes until the next start")]
    private partial void LogDiskLimit(long limit);
}
