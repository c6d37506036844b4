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
/// | magic | length  | CRC-32C | kind | 0  0  0 | number in segment| blob          | zeros to the   |
/// |       | of blob | of all  |      |         |                  |               | next 8 bytes   |
/// +-------+---------+---------+------+---------+------------------+---------------+----------------+
///   u32     u32       u32       u8               u64                length bytes       (little endian)
/// </code>
/// The checksum covers the segment's <see cref="SegmentIncarnation"/> too. A segment file is used again without being wiped,
/// and so what it held before cannot be taken for what it holds now.
/// </summary>
internal readonly struct BlobFrame(int length, BlobKind kind, long number)
{
    public const int HeaderSize = 24;
    public const uint Magic = 0x424F_4C42; // "BLOB"
    private const int Alignment = 8;

    public int Length { get; } = length;

    public BlobKind Kind { get; } = kind;

    /// <summary>1 for the first blob of the segment, and so on.</summary>
    public long Number { get; } = number;

    /// <summary>Bytes in the file, header and padding included.</summary>
    public int Size => SizeOf(Length);

    public static int SizeOf(int blobLength) => checked(HeaderSize + blobLength + Alignment - 1) & ~(Alignment - 1);

    /// <summary>Writes header and padding around a blob that stands at <see cref="HeaderSize"/> of the buffer already.</summary>
    public void Seal(Span<byte> frame, SegmentIncarnation incarnation)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(frame, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], (uint)Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[12..], (byte)Kind);
        BinaryPrimitives.WriteInt64LittleEndian(frame[16..], Number);
        frame[(HeaderSize + Length)..Size].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(frame[8..], Checksum(frame, incarnation));
    }

    /// <summary>Reads a header. False: there is none here.</summary>
    public static bool TryReadHeader(ReadOnlySpan<byte> header, out BlobFrame frame)
    {
        frame = default;
        if (header.Length < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic) return false;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        var kind = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        if (length > int.MaxValue - (2 * HeaderSize) || kind is not ((uint)BlobKind.Blob or (uint)BlobKind.Footer)) return false;
        frame = new BlobFrame((int)length, (BlobKind)kind, BinaryPrimitives.ReadInt64LittleEndian(header[16..]));
        return true;
    }

    /// <summary>True when the whole frame is what was written by that incarnation of the segment.</summary>
    public bool IsWhole(ReadOnlySpan<byte> frame, SegmentIncarnation incarnation) =>
        frame.Length >= Size && BinaryPrimitives.ReadUInt32LittleEndian(frame[8..]) == Checksum(frame, incarnation);

    private uint Checksum(ReadOnlySpan<byte> frame, SegmentIncarnation incarnation)
    {
        var seed = BitOperations.Crc32C(uint.MaxValue, (ulong)incarnation.Segment.Number);
        seed = BitOperations.Crc32C(seed, (ulong)incarnation.Opening);
        seed = BitOperations.Crc32C(seed, BinaryPrimitives.ReadUInt64LittleEndian(frame)); // magic and length
        seed = BitOperations.Crc32C(seed, BinaryPrimitives.ReadUInt32LittleEndian(frame[12..]));
        return Crc32C.Of(frame[16..Size], seed);
    }
}

/// <summary>
/// One life of a segment file. The number alone would not do: when power fails before a new segment's name is durable, the
/// number is given again, perhaps to the same file with the same blobs in it.
/// </summary>
/// <param name="Opening">Number of the opening that began it; no two openings of a data directory have the same.</param>
internal readonly record struct SegmentIncarnation(SegmentId Segment, long Opening);
