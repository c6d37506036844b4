
namespace Amqp.Storage.Inspection;

/// <summary>What is in a data directory.</summary>
public sealed record StoreReport
{
    /// <summary>The directory, as an absolute path.</summary>
    public required string Directory { get; init; }

    /// <summary>Version of the directory's format.</summary>
    public required int Version { get; init; }

    /// <summary>The engine that wrote it.</summary>
    public required string Engine { get; init; }

    /// <summary>How often a broker has opened it.</summary>
    public required long Openings { get; init; }

    /// <summary>Durable exchanges, those left out that every virtual host has.</summary>
    public required int Exchanges { get; init; }

    /// <summary>Durable bindings.</summary>
    public required int Bindings { get; init; }

    /// <summary>Segments that can be read.</summary>
    public required int Segments { get; init; }

    /// <summary>Bytes that the segments take on the disk.</summary>
    public required long SegmentBytes { get; init; }

    /// <summary>Bytes of them that messages need.</summary>
    public required long NeededBytes { get; init; }

    /// <summary>Bodies that several queues share.</summary>
    public required int SharedBodies { get; init; }

    /// <summary>Copies that brokers have made of what they found damaged.</summary>
    public required int SetAside { get; init; }

    /// <summary>Queues that have messages and are not in the definitions: they were deleted, and their messages go with the next start; or
    /// their definition was damaged.</summary>
    public required int UnknownQueues { get; init; }

    /// <summary>Messages of those.</summary>
    public required long UnknownMessages { get; init; }

    /// <summary>The durable queues, by virtual host and name.</summary>
    public required IReadOnlyList<StoredQueue> Queues { get; init; }
}

/// <param name="Messages">How many are stored: those of a queue in memory only are not.</param>
/// <param name="Bytes">Of their records; a body that several queues share counts in each.</param>
public sealed record StoredQueue(string VirtualHost, string Name, long Messages, long Bytes);

/// <summary>What reading every byte of a data directory has shown.</summary>
public sealed record StoreVerdict
{
    /// <summary>Nothing is damaged.</summary>
    public bool IsWhole => Damages.Count == 0;

    /// <summary>Whole records, by type.</summary>
    public required IReadOnlyDictionary<string, long> Records { get; init; }

    /// <summary>Messages that can be read.</summary>
    public required long Messages { get; init; }

    /// <summary>Definitions that can be read, those included that later ones undid.</summary>
    public required int Definitions { get; init; }

    /// <summary>Everything that is damaged.</summary>
    public required IReadOnlyList<DamagedPlace> Damages { get; init; }

    /// <summary>What was being written when a broker was stopped, and will be cut: no damage.</summary>
    public required IReadOnlyList<DamagedPlace> TornEnds { get; init; }
}

/// <param name="File">Its name in the directory.</param>
/// <param name="Offset">Bytes from the file's beginning; -1: all of it.</param>
/// <param name="Length">Bytes, or 0 where that is not known.</param>
/// <param name="What">What is damaged, in words.</param>
/// <param name="Queues">The queues concerned, as far as that is known.</param>
public sealed record DamagedPlace(string File, long Offset, long Length, string What, IReadOnlyList<string> Queues);
