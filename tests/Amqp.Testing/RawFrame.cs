using AMQP.Net;

namespace Amqp.Testing;

/// <summary>A frame as it came, its payload copied.</summary>
public sealed record RawFrame(FrameType Type, ushort Channel, byte[] Payload)
{
    public bool Is(MethodId method) => Type == FrameType.Method && Frame.MethodId == method;

    /// <summary>The method in it, which must be a <typeparamref name="TMethod"/>.</summary>
    public TMethod Read<TMethod>()
        where TMethod : struct, IMethod<TMethod> => MethodReader.Read<TMethod>(Frame);

    private Frame Frame => new(Type, Channel, Payload);

    /// <summary>For failure messages: what it is and, of a close, why.</summary>
    public override string ToString()
    {
        if (Type != FrameType.Method) return $"{Type} frame on channel {Channel}, {Payload.Length} bytes";
        var detail = Frame.MethodId switch
        {
            MethodId.ConnectionClose => $" {Read<ConnectionClose>().ReplyCode} \"{Read<ConnectionClose>().ReplyText}\"",
            MethodId.ChannelClose => $" {Read<ChannelClose>().ReplyCode} \"{Read<ChannelClose>().ReplyText}\"",
            _ => "",
        };
        return $"{Frame.MethodId.Name()} on channel {Channel}{detail}";
    }
}
