using System.Buffers.Binary;

namespace AMQP.Net;

public enum FrameType : byte
{
    Method = 1,
    Header = 2,
    Body = 3,
    Heartbeat = 8,
}

/// <summary>One frame as it was cut out of the stream. The payload is valid until the next frame is read.</summary>
public readonly ref struct Frame(FrameType type, ushort channel, ReadOnlySpan<byte> payload)
{
    public FrameType Type { get; } = type;
    public ushort Channel { get; } = channel;
    public ReadOnlySpan<byte> Payload { get; } = payload;

    /// <summary>The method number of a method frame.</summary>
    /// <exception cref="ProtocolException">501: the payload is too short to hold one.</exception>
    public MethodId MethodId => Payload.Length >= 4
        ? (MethodId)BinaryPrimitives.ReadUInt32BigEndian(Payload)
        : throw new ProtocolException(ReplyCode.FrameError, "method frame without a method number");

    /// <summary>The arguments of a method frame, behind its number.</summary>
    public ReadOnlySpan<byte> Arguments => Payload[4..];
}
