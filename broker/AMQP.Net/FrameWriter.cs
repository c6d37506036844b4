using System.Buffers;
using System.Buffers.Binary;

namespace AMQP.Net;

/// <summary>
/// Writes frames (specification 2.3.5), the bytes of which are drawn in <see cref="FrameReader"/>. A message goes out as
/// <code>
/// type 1 | channel | size | 60 | 60 | basic.deliver's arguments           | 0xCE
/// type 2 | channel | size | 60 | 0  | body size | flags | properties      | 0xCE
/// type 3 | channel | size | the first (frame-max - 8) bytes of the body   | 0xCE
/// type 3 | channel | size | the rest                                      | 0xCE     (an empty body has no body frame)
/// </code>
/// Nothing is allocated; what is written is complete when a method returns, and the caller flushes.
/// </summary>
public static class FrameWriter
{
    /// <summary>Room asked for a method at first, bytes: all but those with large tables or names fit.</summary>
    private const int MethodSizeUsual = 256;

    /// <summary>Contents up to this size, bytes with all frames, are written in one piece; the block size of a pipe by default.</summary>
    private const int PieceMax = 4096;

    /// <summary>Pieces of bodies from this size on, bytes, are handed to an <see cref="IReferenceWriter"/> where they lie.</summary>
    private const int ReferenceMin = 16_384;

    /// <summary>One method frame. Its size is not held against frame-max: no method but one with a huge table comes near it.</summary>
    public static void WriteMethod<TMethod>(IBufferWriter<byte> output, ushort channel, in TMethod method)
        where TMethod : struct, IMethod<TMethod>
    {
        var room = output.GetSpan(MethodSizeUsual);
        var size = WritePayload(room, in method);
        if (size + Frame.EmptySize > room.Length)
        {
            room = output.GetSpan(size + Frame.EmptySize);
            WritePayload(room, in method);
        }
        WriteHeader(room, FrameType.Method, channel, size);
        room[Frame.HeaderSize + size] = Frame.End;
        output.Advance(size + Frame.EmptySize);
    }

    /// <summary>A content as it was received.</summary>
    /// <param name="frameMax">The negotiated limit, bytes of the whole frame; 0 = none.</param>
    public static void WriteContent(IBufferWriter<byte> output, ushort channel, in Content content, int frameMax)
    {
        var properties = content.Properties.Bytes.Span;
        if (content.IsOneArray(out var body)) WriteContent(output, channel, properties, body, frameMax);
        else WriteContent(output, channel, properties, content.Body, frameMax);
    }

    /// <summary>A content: its header frame (class basic) and as many body frames as it takes.</summary>
    /// <param name="properties">Property flags and properties (<see cref="BasicProperties.Bytes"/>).</param>
    /// <param name="frameMax">The negotiated limit, bytes of the whole frame; 0 = none.</param>
    public static void WriteContent(
        IBufferWriter<byte> output, ushort channel, ReadOnlySpan<byte> properties, ReadOnlyMemory<byte> body, int frameMax)
    {
        var headerSize = HeaderSizeOf(properties);
        if (headerSize + (long)body.Length + Frame.EmptySize > PieceMax || body.Length > BodyFrameMax(frameMax))
        {
            WriteContent(output, channel, properties, new ReadOnlySequence<byte>(body), frameMax);
            return;
        }
        var bodySize = body.IsEmpty ? 0 : body.Length + Frame.EmptySize;
        var room = output.GetSpan(headerSize + bodySize);
        WriteContentHeader(room, channel, properties, body.Length);
        if (!body.IsEmpty) WriteFrame(room[headerSize..], FrameType.Body, channel, body.Span);
        output.Advance(headerSize + bodySize);
    }

    /// <inheritdoc cref="WriteContent(IBufferWriter{byte}, ushort, ReadOnlySpan{byte}, ReadOnlyMemory{byte}, int)"/>
    public static void WriteContent(
        IBufferWriter<byte> output, ushort channel, ReadOnlySpan<byte> properties, in ReadOnlySequence<byte> body, int frameMax)
    {
        var (headerSize, payloadMax) = (HeaderSizeOf(properties), BodyFrameMax(frameMax));
        WriteContentHeader(output.GetSpan(headerSize), channel, properties, body.Length);
        output.Advance(headerSize);
        for (var left = body; !left.IsEmpty;)
        {
            var payload = left.Slice(0, Math.Min(left.Length, payloadMax));
            WriteBody(output, channel, payload);
            left = left.Slice(payload.End);
        }
    }

    /// <summary>A heartbeat frame (specification 4.2.7).</summary>
    public static void WriteHeartbeat(IBufferWriter<byte> output)
    {
        WriteFrame(output.GetSpan(Frame.EmptySize), FrameType.Heartbeat, channel: 0, payload: default);
        output.Advance(Frame.EmptySize);
    }

    private static int HeaderSizeOf(ReadOnlySpan<byte> properties) => Frame.EmptySize + ContentAssembler.HeaderSize + properties.Length;

    /// <summary>Bytes of a body that a frame takes.</summary>
    private static int BodyFrameMax(int frameMax)
    {
        var bodyFrameMax = frameMax == 0 ? int.MaxValue : frameMax - Frame.EmptySize;
        ArgumentOutOfRangeException.ThrowIfLessThan(bodyFrameMax, 1, nameof(frameMax));
        return bodyFrameMax;
    }

    /// <summary>Writes method number and arguments where the payload stands, and tells the payload's size, even if the room was too small.</summary>
    private static int WritePayload<TMethod>(Span<byte> room, in TMethod method)
        where TMethod : struct, IMethod<TMethod>
    {
        var writer = new WireWriter(room[Frame.HeaderSize..]);
        writer.WriteLong((uint)TMethod.Id);
        method.Write(ref writer);
        return writer.Length;
    }

    /// <summary>One frame, piece by piece.</summary>
    private static void WriteBody(IBufferWriter<byte> output, ushort channel, in ReadOnlySequence<byte> payload)
    {
        WriteHeader(output.GetSpan(Frame.HeaderSize), FrameType.Body, channel, (int)payload.Length);
        output.Advance(Frame.HeaderSize);
        foreach (var piece in payload)
        {
            if (output is IReferenceWriter references && piece.Length >= ReferenceMin) references.WriteByReference(piece);
            else output.Write(piece.Span);
        }
        output.GetSpan(1)[0] = Frame.End;
        output.Advance(1);
    }

    private static void WriteContentHeader(Span<byte> room, ushort channel, ReadOnlySpan<byte> properties, long bodySize)
    {
        WriteHeader(room, FrameType.Header, channel, ContentAssembler.HeaderSize + properties.Length);
        var writer = new WireWriter(room[Frame.HeaderSize..]);
        writer.WriteShort(MethodId.BasicPublish.ClassId());
        writer.WriteShort(0);
        writer.WriteLongLong((ulong)bodySize);
        writer.WriteBytes(properties);
        writer.WriteByte(Frame.End);
    }

    private static void WriteFrame(Span<byte> room, FrameType type, ushort channel, ReadOnlySpan<byte> payload)
    {
        WriteHeader(room, type, channel, payload.Length);
        payload.CopyTo(room[Frame.HeaderSize..]);
        room[Frame.HeaderSize + payload.Length] = Frame.End;
    }

    private static void WriteHeader(Span<byte> room, FrameType type, ushort channel, int size)
    {
        room[0] = (byte)type;
        BinaryPrimitives.WriteUInt16BigEndian(room[1..], channel);
        BinaryPrimitives.WriteUInt32BigEndian(room[3..], (uint)size);
    }
}
