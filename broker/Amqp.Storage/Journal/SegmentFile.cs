using System.Buffers.Binary;
using Amqp.Core.Records;
using Amqp.Storage.Files;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Journal;

/// <summary>
/// A segment's file, of fixed size from the beginning:
/// <code>
/// 0         64                                              end - 96    end - 32    end
/// +---------+-------+-------+-- - - --+-------------------------+-----------+-----------+
/// | header  | frame | frame | ...     | zeros, or what was here | header    | trailer,  |
/// |         |       |       | footer  | under an earlier number | again     | if sealed |
/// +---------+-------+-------+-- - - --+-------------------------+-----------+-----------+
///
/// header   "AMQPSEGM" | version u32 | 0 u32 | segment number u64 | opening u64 | 0 ... | CRC-32C u32 of the 60 bytes before
/// trailer  "AMQPSEAL" | offset of the footer's frame u64 | 0 ... | CRC-32C u32 of the incarnation and the 28 bytes before
/// </code>
/// The header stands at both ends, because without it no frame of the file could be told from those of its earlier lives. A
/// whole trailer proves that everything up to the footer was written, so that what is not whole there is damage.
/// </summary>
internal sealed class SegmentFile : IDisposable
{
    public const int HeaderSize = 64;
    public const int TrailerSize = 32;
    public const int Version = 1;

    /// <summary>What a file spends besides frames.</summary>
    public const int Overhead = HeaderSize + EndSize;

    /// <summary>What stands behind the frames.</summary>
    public const int EndSize = HeaderSize + TrailerSize;
    private const int ScanBytes = 1 << 20;

    /// <summary>Bytes of a blob that are copied, so that small ones take one write.</summary>
    private const int CopiedBytesMax = 1 << 20;

    private static ReadOnlySpan<byte> HeaderMagic => "AMQPSEGM"u8;

    private static ReadOnlySpan<byte> TrailerMagic => "AMQPSEAL"u8;

    private readonly SegmentIncarnation _incarnation;
    private readonly IDataFile _file;
    private long _end = HeaderSize;
    private long _lastNumber;
    private byte[] _frame = [];
    private bool _isFlushed = true;
    private bool _needsSecondHeader;
    private bool _mayGrow;

    private SegmentFile(SegmentIncarnation incarnation, string path, IDataFile file)
    {
        _incarnation = incarnation;
        Path = path;
        _file = file;
        Capacity = file.Length;
    }

    public SegmentId Id => _incarnation.Segment;

    /// <summary>The number of the opening that began it.</summary>
    public long Opening => _incarnation.Opening;

    public string Path { get; }

    /// <summary>What it is kept in.</summary>
    public IDataFile File => _file;

    /// <summary>Up to where something was written that means something, or meant something before it was damaged; what stands
    /// at the file's end not counted.</summary>
    public long WrittenEnd
    {
        get
        {
            if (FooterOffset() is { } footer && ReadFrame(footer) is var (frame, _)) return footer + frame.Size;
            var end = (long)HeaderSize;
            foreach (var blob in ReadBlobs(wasSealed: true, broken => end = Math.Max(end, broken.Offset + broken.Length)))
                end = Math.Max(end, BlobFrame.Aligned(blob.Address.Offset + blob.Bytes.Length));
            return Math.Min(Capacity - EndSize, Math.Max(end, TrailerOffset() ?? 0));
        }
    }

    /// <summary>What has to be copied for a file of another length to be the same segment.</summary>
    public IEnumerable<SegmentPart> Parts(long length) =>
    [
        new(0, 0, WrittenEnd),
        new(Capacity - EndSize, length - EndSize, EndSize),
    ];

    /// <summary>The file's size.</summary>
    public long Capacity { get; private set; }

    public bool IsSealed { get; private set; }

    /// <summary>Bytes of frames that still fit.</summary>
    public int RoomLeft => IsSealed ? 0 : (int)Math.Min(Math.Min(int.MaxValue, _file.Room), Math.Max(0, Capacity - EndSize - _end));

