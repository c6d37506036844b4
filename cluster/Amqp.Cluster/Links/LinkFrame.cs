using System.Buffers;
using System.Buffers.Binary;

namespace Amqp.Cluster.Links;

/// <summary>
/// What is on the wire between nodes, inside of TLS.
/// <code>
/// 0        4      5
/// +--------+------+------------------+
/// | length | kind | payload          |     length: of the payload, in network byte order
/// +--------+------+------------------+
/// </code>
/// The first frame in each direction is a <see cref="LinkHello"/>; then what was posted goes to the side that was connected to, and heartbeats go both ways. A connection whose hello has no epoch
/// carries questions, and answers to them (<see cref="LinkQuestion"/>), and nothing else.
/// </summary>
internal static class LinkFrame
{
    public const int HeadSize = 5;

    public const byte Hello = 0;

    public const byte Heartbeat = 1;

    /// <summary>On a connection that asks, to the side that was connected to.</summary>
    public const byte Question = 2;

    /// <summary>On a connection that asks, back.</summary>
    public const byte Answer = 3;

    /// <summary>Kinds from here on are for what uses the links.</summary>
    public const byte FirstOfUsers = 16;

    /// <summary>Appends a frame whose payload is written by a message.</summary>
    public static void Write(ArrayBufferWriter<byte> buffer, LinkMessage message)
    {
        var start = buffer.WrittenCount;
        buffer.GetSpan(HeadSize);
        buffer.Advance(HeadSize);
        message.Write(buffer);
        var head = System.Runtime.InteropServices.MemoryMarshal.AsMemory(buffer.WrittenMemory).Span[start..];
        BinaryPrimitives.WriteInt32BigEndian(head, buffer.WrittenCount - start - HeadSize);
        head[sizeof(int)] = message.Kind;
    }

    /// <summary>Cuts the next frame out of what came.</summary>
    /// <returns>False: it is not all there yet.</returns>
    /// <exception cref="InvalidDataException">It is longer than a frame may be.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> buffer, int bytesMax, out byte kind, out ReadOnlySequence<byte> payload)
    {
        (kind, payload) = (0, default);
        if (buffer.Length < HeadSize) return false;
        Span<byte> head = stackalloc byte[HeadSize];
        buffer.Slice(0, HeadSize).CopyTo(head);
        var length = BinaryPrimitives.ReadInt32BigEndian(head);
        if (length < 0 || length > bytesMax) throw new InvalidDataException($"a frame of {(uint)length} bytes, where {bytesMax} are allowed");
        if (buffer.Length - HeadSize < length) return false;
        kind = head[sizeof(int)];
        payload = buffer.Slice(HeadSize, length);
        buffer = buffer.Slice(payload.End);
        return true;
    }
}

/// <summary>Something for another node.</summary>
/// <param name="kind">Tells the other side how to read it; <see cref="LinkFrame.FirstOfUsers"/> or above.</param>
public abstract class LinkMessage(byte kind)
{
    public byte Kind => kind;

    /// <summary>Bytes that it takes in memory until it is sent, about.</summary>
    public abstract long Bytes { get; }

    /// <summary>Appends its payload.</summary>
    public abstract void Write(IBufferWriter<byte> payload);
}
