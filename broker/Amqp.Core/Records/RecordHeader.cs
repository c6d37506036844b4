using System.Buffers.Binary;
using System.Numerics;
using Amqp.Core.Topology;

namespace Amqp.Core.Records;

/// <summary>
/// The head of every record, little endian. A record is padded with zeros to the next 8 bytes, so that the head of the next
/// one can be found though its own is damaged.
/// <code>
/// 0         4         8      9         10        12        16        24        32
/// +---------+---------+------+---------+---------+---------+---------+---------+---------
/// | length  | CRC-32C | type | version | flags   | epoch   | queue   | number  | by type
/// +---------+---------+------+---------+---------+---------+---------+---------+---------
///   u32       u32       u8     u8        u16       u32       u64       u64
///
/// length    of the record from here, padding left out
/// CRC-32C   of the length and of everything behind the checksum
/// flags     1: the record is part of a Transaction, and counts only if that one is whole
/// epoch,
/// number    the position, or the key of a message that came again, see Positions
///
/// type            queue  position       behind the head
/// 1 Enqueue       yes    the message's  expires at i64, body id i64, priority u8, 0 u24, delivery count u32, and when the body id is 0 a body
/// 2 Body          0      its id         a body
/// 3 Settle        yes    the first      segment u64 that has the messages' records, positions as runs from the first
/// 4 Transaction   0      0              records, padded each: Body, Enqueue, EnqueueAgain, Settle
/// 5 Delivered     yes    the first      positions as runs from the first
/// 6 Closed        0      0              nothing
/// 7 Page          yes    the message's  as Enqueue
/// 8 Change        yes    the message's  as Enqueue, with ready at i64 for the body id, and without a body
/// 9 EnqueueAgain  yes    its key        as Enqueue, with position i64 before the body
///
/// a body          exchange length u8, routing key length u8, 0 u16, properties length u32, exchange, routing key,
///                 property flags and properties, the message's body
/// runs            see PositionRuns
/// </code>
/// </summary>
/// <param name="Length">Bytes, padding left out.</param>
/// <param name="Flags">See above.</param>
public readonly record struct RecordHeader(
    int Length, RecordType Type, byte Version, ushort Flags, QueueId Queue, long Position)
{
    public const int Size = 32;

    /// <summary>The version that is written, and the only one that is read: the data directory's version says that no other is in it.</summary>
    public const byte CurrentVersion = 2;

    public const ushort InTransaction = 1;

    private const int Alignment = 8;
    private const int ChecksumEnd = 8;

    /// <summary>Bytes that the record takes, padding included.</summary>
    public int PaddedLength => Padded(Length);

    /// <summary>It is of a type and version that this broker knows. If not, a newer one wrote it.</summary>
    public bool IsKnown => Version == CurrentVersion && Type is >= RecordType.Enqueue and <= RecordType.EnqueueAgain;

    public static int Padded(int length) => checked(length + Alignment - 1) & ~(Alignment - 1);

    /// <summary>Reads the head of a whole record. False: what begins here is none, or not all of it is as it was written.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out RecordHeader header)
    {
        header = default;
        if (bytes.Length < Size) return false;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (length < Size || length > bytes.Length) return false;
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != Checksum(bytes[..(int)length])) return false;
        header = Read(bytes);
        return true;
    }

    /// <summary>Reads the head of a record that is known to be whole.</summary>
    public static RecordHeader Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadInt32LittleEndian(bytes),
        (RecordType)bytes[8],
        bytes[9],
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]),
        new QueueId(BinaryPrimitives.ReadInt64LittleEndian(bytes[16..])),
        Positions.Of(BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[24..])));

    /// <summary>Writes the head of a record whose other bytes stand in their places.</summary>
    /// <param name="record">The record, <see cref="Length"/> bytes.</param>
    public void Seal(Span<byte> record)
    {
        BinaryPrimitives.WriteInt32LittleEndian(record, Length);
        record[8] = (byte)Type;
        record[9] = Version;
        BinaryPrimitives.WriteUInt16LittleEndian(record[10..], Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(record[12..], Positions.EpochOf(Position));
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], Queue.Value);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], Positions.NumberOf(Position));
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Checksum(record));
    }

    private static uint Checksum(ReadOnlySpan<byte> record) => Crc32C.Of(
        record[ChecksumEnd..], BitOperations.Crc32C(uint.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(record)));
}
