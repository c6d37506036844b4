using System.Buffers.Binary;
using Amqp.Core.Records;

namespace Amqp.Storage.Lite;

/// <summary>
/// A page of LiteDB in a segment's file, behind what LiteDB itself does not have: a checksum.
/// <code>
/// 0         4         8                16               24                     8216
/// +---------+---------+----------------+----------------+----------------------+
/// | CRC-32C | page    | life           | length of the  | page                 |     frame n stands at n * 8216
/// | of all  | number  |                | whole file     |                      |
/// +---------+---------+----------------+----------------+----------------------+
///   u32       u32       u64              u64              8192 bytes
///
/// life     opening * 2^32 + segment number: a file is used again without being wiped, and what it held before has another
/// number    of page 0, its highest bit: the pages do not fit together any more, because one in the log was damaged
/// </code>
/// </summary>
internal static class PageFrame
{
    public const int PageSize = 8192;
    public const int HeadSize = 24;
    public const int Size = HeadSize + PageSize;
    public const uint BrokenBit = 0x8000_0000;

    public static void Seal(Span<byte> frame, uint number, long life, long length)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], number);
        BinaryPrimitives.WriteInt64LittleEndian(frame[8..], life);
        BinaryPrimitives.WriteInt64LittleEndian(frame[16..], length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame, Crc32C.Of(frame[4..]));
    }

    /// <summary>True when the frame is what was written there, in whichever life.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> frame, uint page, out long life)
    {
        life = BinaryPrimitives.ReadInt64LittleEndian(frame[8..]);
        return (Number(frame) & ~BrokenBit) == page && BinaryPrimitives.ReadUInt32LittleEndian(frame) == Crc32C.Of(frame[4..]);
    }

    public static long Length(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt64LittleEndian(frame[16..]);

    public static uint Number(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt32LittleEndian(frame[4..]);
}
