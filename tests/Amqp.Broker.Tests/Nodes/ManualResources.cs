using Amqp.Core.Ports;

namespace Amqp.Broker.Tests.Nodes;

/// <summary>A system that has what the test says.</summary>
internal sealed class ManualResources : ISystemResources
{
    private long _diskFreeBytes = 1_000_000_000_000;

    public long MemoryBytes { get; init; } = 10_000_000_000;

    public long? OpenFilesMax => 1_000;

    /// <summary>Negative: it does not say.</summary>
    public long DiskFree
    {
        set => Volatile.Write(ref _diskFreeBytes, value);
    }

    public long? DiskFreeBytes() => Volatile.Read(ref _diskFreeBytes) is >= 0 and var free ? free : null;

    public long ResidentBytes() => 123_456_789;

    public int? OpenFiles() => 321;

    /// <summary>What the heap was asked for.</summary>
    public List<string> Collections { get; } = [];

    public void SweepHeap() => Collections.Add("sweep");

    public TimeSpan CompactHeap()
    {
        Collections.Add("compact");
        return TimeSpan.FromMilliseconds(20);
    }
}
