using Amqp.Core.Ports;

namespace Amqp.Host;

/// <summary>The system's answers, where it gives any.</summary>
/// <param name="directory">On the disk that is asked about.</param>
internal sealed class SystemResources(string directory) : ISystemResources
{
    /// <summary>To count them means to look at each, and tools ask often.</summary>
    private static readonly TimeSpan OpenFilesAge = TimeSpan.FromSeconds(1);

    private readonly DriveInfo _disk = new(directory); // any path names the file system that it is on
    private volatile Counted? _openFiles;

    /// <summary>As the collector sees it, who heeds a container's limit.</summary>
    public long MemoryBytes { get; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    public long? OpenFilesMax { get; } = Listeners.OpenFiles.Max();

    public long? DiskFreeBytes()
    {
        try
        {
            return _disk.AvailableFreeSpace;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public long ResidentBytes() => Environment.WorkingSet;

    public void SweepHeap() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);

    public TimeSpan CompactHeap()
    {
        var before = TimeProvider.System.GetTimestamp();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return TimeProvider.System.GetElapsedTime(before);
    }

    public int? OpenFiles()
    {
        if (_openFiles is { } known && TimeProvider.System.GetElapsedTime(known.At) < OpenFilesAge) return known.Files;
        _openFiles = new Counted(TimeProvider.System.GetTimestamp(), CountOpenFiles());
        return _openFiles.Files;
    }

    private static int? CountOpenFiles()
    {
        try
        {
            return Listeners.OpenFiles.Count();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <param name="At">When, by the clock that only goes forward.</param>
    private sealed record Counted(long At, int? Files);
}
