namespace Amqp.Core.Ports;

/// <summary>What the system gives this process, what is left of it, and what goes back. From any thread; nothing here throws, and nothing but
/// <see cref="CompactHeap"/> takes long.</summary>
public interface ISystemResources
{
    /// <summary>Memory that the process may use, bytes: what the machine has, or what its container is given. Does not change.</summary>
    long MemoryBytes { get; }

    /// <summary>Free bytes of the disk under the data directory, as far as this process may use them; null when the system does not say.</summary>
    long? DiskFreeBytes();

    /// <summary>Memory that the process has at this moment, bytes: the resident size.</summary>
    long ResidentBytes();

    /// <summary>Files and sockets that the process has open; null when the system does not say.</summary>
    int? OpenFiles();

    /// <summary>How many it may have; null when the system does not say, or there is no limit.</summary>
    long? OpenFilesMax { get; }

    /// <summary>Finds what of the heap is not used any more: in the background, the process stops for some milliseconds at most.</summary>
    void SweepHeap();

    /// <summary>Gives what is not used to the system. The process stands still meanwhile: shortly, if the heap has been swept and little
    /// of it is used.</summary>
    /// <returns>How long.</returns>
    TimeSpan CompactHeap();
}
