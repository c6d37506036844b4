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
/// trailer  "AMQPSEAL" | offset of the footer's frame u64 | 0 ... | CRC-32C u32 of the 28 bytes before
/// </code>
/// The header stands at both ends, because without it no frame of the file could be told from those of its earlier lives.
/// </summary>
internal sealed class SegmentFile : IDisposable
{
    public const int HeaderSize = 64;
    public const int TrailerSize = 32;
    public const int Version = 1;

    /// <summary>What a file spends besides frames.</summary>
    public const int Overhead = HeaderSize + EndSize;

    /// <summary>What stands behind the frames.</summary>
    private const int EndSize = HeaderSize + TrailerSize;
    private const int ScanBytes = 1 << 20;

    private static ReadOnlySpan<byte> HeaderMagic => "AMQPSEGM"u8;

    private static ReadOnlySpan<byte> TrailerMagic => "AMQPSEAL"u8;

    private readonly SegmentIncarnation _incarnation;
    private readonly IDataFile _file;
    private long _end = HeaderSize;
    private long _lastNumber;
    private byte[] _frame = [];
    private bool _isFlushed = true;

    private SegmentFile(SegmentIncarnation incarnation, string path, IDataFile file)
    {
        _incarnation = incarnation;
        Path = path;
        _file = file;
        Capacity = file.Length;
    }

    public SegmentId Id => _incarnation.Segment;

    public string Path { get; }

    /// <summary>The file's size.</summary>
    public long Capacity { get; }

    public bool IsSealed { get; private set; }

    /// <summary>Bytes of frames that still fit.</summary>
    public int RoomLeft => IsSealed ? 0 : (int)Math.Min(int.MaxValue, Math.Max(0, Capacity - EndSize - _end));

    /// <summary>Makes a prepared file the segment of that number.</summary>
    public static SegmentFile Begin(SegmentIncarnation incarnation, string path, IDataFile file)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        header.Clear();
        HeaderMagic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], incarnation.Segment.Number);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], incarnation.Opening);
        SealWithChecksum(header);
        file.Write(header, 0);
        file.Write(header, file.Length - EndSize);
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
        segment ??= again;
        if (segment is not null) segment.IsSealed = segment.FooterOffset() is not null;
        return segment;
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
        if (_frame.Length < frame.Size) _frame = new byte[Math.Max(frame.Size, Math.Min(2 * _frame.Length, ScanBytes))];
        blob.CopyTo(_frame.AsSpan(BlobFrame.HeaderSize));
        frame.Seal(_frame, _incarnation);
        _isFlushed = false;
        _file.Write(_frame.AsSpan(0, frame.Size), _end);
        var address = new BlobAddress(Id, _end + BlobFrame.HeaderSize);
        _end += frame.Size;
        _lastNumber++;
        return address;
    }

    /// <summary>False: there is no room for the footer.</summary>
    public bool TrySeal(ReadOnlySpan<byte> footer)
    {
        if (BlobFrame.SizeOf(footer.Length) > RoomLeft) return false;
        var offset = Append(footer, BlobKind.Footer).Offset - BlobFrame.HeaderSize;
        Span<byte> trailer = stackalloc byte[TrailerSize];
        trailer.Clear();
        TrailerMagic.CopyTo(trailer);
        BinaryPrimitives.WriteInt64LittleEndian(trailer[8..], offset);
        SealWithChecksum(trailer);
        _file.Write(trailer, Capacity - TrailerSize);
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
    public IEnumerable<Blob> ReadBlobs(Action<long, long> damaged)
    {
        long offset = HeaderSize;
        var number = 0L;
        while (true)
        {
            var (frame, bytes) = ReadFrame(offset) ?? default;
            if (bytes is null || frame.Number <= number)
            {
                if (FindFrame(offset + 8, number) is not { } next) break;
                damaged(offset, next - offset);
                offset = next;
                continue;
            }
            number = frame.Number;
            var address = new BlobAddress(Id, offset + BlobFrame.HeaderSize);
            offset += frame.Size;
            if (frame.Kind == BlobKind.Blob) yield return new Blob(address, bytes.AsMemory(BlobFrame.HeaderSize, frame.Length));
        }
        (_end, _lastNumber) = (offset, number);
    }

    private (BlobFrame Frame, byte[] Bytes)? ReadFrame(long offset)
    {
        Span<byte> header = stackalloc byte[BlobFrame.HeaderSize];
        if (offset > Capacity - EndSize - BlobFrame.HeaderSize) return null;
        if (_file.Read(header, offset) < header.Length || !BlobFrame.TryReadHeader(header, out var frame)) return null;
        // A length that reaches beyond the file was never written; it must not decide what is allocated.
        if (offset + frame.Size > Capacity - EndSize) return null;
        var bytes = new byte[frame.Size];
        return _file.Read(bytes, offset) == bytes.Length && frame.IsWhole(bytes, _incarnation) ? (frame, bytes) : null;
    }

    /// <summary>The next whole frame with a later number, from an offset on.</summary>
    private long? FindFrame(long offset, long afterNumber)
    {
        var window = new byte[ScanBytes];
        Span<byte> magic = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(magic, BlobFrame.Magic);
        while (offset < Capacity - EndSize)
        {
            var read = _file.Read(window, offset);
            for (var start = 0; start + BlobFrame.HeaderSize <= read; start += 8)
            {
                var candidate = window.AsSpan(start, BlobFrame.HeaderSize);
                if (candidate.StartsWith(magic) && ReadFrame(offset + start) is var (frame, _) && frame.Number > afterNumber) return offset + start;
            }
            if (read < window.Length) return null;
            offset += read - BlobFrame.HeaderSize;
        }
        return null;
    }

    private long? FooterOffset()
    {
        Span<byte> trailer = stackalloc byte[TrailerSize];
        if (Capacity < Overhead || _file.Read(trailer, Capacity - TrailerSize) < TrailerSize) return null;
        if (!trailer.StartsWith(TrailerMagic) || !HasChecksum(trailer)) return null;
        // The trailer of an earlier incarnation points to a frame that is not whole for this one.
        var offset = BinaryPrimitives.ReadInt64LittleEndian(trailer[8..]);
        return ReadFrame(offset) is var (frame, _) && frame.Kind == BlobKind.Footer ? offset : null;
    }

    private static void SealWithChecksum(Span<byte> block) =>
        BinaryPrimitives.WriteUInt32LittleEndian(block[^4..], Crc32C.Of(block[..^4]));

    private static bool HasChecksum(ReadOnlySpan<byte> block) =>
        BinaryPrimitives.ReadUInt32LittleEndian(block[^4..]) == Crc32C.Of(block[..^4]);
}
