using Amqp.Storage.Files;
using Amqp.Storage.Journal;

namespace Amqp.Storage.Segments;

/// <summary>An engine that a program has.</summary>
/// <param name="Name">What a data directory says that belongs to it.</param>
/// <param name="DirectoryName">The directory of its segments in a data directory. No two engines have the same, so that one can
/// be filled beside another.</param>
/// <param name="Medium">Makes what a directory's segments are kept in: in that alone engines differ.</param>
public sealed record StoreEngine(string Name, string DirectoryName, Func<SegmentDirectory, ISegmentMedium> Medium)
{
    /// <summary>The built-in one.</summary>
    public static StoreEngine Journal { get; } = new(JournalEngine.Name, "messages", _ => new PlainMedium());

    /// <summary>Opens the segments of a directory.</summary>
    public JournalEngine Open(SegmentDirectory directory) => JournalEngine.Open(
        directory.Files, directory.Path, directory.SegmentBytes, directory.Opening, directory.Damaged, Medium(directory));
}

/// <summary>Where an engine keeps segments, and whom it tells what it finds there.</summary>
/// <param name="Path">A directory that exists.</param>
/// <param name="Opening">A number that no other opening of the directory has or had; 0 to look only.</param>
/// <param name="Damaged">Told the path of each file that is damaged in what says how it is laid out, and whether it can be used all the same.
/// From any thread.</param>
public sealed record SegmentDirectory(IFileLayer Files, string Path, long Opening, Action<string, bool> Damaged)
{
    /// <summary>Size of new segment files in bytes.</summary>
    public int SegmentBytes { get; init; } = JournalEngine.SegmentBytesDefault;

    /// <summary>Told of a write that was cut off, where the segment itself does not show it: the segment, the offset in bytes and
    /// the length.</summary>
    public Action<SegmentId, long, long> Cut { get; init; } = (_, _, _) => { };
}
