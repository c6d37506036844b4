using Amqp.Core;

namespace Amqp.Broker;

/// <summary>How a node is at one moment. In brackets what RabbitMQ's HTTP API calls it in <c>/api/nodes</c>.</summary>
public sealed record NodeStatus
{
    /// <summary>Since the node was made, milliseconds [<c>uptime</c>].</summary>
    public required long UptimeMs { get; init; }

    /// <summary>The resident size of the process, bytes. For people to look at: no alarm goes by it.</summary>
    public required long ResidentBytes { get; init; }

    /// <summary>Memory that the process may use, bytes; watermarks that are relative are relative to this.</summary>
    public required long TotalMemoryBytes { get; init; }

    /// <summary>What messages take in memory, bytes, as the broker counts it; what the memory alarm goes by [<c>mem_used</c>].</summary>
    public required long MemoryUsedBytes { get; init; }

    /// <summary>Where the memory alarm begins, as it was configured or set last.</summary>
    public required Watermark MemoryHighWatermark { get; init; }

    /// <summary>The same in bytes [<c>mem_limit</c>].</summary>
    public required long MemoryLimitBytes { get; init; }

    /// <summary>Of <see cref="MemoryUsedBytes"/>: from here on long queues keep the messages at their end on the disk only.</summary>
    public required long PageOutBytes { get; init; }

    /// <summary>Publishers are blocked because memory runs short [<c>mem_alarm</c>].</summary>
    public required bool MemoryAlarm { get; init; }

    /// <summary>Free bytes of the disk under the data directory; null when the system does not say [<c>disk_free</c>].</summary>
    public required long? DiskFreeBytes { get; init; }

    /// <summary>Where the disk alarm begins, as it was configured or set last.</summary>
    public required Watermark DiskFreeLimit { get; init; }

    /// <summary>The same in bytes; 0: it is not watched [<c>disk_free_limit</c>].</summary>
    public required long DiskFreeLimitBytes { get; init; }

    /// <summary>Publishers are blocked because the disk runs short: there is less free than the limit, or a write found it full
    /// [<c>disk_free_alarm</c>].</summary>
    public required bool DiskAlarm { get; init; }

    /// <summary>Files and sockets that the process has open; null when the system does not say [<c>fd_used</c>].</summary>
    public required int? OpenFiles { get; init; }

    /// <summary>How many it may have open; null when the system does not say, or there is no limit [<c>fd_total</c>].</summary>
    public required long? OpenFilesMax { get; init; }
}
