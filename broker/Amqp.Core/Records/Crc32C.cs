using System.Buffers.Binary;
using System.Numerics;

namespace Amqp.Core.Records;

/// <summary>The checksum of every record (CRC-32C, Castagnoli; the test value of "123456789" is E3069283).</summary>
public static class Crc32C
{
    public static uint Of(ReadOnlySpan<byte> bytes) => Of(bytes, uint.MaxValue);

    /// <summary>The checksum of bytes behind others, whose running checksum is <paramref name="crc"/>.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes, uint crc)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var value in bytes) crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}
