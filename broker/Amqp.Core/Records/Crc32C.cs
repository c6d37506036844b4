using System.Buffers.Binary;
using System.Numerics;

namespace Amqp.Core.Records;

/// <summary>
/// The checksum of every record (CRC-32C, Castagnoli; the test value of "123456789" is E3069283).
/// <para>
/// The processor's instruction takes eight bytes and three cycles, and can begin another in each of them. So three lanes of bytes are
/// worked off side by side, and joined: the checksum of what lies before a lane is carried over the lane's length as if that were zeros.
/// </para>
/// </summary>
public static class Crc32C
{
    /// <summary>Bytes of a lane. Three fit into the record of a message of 1 KiB, and eight times three into a page of 8 KiB.</summary>
    private const int LaneBytes = 336;

    private static readonly uint[] OverLane = MakeOverLane();

    public static uint Of(ReadOnlySpan<byte> bytes) => Of(bytes, uint.MaxValue);

    /// <summary>The checksum of bytes behind others, whose running checksum is <paramref name="crc"/>.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes, uint crc)
    {
        for (; bytes.Length >= 3 * LaneBytes; bytes = bytes[(3 * LaneBytes)..]) crc = OfLanes(bytes, crc);
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var value in bytes) crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }

    private static uint OfLanes(ReadOnlySpan<byte> bytes, uint crc)
    {
        var first = bytes[..LaneBytes];
        var second = bytes.Slice(LaneBytes, LaneBytes);
        var third = bytes.Slice(2 * LaneBytes, LaneBytes);
        var (secondCrc, thirdCrc) = (0u, 0u);
        for (var offset = 0; offset < LaneBytes; offset += sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(first[offset..]));
            secondCrc = BitOperations.Crc32C(secondCrc, BinaryPrimitives.ReadUInt64LittleEndian(second[offset..]));
            thirdCrc = BitOperations.Crc32C(thirdCrc, BinaryPrimitives.ReadUInt64LittleEndian(third[offset..]));
        }
        return CarryOverLane(CarryOverLane(crc) ^ secondCrc) ^ thirdCrc;
    }

    /// <summary>A running checksum after a lane of zeros.</summary>
    private static uint CarryOverLane(uint crc) => OverLane[(byte)crc] ^ OverLane[256 + (byte)(crc >> 8)]
        ^ OverLane[512 + (byte)(crc >> 16)] ^ OverLane[768 + (byte)(crc >> 24)];

    /// <summary>What becomes of each value of each of the four bytes.</summary>
    private static uint[] MakeOverLane()
    {
        var carried = new uint[4 * 256];
        for (var index = 0; index < carried.Length; index++)
        {
            carried[index] = (uint)(index & 255) << (8 * (index >> 8));
            for (var zeros = 0; zeros < LaneBytes; zeros += sizeof(ulong)) carried[index] = BitOperations.Crc32C(carried[index], 0UL);
        }
        return carried;
    }
}
