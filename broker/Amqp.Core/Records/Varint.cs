namespace Amqp.Core.Records;

/// <summary>Unsigned numbers in as few bytes as they need: seven bits a byte, the lowest first, the top bit says that more follow.</summary>
public static class Varint
{
    public const int SizeMax = 10;

    /// <summary>Writes a number; returns how many bytes it took.</summary>
    public static int Write(Span<byte> destination, ulong value)
    {
        var written = 0;
        for (; value >= 0x80; value >>= 7) destination[written++] = (byte)(value | 0x80);
        destination[written++] = (byte)value;
        return written;
    }

    /// <summary>Reads a number and steps over it. False: it has no end.</summary>
    public static bool TryRead(ref ReadOnlySpan<byte> source, out ulong value)
    {
        value = 0;
        for (var index = 0; index < source.Length && index < SizeMax; index++)
        {
            value |= (ulong)(source[index] & 0x7F) << (7 * index);
            if (source[index] >= 0x80) continue;
            source = source[(index + 1)..];
            return true;
        }
        return false;
    }

    /// <summary>Small numbers of either sign become small ones without.</summary>
    public static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));

    /// <summary>The number that <see cref="ZigZag"/> made this of.</summary>
    public static long UnZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);
}
