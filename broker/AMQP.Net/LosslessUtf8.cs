using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace AMQP.Net;

/// <summary>
/// Bytes that should be UTF-8 but need not be, as a string and back without loss. To RabbitMQ a message's routing key, its headers
/// and its properties are bytes, and some clients send Latin-1: two keys that differ must stay two, and what is passed on must be
/// what came.
/// <code>
/// 61 C3 A9 62   &lt;->  "aéb"          UTF-8, as everywhere
/// 61 E9 62      &lt;->  "a\uDCE9b"     a byte that is no part of UTF-8: U+DC00 and the byte, half of a surrogate pair
/// </code>
/// UTF-8 never yields half a pair, so it is known on the way back that this was a byte. (Python calls it <c>surrogateescape</c>.)
/// In JSON and on a console such a half shows as U+FFFD.
/// </summary>
public static class LosslessUtf8
{
    private const char EscapeBase = '\uDC00';

    public static string GetString(ReadOnlySpan<byte> bytes) => Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : Escape(bytes);

    public static int GetByteCount(string text)
    {
        var count = Encoding.UTF8.GetByteCount(text);
        if (count == text.Length) return count; // ASCII, as nearly always
        for (var i = 0; i < text.Length; i++)
        {
            if (IsEscape(text[i]) && (i == 0 || !char.IsHighSurrogate(text[i - 1]))) count -= 2; // counted as U+FFFD: three bytes
        }
        return count;
    }

    /// <summary>Writes the bytes of <paramref name="text"/>.</summary>
    /// <param name="bytes">Room for <see cref="GetByteCount"/> bytes at least.</param>
    /// <returns>How many they were.</returns>
    public static int GetBytes(string text, Span<byte> bytes)
    {
        var rest = text.AsSpan();
        var written = 0;
        while (true)
        {
            var status = Utf8.FromUtf16(rest, bytes[written..], out var read, out var count, replaceInvalidSequences: false);
            written += count;
            if (status == OperationStatus.Done) return written;
            if (status != OperationStatus.InvalidData) throw new ArgumentException($"no room for a string of {GetByteCount(text)} bytes", nameof(bytes));
            if (IsEscape(rest[read])) bytes[written++] = (byte)rest[read];
            else written += Encoding.UTF8.GetBytes(rest.Slice(read, 1), bytes[written..]); // no byte stands behind it: U+FFFD, as elsewhere
            rest = rest[(read + 1)..];
        }
    }

    public static byte[] GetBytes(string text)
    {
        var bytes = new byte[GetByteCount(text)];
        GetBytes(text, bytes);
        return bytes;
    }

    private static string Escape(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out var rune, out var count) == OperationStatus.Done) text.Append(rune.ToString());
            else foreach (var value in bytes[..count]) text.Append((char)(EscapeBase + value));
            bytes = bytes[count..];
        }
        return text.ToString();
    }

    /// <summary>Bytes below 0x80 are UTF-8 by themselves and never escaped.</summary>
    private static bool IsEscape(char character) => character is >= '\uDC80' and <= '\uDCFF';
}
