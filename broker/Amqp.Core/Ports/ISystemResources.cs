namespace Amqp.Core.Ports;

/// <summary>What the system gives this process, and what is left of it. From any thread; none of it blocks for long, and none throws.</summary>
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
}
