using System.Buffers.Binary;
using System.Numerics;
using Amqp.Core.Records;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Journal;

internal enum BlobKind : byte
{
    /// <summary>A blob of the store.</summary>
    Blob = 1,

    /// <summary>The footer that seals the segment.</summary>
    Footer = 2,
}

/// <summary>
/// The frame around each blob of a segment file:
/// <code>
/// 0       4         8         12     13        16                 24
/// +-------+---------+---------+------+---------+------------------+---------------+----------------+
/// | magic | length  | CRC-32C | kind | life    | number in segment| blob          | zeros to the   |
/// |       | of blob | of all  |      |         |                  |               | next 8 bytes   |
/// +-------+---------+---------+------+---------+------------------+---------------+----------------+
///   u32     u32       u32       u8     u24       u64                length bytes       (little endian)
/// </code>
/// The checksum covers the segment's <see cref="SegmentIncarnation"/> too, and <em>life</em> is a part of it. A segment file is
/// used again without being wiped, and so what it held before cannot be taken for what it holds now, nor a frame that it held
/// before for one whose write was cut off.
/// </summary>
internal readonly struct BlobFrame(int length, BlobKind kind, long number)
{
    public const int HeaderSize = 24;
    public const uint Magic = 0x424F_4C42; // "BLOB"
    private const int Alignment = 8;

    private static ReadOnlySpan<byte> Zeros => [0, 0, 0, 0, 0, 0, 0, 0];

    public int Length { get; } = length;

    public BlobKind Kind { get; } = kind;

    /// <summary>1 for the first blob of the segment, and so on.</summary>
    public long Number { get; } = number;

    /// <summary>Bytes in the file, header and padding included.</summary>
    public int Size => SizeOf(Length);

    public static int SizeOf(int blobLength) => checked((int)Aligned(HeaderSize + (long)blobLength));

    /// <summary>The next offset at which a frame may begin.</summary>
    public static long Aligned(long offset) => (offset + Alignment - 1) & ~(Alignment - 1L);

    /// <summary>Zeros behind the blob.</summary>
    public int Padding => Size - HeaderSize - Length;

    /// <summary>Writes the header of a blob.</summary>
    public void Seal(Span<byte> header, ReadOnlySpan<byte> blob, SegmentIncarnation incarnation)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], (byte)Kind | LifeOf(incarnation));
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], Number);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Checksum(header, blob, Zeros[..Padding], incarnation));
    }

    /// <summary>Reads a header. False: there is none of this incarnation here.</summary>
    public static bool TryReadHeader(ReadOnlySpan<byte> header, SegmentIncarnation incarnation, out BlobFrame frame)
    {
        frame = default;
        if (header.Length < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic) return false;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        var kind = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]) ^ LifeOf(incarnation);
        if (length > int.MaxValue - (2 * HeaderSize) || kind is not ((uint)BlobKind.Blob or (uint)BlobKind.Footer)) return false;
        frame = new BlobFrame((int)length, (BlobKind)kind, BinaryPrimitives.ReadInt64LittleEndian(header[16..]));
        return true;
    }

    /// <summary>True when the whole frame is what was written by that incarnation of the segment.</summary>
    public bool IsWhole(ReadOnlySpan<byte> frame, SegmentIncarnation incarnation) =>
        frame.Length >= Size && BinaryPrimitives.ReadUInt32LittleEndian(frame[8..])
            == Checksum(frame, frame.Slice(HeaderSize, Length), frame.Slice(HeaderSize + Length, Padding), incarnation);

    private static uint Checksum(ReadOnlySpan<byte> header, ReadOnlySpan<byte> blob, ReadOnlySpan<byte> padding, SegmentIncarnation incarnation)
    {
        var crc = BitOperations.Crc32C(incarnation.Checksum, BinaryPrimitives.ReadUInt64LittleEndian(header)); // magic and length
        crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt32LittleEndian(header[12..]));
        crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(header[16..]));
        return Crc32C.Of(padding, ~Crc32C.Of(blob, crc));
    }

    private static uint LifeOf(SegmentIncarnation incarnation) => incarnation.Checksum << 8;
}

/// <summary>
/// One life of a segment file. The number alone would not do: when power fails before a new segment's name is durable, the
/// number is given again, perhaps to the same file with the same blobs in it.
/// </summary>
/// <param name="Opening">Number of the opening that began it; no two openings of a data directory have the same.</param>
internal readonly record struct SegmentIncarnation(SegmentId Segment, long Opening)
{
    /// <summary>With this begin the checksums of everything that is written in this life.</summary>
    public uint Checksum { get; } =
        BitOperations.Crc32C(BitOperations.Crc32C(uint.MaxValue, (ulong)Segment.Number), (ulong)Opening);
}
