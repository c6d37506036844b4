using System.Buffers.Binary;
using System.Numerics;

namespace Amqp.Durability.Tests.Load;

/// <summary>Which message this is: it stands in the body, under a checksum over all of the body.</summary>
internal readonly record struct Stamp(byte Publisher, int Number, bool Persistent)
{
    /// <summary>
    /// The smallest body, in bytes:
    /// <code>
    /// | 1         | 4      | 1          | length - 10 | 4      |
    /// | publisher | number | persistent | filling     | CRC32C |
    /// </code>
    /// </summary>
    public const int BytesMin = 10;

    private const int ChecksumBytes = 4;

    public byte[] Body(int length, Random filling)
    {
        var body = new byte[length];
        var checkedPart = body.AsSpan(0, length - ChecksumBytes);
        filling.NextBytes(checkedPart);
        body[0] = Publisher;
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(1), Number);
        body[5] = Persistent ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(length - ChecksumBytes), Checksum(checkedPart));
        return body;
    }

    /// <summary>The stamp of a body, or null when the body is not as it was published.</summary>
    public static Stamp? Of(ReadOnlySpan<byte> body)
    {
        if (body.Length < BytesMin) return null;
        if (BinaryPrimitives.ReadUInt32BigEndian(body[^ChecksumBytes..]) != Checksum(body[..^ChecksumBytes])) return null;
        return new Stamp(body[0], BinaryPrimitives.ReadInt32BigEndian(body[1..]), body[5] == 1);
    }

    public override string ToString() => $"{(Persistent ? "persistent" : "transient")} {Publisher}.{Number}";

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..]) crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var octet in bytes) crc = BitOperations.Crc32C(crc, octet);
        return ~crc;
    }
}
