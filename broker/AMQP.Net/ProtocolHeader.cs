using System.Buffers;

namespace AMQP.Net;

/// <summary>
/// The eight bytes a client opens the connection with (specification 4.2.2):
/// <code>
/// 'A' 'M' 'Q' 'P'  0  0  9  1
/// </code>
/// A server that cannot work with them answers with the header it wants, <see cref="Bytes"/>, and closes the socket.
/// </summary>
public static class ProtocolHeader
{
    public const int Size = 8;

    /// <summary>The header of AMQP 0-9-1.</summary>
    public static ReadOnlySpan<byte> Bytes => "AMQP\0\0\x09\x01"u8;

    /// <summary>The header of AMQP 0-9, which differs in nothing that matters here; RabbitMQ takes it too.</summary>
    private static ReadOnlySpan<byte> BytesOf09 => "AMQP\x01\x01\0\x09"u8;

    /// <summary>Judges the first <see cref="Size"/> bytes of a connection.</summary>
    /// <param name="isSupported">They ask for a protocol this codec speaks.</param>
    /// <returns>False when there are fewer bytes yet.</returns>
    public static bool TryRead(in ReadOnlySequence<byte> input, out bool isSupported)
    {
        isSupported = false;
        if (input.Length < Size) return false;
        Span<byte> header = stackalloc byte[Size];
        input.Slice(0, Size).CopyTo(header);
        isSupported = header.SequenceEqual(Bytes) || header.SequenceEqual(BytesOf09);
        return true;
    }
}
