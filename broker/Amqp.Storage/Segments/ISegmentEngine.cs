namespace Amqp.Storage.Segments;

/// <summary>A segment's number. Numbers only grow, so they say which segment is older, and none is used twice.</summary>
public readonly record struct SegmentId(long Number) : IComparable<SegmentId>
{
    public int CompareTo(SegmentId other) => Number.CompareTo(other.Number);

    public override string ToString() => Number.ToString("D12", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>
/// Where blobs are kept: the low seam between the one message store and its engines. A store appends a blob for each group of
/// records, flushes, and later reads ranges of it or drops whole segments; it decides what is in them, when a segment is
/// full and when it is dead. An engine decides how they lie on the disk.
/// <para>
/// One thread appends, flushes, seals and drops; <see cref="Read"/> may be called from any, and
/// <see cref="TryPrepareReserve"/> from one other. A failed append or flush is final
/// (<see cref="IOException"/>): the store ends, and never tries again. The exception is a full disk, of which
/// <see cref="TryRoll"/> speaks.
/// </para>
/// </summary>
public interface ISegmentEngine : IDisposable
{
    /// <summary>Bytes that a blob takes in a segment beyond its own, at most.</summary>
    int BlobOverheadMax { get; }

    /// <summary>Every segment there is, oldest first, found on opening and as it is now.</summary>
    IReadOnlyList<SegmentInfo> Segments { get; }

    /// <summary>Bytes of blobs that the current segment still takes, their frames included; 0 if there is none.</summary>
    int RoomLeft { get; }

    /// <summary>Space is prepared beyond the current segment: what is appended to free space has somewhere to go.</summary>
    bool HasReserve { get; }

    /// <summary>Makes sure of the reserve. False: no space is left on the disk. May take as long as writing a segment does.</summary>
    bool TryPrepareReserve();

    /// <summary>Begins a new segment for what is appended from now on, in the reserve if there is one.</summary>
    /// <param name="roomAtLeast">Bytes: a blob larger than a usual segment gets one of its own size.</param>
    /// <param name="footer">For the segment that was current, which is sealed with it if it was not; it must have the room.</param>
    /// <returns>False: no space is left on the disk. Nothing has changed; the current segment, if any, goes on.</returns>
    bool TryRoll(int roomAtLeast, ReadOnlySpan<byte> footer);

    /// <summary>
    /// Appends a blob to the current segment, whose room suffices. It is durable after the next <see cref="Flush"/>. The blob before it
    /// is durable before this one is written, so that what is missing between two blobs has been damaged, and was not lost.
    /// </summary>
    /// <returns>Where in the segment it begins; ranges of it are read from there.</returns>
    BlobAddress Append(ReadOnlySpan<byte> blob);

    /// <summary>Returns when everything appended is on the disk.</summary>
    void Flush();

    /// <summary>
    /// Ends a segment with a footer: what the store wants to know of it on opening without reading its blobs. It is the current
    /// one, or one that was not sealed before a crash and whose blobs have been read to the end. Durable at once.
    /// </summary>
    /// <returns>False: it has no room for the footer.</returns>
    bool TrySeal(SegmentId segment, ReadOnlySpan<byte> footer);

    /// <summary>The footer of a sealed segment, or null where it is not sealed or the footer is damaged.</summary>
    byte[]? ReadFooter(SegmentId segment);

    /// <summary>
    /// Every blob of a segment that is whole, in order; what is not is told to <paramref name="broken"/>, before any blob behind
    /// it, and skipped.
    /// </summary>
    IEnumerable<Blob> ReadBlobs(SegmentId segment, Action<BrokenRange> broken);

    /// <summary>Reads a range that lies within one blob, or within what is damaged; returns how many bytes were there. What they
    /// mean, the caller's checksums must tell.</summary>
    /// <param name="offset">The blob's offset, and what lies before the range in the blob.</param>
    int Read(SegmentId segment, long offset, Span<byte> destination);

    /// <summary>Gives a segment's space back. Addresses in it are worthless from now on.</summary>
    void Drop(SegmentId segment);
}

/// <summary>A blob's location: its segment, and the offset in bytes of its first byte there.</summary>
public readonly record struct BlobAddress(SegmentId Segment, long Offset);

/// <summary>A whole blob, as it was appended.</summary>
public readonly record struct Blob(BlobAddress Address, ReadOnlyMemory<byte> Bytes);

/// <summary>A part of a segment that is not what was to be written there.</summary>
/// <param name="Offset">Where the first blob of it begins in the segment, or would, in bytes.</param>
/// <param name="Length">Bytes.</param>
/// <param name="IsTornEnd">Not damage, but a write that the process did not live to see flushed: nothing of it was promised, and
/// parts of it may be what the disk held there before. It can be told from damage only as long as nothing whole follows.</param>
public readonly record struct BrokenRange(long Offset, long Length, bool IsTornEnd)
{
    /// <summary>It is unknown how far into it the segment was written. What is whole there may be what the disk held before.</summary>
    public bool MayBeOld { get; init; }

    /// <summary>It is the footer that is damaged, which says nothing that the blobs do not.</summary>
    public bool IsFooter { get; init; }
}

/// <param name="Id">Its number.</param>
/// <param name="IsSealed">It has a footer, and nothing is appended any more.</param>
/// <param name="Bytes">What it takes on the disk.</param>
public readonly record struct SegmentInfo(SegmentId Id, bool IsSealed, long Bytes);
