using Amqp.Storage.Files;

namespace Amqp.Storage.Segments;

/// <summary>
/// What the bytes of a segment are kept in: the file itself (<see cref="PlainMedium"/>), or a database in it. All that a segment
/// is, its header, frames, footer and trailer, lies above and is the same in every medium; so are its numbers, the reserve and
/// how files are used again. One thread calls, except where <see cref="IDataFile.Read"/> does.
/// </summary>
public interface ISegmentMedium : IDisposable
{
    /// <summary>Bytes that a blob takes beyond its own, at most.</summary>
    int BlobOverheadMax { get; }

    /// <summary>The size of a file that takes so many bytes, whatever the medium needs included.</summary>
    long FileBytes(long bytes);

    /// <summary>Makes sure that what is written beyond segment files has its space on the disk. False: there is none.</summary>
    bool TryPrepare();

    /// <summary>Begins a segment in a prepared file. What the file held before is not seen any more.</summary>
    IDataFile Begin(SegmentId segment, IDataFile file);

    /// <summary>Opens a segment that was begun before.</summary>
    /// <param name="path">For what is said of it.</param>
    IDataFile Open(SegmentId segment, string path, IDataFile file);

    /// <summary>A segment has got its footer: for the time being nothing more is written to it.</summary>
    void Sealed(IDataFile file);
}

/// <summary>Segments are files.</summary>
internal sealed class PlainMedium : ISegmentMedium
{
    public int BlobOverheadMax => 64;

    public long FileBytes(long bytes) => bytes;

    public bool TryPrepare() => true;

    public IDataFile Begin(SegmentId segment, IDataFile file) => file;

    public IDataFile Open(SegmentId segment, string path, IDataFile file) => file;

    public void Sealed(IDataFile file)
    {
    }

    public void Dispose()
    {
    }
}
