using Amqp.Storage.Journal;
using Amqp.Storage.Messages.Recovering;
using Amqp.Storage.Tests.Journal;

namespace Amqp.Storage.Tests.Messages;

internal enum DamageKind
{
    FlippedBit,
    ZeroedSector,
    CutFile,
    DeletedFile,
}

/// <summary>What a bad disk has done to files of a store, and what of the store that touches.</summary>
internal abstract class Damage(StoreAtlas atlas, MemoryFiles files)
{
    private const int Sector = 512;

    /// <summary>Every file as it was.</summary>
    protected Dictionary<string, byte[]> Before { get; } = files.List("").ToDictionary(path => path, path => files.File(path).Bytes.ToArray());

    protected MemoryFiles Files => files;

    public string Description { get; private set; } = "";

    /// <summary>A file is gone, which only shows if something misses it.</summary>
    public bool IsFileGone => Before.Keys.Except(files.List("")).Any();

    /// <summary>Damages a random place.</summary>
    public abstract void Do(DamageKind kind, Random random);

    /// <summary>Bytes there are not what they were.</summary>
    public abstract bool Hits(AtlasSegment segment, Extent extent);

    /// <summary>An opening may overlook this record, or find it damaged.</summary>
    public bool MayCost(AtlasRecord record)
    {
        var segment = record.Segment;
        if (Hits(segment, record.Extent) || IsUnusable(segment)) return true;
        if (HasFooter(segment)) return false;
        if (record.Transaction is { } transaction && Hits(segment, transaction)) return true;
        // Behind the last whole blob of the segment that was being written is its torn end.
        if (!segment.Frames.Where(frame => frame.Start >= record.Frame.Start).All(frame => Hits(segment, frame))) return false;
        // Nor can it be told how far a segment was written that has lost footer and trailer, and the head of a frame as well.
        return MayBeTorn(segment)
            || (Hits(segment, segment.Trailer) && Hits(segment, segment.Footer)
                && segment.Frames.Exists(frame => frame.Start <= record.Frame.Start && Hits(segment, frame with { End = frame.Start + BlobFrame.HeaderSize })));
    }

    /// <summary>What is missing at the segment's end cannot be told from a write that was cut off.</summary>
    public bool MayBeTorn(AtlasSegment segment) =>
        (!segment.IsSealed || (Hits(segment, segment.Footer) && Hits(segment, segment.Trailer)))
        && !atlas.Segments.Exists(other => other.Opening == segment.Opening && string.CompareOrdinal(other.Path, segment.Path) > 0
            && !IsUnusable(other));

    private bool HasFooter(AtlasSegment segment) => segment.IsSealed && !Hits(segment, segment.Footer) && !Hits(segment, segment.Trailer);

    private bool IsUnusable(AtlasSegment segment) => Hits(segment, segment.Header) && Hits(segment, segment.SecondHeader);

    protected void Do(DamageKind kind, string path, int place, Random random)
    {
        Description += $"{kind} at {place} of {path}; ";
        var file = files.File(path);
        switch (kind)
        {
            case DamageKind.FlippedBit:
                if (place < file.Bytes.Length) file.Bytes[place] ^= (byte)(1 << random.Next(8));
                break;
            case DamageKind.ZeroedSector:
                var sector = Math.Min(place / Sector * Sector, file.Bytes.Length);
                file.Bytes.AsSpan(sector, Math.Min(Sector, file.Bytes.Length - sector)).Clear();
                break;
            case DamageKind.CutFile: file.Truncate(Math.Min(place, file.Bytes.Length)); break;
            default:
                files.Delete(path);
                files.FlushDirectory("");
                break;
        }
    }
}

/// <summary>To segments that are files.</summary>
internal sealed class JournalDamage(StoreAtlas atlas, MemoryFiles files) : Damage(atlas, files)
{
    private readonly StoreAtlas _atlas = atlas;

    public override void Do(DamageKind kind, Random random)
    {
        var there = Files.List("").Order(StringComparer.Ordinal).ToList();
        var segments = _atlas.Segments.Where(segment => there.Contains(segment.Path)).ToList();
        var spares = there.Where(path => path.EndsWith(".free", StringComparison.Ordinal)).ToList();
        if (segments.Count == 0 || (spares.Count > 0 && random.Next(12) == 0))
        {
            if (spares.Count > 0) Do(kind, spares[random.Next(spares.Count)], random.Next(Files.File(spares[0]).Bytes.Length), random);
            return;
        }
        // The last one is the interesting one: it was being written.
        var segment = random.Next(3) == 0 ? segments[^1] : segments[random.Next(segments.Count)];
        var extent = random.Next(9) switch
        {
            0 => segment.Header,
            1 => segment.SecondHeader,
            2 => segment.Trailer,
            3 when segment.IsSealed => segment.Footer,
            4 or 5 when segment.Frames.Count > 0 => segment.Frames[^1],
            6 => new Extent(0, segment.Bytes.Length),
            _ => new Extent(0, segment.WrittenEnd),
        };
        Do(kind, segment.Path, random.Next((int)extent.Start, (int)extent.End), random);
    }

    public override bool Hits(AtlasSegment segment, Extent extent)
    {
        if (!Files.List("").Contains(segment.Path)) return true;
        var after = Files.File(segment.Path).Bytes;
        return extent.End > after.Length || !segment.Bytes.AsSpan((int)extent.Start..(int)extent.End).SequenceEqual(after.AsSpan((int)extent.Start..(int)extent.End));
    }
}
