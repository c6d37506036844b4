using Amqp.Core.Topology;

namespace Amqp.Storage.Metadata;

/// <summary>What a definitions log holds, read once when the store is opened.</summary>
internal sealed class DefinitionsReader
{
    private DefinitionsReader()
    {
    }

    public TopologySnapshot Topology { get; private set; } = TopologySnapshot.Initial;

    /// <summary>Changes read, those included that later ones undid.</summary>
    public int Records { get; private set; }

    /// <summary>Where the whole lines end. What stands behind was being written when power failed; it was never reported as done.</summary>
    public long Length { get; private set; }

    /// <summary>The highest number of an opening, 0 if the log is new.</summary>
    public long Opened { get; private set; }

    /// <summary>What could not be used, each with its line number. Not the torn end.</summary>
    public List<string> Damages { get; } = [];

    /// <exception cref="StorageException">A newer version wrote the log.</exception>
    public static DefinitionsReader Read(string path)
    {
        var reader = new DefinitionsReader();
        ReadOnlyMemory<byte> rest = File.ReadAllBytes(path);
        for (var number = 1; rest.Span.IndexOf((byte)'\n') is >= 0 and var end; number++)
        {
            reader.ReadLine(path, number, rest[..end]);
            reader.Length += end + 1;
            rest = rest[(end + 1)..];
        }
        reader.Topology = reader.Topology.UnderPolicies();
        return reader;
    }

    private void ReadLine(string path, int number, ReadOnlyMemory<byte> line)
    {
        DefinitionRecord? record;
        try
        {
            record = DefinitionRecord.Read(line);
        }
        catch (StorageException exception)
        {
            throw new StorageException($"Line {number} of '{path}' {exception.Message}", exception);
        }
        if (record is null)
        {
            Damages.Add($"line {number} is damaged");
            return;
        }
        Opened = Math.Max(Opened, record.Opened);
        foreach (var change in record.Changes)
        {
            Records++;
            // Its checksum is right, so what it needs must have been in a line that is damaged.
            if (TopologyReducer.Replay(Topology, change) is { } replayed) Topology = replayed.Topology;
            else Damages.Add($"line {number} needs what an earlier, damaged line should have declared: {change}");
        }
    }
}
