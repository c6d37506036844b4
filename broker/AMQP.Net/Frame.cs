using System.Buffers;
using System.Buffers.Binary;

namespace AMQP.Net;

/// <summary>Frame types (specification 2.3.5).</summary>
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
    /// <summary>Bytes before the payload: type, channel, payload size.</summary>
    public const int HeaderSize = 7;

    /// <summary>Bytes of a frame without payload, and so of every frame besides its payload: header and end octet.</summary>
    public const int EmptySize = 8;

    /// <summary>The last byte of every frame.</summary>
    public const byte End = 0xCE;

    /// <summary>The least frame-max that can be negotiated (specification 4.2.3, frame-min-size), bytes.</summary>
    public const int MinSize = 4096;

    public FrameType Type { get; } = type;
    public ushort Channel { get; } = channel;
    public ReadOnlySpan<byte> Payload { get; } = payload;

    /// <summary>Only for a large body that straddles segments of the input: what follows <see cref="Payload"/>, where it lies.</summary>
    public ReadOnlySequence<byte> More { get; init; }

    /// <summary>Bytes of the payload, all of it.</summary>
    public int Size => Payload.Length + (int)More.Length;

    /// <summary>The method number of a method frame (<see cref="FrameReader"/> lets none pass that is too short for one).</summary>
    public MethodId MethodId => (MethodId)BinaryPrimitives.ReadUInt32BigEndian(Payload);

    /// <summary>The arguments of a method frame, behind its number.</summary>
    public ReadOnlySpan<byte> Arguments => Payload[4..];

    /// <summary>505: a frame that is well formed and must not come here or now, in RabbitMQ's words.</summary>
    public ProtocolException Unexpected() => new(ReplyCode.UnexpectedFrame, $"type {(byte)Type}, {Snippet}");

    /// <summary>501: a frame that is not well formed, in RabbitMQ's words.</summary>
    /// <param name="reason">RabbitMQ's reason, an Erlang term.</param>
    internal ProtocolException Malformed(string reason) => new(ReplyCode.FrameError, $"type {(byte)Type}, {Snippet}: {reason}");

    private string Snippet => Payload.Length <= 16
        ? $"all octets = {ErlangTerm.Pretty(Payload)}"
        : $"first 16 octets = {ErlangTerm.Pretty(Payload[..16])}";
}