    /// <summary>Makes a prepared file the segment of that number.</summary>
    public static SegmentFile Begin(SegmentIncarnation incarnation, string path, IDataFile file)
    {
        WriteHeader(file, incarnation, 0);
        WriteHeader(file, incarnation, file.Length - EndSize);
        return new SegmentFile(incarnation, path, file);
    }

    /// <summary>Opens a file that was a segment. Null: it has no header of this number at either end.</summary>
    /// <param name="isDamaged">One of the two headers is not what it was, or both.</param>
    /// <exception cref="StorageException">A newer version wrote it.</exception>
    public static SegmentFile? Open(SegmentId id, string path, IDataFile file, out bool isDamaged)
    {
        var segment = Open(id, path, file, 0);
        var again = Open(id, path, file, file.Length - EndSize);
        isDamaged = segment is null || again is null;
        if ((segment ?? again) is not { } found) return null;
        found._needsSecondHeader = again is null;
        found._mayGrow = true;
        found.IsSealed = found.FooterOffset() is not null;
        return found;
    }

    private static void WriteHeader(IDataFile file, SegmentIncarnation incarnation, long offset)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        header.Clear();
        HeaderMagic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], incarnation.Segment.Number);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], incarnation.Opening);
        SealWithChecksum(header);
        file.Write(header, offset);
    }

    /// <summary>Sees to it that there is room for a footer, and a second header behind it: a file whose end is damaged, or gone, gets
    /// a new one. False: there is no room.</summary>
    private bool TryMendEnd(int footerSize)
    {
        if (footerSize <= RoomLeft && !_needsSecondHeader) return true;
        if (!_mayGrow || _file.Room == 0) return false;
        try
        {
            var capacity = Math.Max(Capacity, _end + footerSize + EndSize);
            WriteHeader(_file, _incarnation, capacity - EndSize);
            _file.Write(new byte[TrailerSize], capacity - TrailerSize);
            (Capacity, _needsSecondHeader) = (capacity, false);
            return true;
        }
        catch (IOException exception) when (DiskFull.Is(exception))
        {
            return false;
        }
    }

    private void WriteTrailer(long footer)
    {
        Span<byte> trailer = stackalloc byte[TrailerSize];
        trailer.Clear();
        TrailerMagic.CopyTo(trailer);
        BinaryPrimitives.WriteInt64LittleEndian(trailer[8..], footer);
        SealWithChecksum(trailer, _incarnation.Checksum);
        _file.Write(trailer, Capacity - TrailerSize);
    }

    private static SegmentFile? Open(SegmentId id, string path, IDataFile file, long headerOffset)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        if (headerOffset < 0 || file.Read(header, headerOffset) < HeaderSize) return null;
        if (!header.StartsWith(HeaderMagic) || !HasChecksum(header)) return null;
        var version = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (version > Version)
        {
            throw new StorageException($"'{path}' was written by a newer version of the broker (segment format {version}, this one "
                + $"knows {Version}). Start that version again, or restore the data directory from before the upgrade.");
        }
        if (BinaryPrimitives.ReadInt64LittleEndian(header[16..]) != id.Number) return null;
        var incarnation = new SegmentIncarnation(id, BinaryPrimitives.ReadInt64LittleEndian(header[24..]));
        return new SegmentFile(incarnation, path, file);
    }

    public BlobAddress Append(ReadOnlySpan<byte> blob, BlobKind kind = BlobKind.Blob)
    {
        if (IsSealed) throw new InvalidOperationException($"segment {Id} is sealed");
        var frame = new BlobFrame(blob.Length, kind, _lastNumber + 1);
        if (frame.Size > RoomLeft) throw new InvalidOperationException($"segment {Id} has room for {RoomLeft} bytes, {frame.Size} were given");
        if (!_isFlushed) Flush();
        _isFlushed = false;
        WriteFrame(frame, blob);
        var address = new BlobAddress(Id, _end + BlobFrame.HeaderSize);
        _end += frame.Size;
        _lastNumber++;
        return address;
    }

    /// <summary>Header and blob go in one write, for which they are copied; of a large blob that is only its beginning.</summary>
    private void WriteFrame(BlobFrame frame, ReadOnlySpan<byte> blob)
    {
        var copied = Math.Min(blob.Length, CopiedBytesMax);
        var length = BlobFrame.HeaderSize + copied + frame.Padding;
        if (_frame.Length < length) _frame = new byte[Math.Max(length, Math.Min(2 * _frame.Length, CopiedBytesMax))];
        var first = _frame.AsSpan(0, length);
        frame.Seal(first, blob, _incarnation);
        blob[..copied].CopyTo(first[BlobFrame.HeaderSize..]);
        first[^frame.Padding..].Clear();
        if (copied == blob.Length)
        {
            _file.Write(first, _end);
            return;
        }
        _file.Write(first[..^frame.Padding], _end);
        _file.Write(blob[copied..], _end + BlobFrame.HeaderSize + copied);
        if (frame.Padding > 0) _file.Write(first[^frame.Padding..], _end + frame.Size - frame.Padding);
    }

    /// <summary>False: there is no room for the footer, or the file has turned out to be damaged and takes nothing any more.</summary>
    public bool TrySeal(ReadOnlySpan<byte> footer)
    {
        try
        {
            if (!TryMendEnd(BlobFrame.SizeOf(footer.Length))) return false;
            var offset = Append(footer, BlobKind.Footer).Offset - BlobFrame.HeaderSize;
            // A trailer is a promise that the footer is there: without it what is missing was lost with the power, and is no damage.
            Flush();
            WriteTrailer(offset);
        }
        catch (IOException) when (_file.IsDamaged)
        {
            return false;
        }
        IsSealed = true;
        _frame = [];
        return true;
    }

    public byte[]? ReadFooter()
    {
        if (FooterOffset() is not { } offset || ReadFrame(offset) is not var (frame, bytes)) return null;
        return bytes.AsSpan(BlobFrame.HeaderSize, frame.Length).ToArray();
    }

    public int Read(long offset, Span<byte> destination) => _file.Read(destination, offset);

    public void Flush()
    {
        _file.Flush();
        _isFlushed = true;
    }

    public void Dispose() => _file.Dispose();

    /// <summary>
    /// Reads frame after frame. Behind one that is not whole it looks for the next that is: if there is one, what lies between
    /// is damage, since a frame is only written when the one before it has been flushed; if there is none, it is the end.
    /// </summary>
    /// <param name="wasSealed">It is known to have been sealed, whatever is left of its footer and trailer.</param>
    public IEnumerable<Blob> ReadBlobs(bool wasSealed, Action<BrokenRange> broken)
    {
        long offset = HeaderSize;
        var number = 0L;
        var hasFooter = false;
        while (!hasFooter)
        {
            var (frame, bytes) = ReadFrame(offset) ?? default;
            if (bytes is null || frame.Number <= number)
            {
                if (FindFrame(offset + 8, number) is not { } next) break;
                broken(Broken(offset, next));
                offset = next;
                continue;
            }
            hasFooter = frame.Kind == BlobKind.Footer;
            if (hasFooter) break;
            number = frame.Number;
            var address = new BlobAddress(Id, offset + BlobFrame.HeaderSize);
            offset += frame.Size;
            yield return new Blob(address, bytes.AsMemory(BlobFrame.HeaderSize, frame.Length));
        }
        wasSealed |= _file.IsDamaged;
        // A footer that is there without a trailer is written anew, in its place: there may be no room for two.
        if (!hasFooter) offset = ReadEnd(offset, number, wasSealed, broken);
        else if (wasSealed && TrailerOffset() is null) broken(Footer(offset));
        (_end, _lastNumber) = (offset, number);
    }

    /// <summary>Tells what stands behind the last whole frame; returns where the next frame may be written.</summary>
    private long ReadEnd(long offset, long lastNumber, bool wasSealed, Action<BrokenRange> broken)
    {
        if (TrailerOffset() is { } footer)
        {
            if (footer > offset) broken(Broken(offset, footer));
            broken(Footer(footer));
            return Math.Max(offset, footer);
        }
        for (var number = lastNumber + 1; ReadHeader(offset) is { } frame && frame.Number == number; number++)
        {
            if (wasSealed && frame.Kind == BlobKind.Footer)
            {
                broken(Footer(offset));
                return offset;
            }
            var end = Math.Min(offset + frame.Size, Capacity);
            broken(Broken(offset, end) with { IsTornEnd = !wasSealed });
            if (!wasSealed) return offset;
            // Records in what is damaged may serve on, so it is not written over.
            offset = BlobFrame.Aligned(end);
        }
        if (wasSealed && offset < Capacity) broken(Broken(offset, Capacity) with { MayBeOld = true });
        return offset;
    }

    private BlobFrame? ReadHeader(long offset)
    {
        Span<byte> header = stackalloc byte[BlobFrame.HeaderSize];
        return BlobFrame.TryReadHeader(header[.._file.Read(header, offset)], _incarnation, out var frame) ? frame : null;
    }

    /// <summary>A frame that is not whole, and what follows up to an offset: told from where its blob begins, or would.</summary>
    private static BrokenRange Broken(long offset, long end) =>
        new(Math.Min(offset + BlobFrame.HeaderSize, end), Math.Max(0, end - offset - BlobFrame.HeaderSize), IsTornEnd: false);

    /// <summary>What seals the segment is damaged. How long it was, only its frame could say.</summary>
    private static BrokenRange Footer(long offset) => Broken(offset, offset) with { IsFooter = true };

    private (BlobFrame Frame, byte[] Bytes)? ReadFrame(long offset)
    {
        Span<byte> header = stackalloc byte[BlobFrame.HeaderSize];
        if (_file.Read(header, offset) < header.Length || !BlobFrame.TryReadHeader(header, _incarnation, out var frame)) return null;
        // A length that reaches beyond the file was never written; it must not decide what is allocated. Where the file's end
        // should be is not asked: it may have been cut off.
        if (offset + frame.Size > Capacity) return null;
        var bytes = new byte[frame.Size];
        return _file.Read(bytes, offset) == bytes.Length && frame.IsWhole(bytes, _incarnation) ? (frame, bytes) : null;
    }

    /// <summary>The next whole frame with a later number, from an offset on.</summary>
    private long? FindFrame(long offset, long afterNumber)
    {
        var window = new byte[ScanBytes];
        while (true)
        {
            var read = _file.Read(window, offset);
            for (var start = 0; start + BlobFrame.HeaderSize <= read; start += 8)
            {
                if (BlobFrame.TryReadHeader(window.AsSpan(start, BlobFrame.HeaderSize), _incarnation, out var found) && found.Number > afterNumber
                    && ReadFrame(offset + start) is not null) return offset + start;
            }
            if (read < window.Length) return null;
            offset += read - BlobFrame.HeaderSize;
        }
    }

    private long? FooterOffset() =>
        TrailerOffset() is { } offset && ReadFrame(offset) is var (frame, _) && frame.Kind == BlobKind.Footer ? offset : null;

    /// <summary>Where the footer's frame begins, or began, as the trailer says. Null: it was not sealed, or the trailer is damaged.</summary>
    private long? TrailerOffset()
    {
        Span<byte> trailer = stackalloc byte[TrailerSize];
        if (Capacity < Overhead || _file.Read(trailer, Capacity - TrailerSize) < TrailerSize) return null;
        return trailer.StartsWith(TrailerMagic) && HasChecksum(trailer, _incarnation.Checksum)
            ? BinaryPrimitives.ReadInt64LittleEndian(trailer[8..])
            : null;
    }

    private static void SealWithChecksum(Span<byte> block, uint seed = uint.MaxValue) =>
        BinaryPrimitives.WriteUInt32LittleEndian(block[^4..], Crc32C.Of(block[..^4], seed));

    private static bool HasChecksum(ReadOnlySpan<byte> block, uint seed = uint.MaxValue) =>
        BinaryPrimitives.ReadUInt32LittleEndian(block[^4..]) == Crc32C.Of(block[..^4], seed);
}

/// <summary>Bytes of a segment and where they stand in a copy of it.</summary>
internal readonly record struct SegmentPart(long From, long To, long Length);
