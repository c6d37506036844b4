namespace AMQP.Net;

/// <summary>channel.open (specification 1.5.2.1).</summary>
public readonly record struct ChannelOpen : IMethod<ChannelOpen>
{
    public static MethodId Id => MethodId.ChannelOpen;

    public static ChannelOpen Read(ref WireReader reader)
    {
        reader.ReadShortString(); // reserved-1, once "out-of-band"
        return default;
    }

    public void Write(ref WireWriter writer) => writer.WriteShortString("");
}

/// <summary>channel.open-ok (specification 1.5.2.2).</summary>
public readonly record struct ChannelOpenOk : IMethod<ChannelOpenOk>
{
    public static MethodId Id => MethodId.ChannelOpenOk;

    public static ChannelOpenOk Read(ref WireReader reader)
    {
        reader.ReadLongString(); // reserved-1, once the channel id
        return default;
    }

    public void Write(ref WireWriter writer) => writer.WriteLongString("");
}

/// <summary>channel.flow: asks the peer to stop or go on sending contents (specification 1.5.2.3).</summary>
public readonly record struct ChannelFlow(bool Active) : IMethod<ChannelFlow>
{
    public static MethodId Id => MethodId.ChannelFlow;

    public static ChannelFlow Read(ref WireReader reader) => new(reader.ReadBit());

    public void Write(ref WireWriter writer) => writer.WriteBit(Active);
}

/// <summary>channel.flow-ok (specification 1.5.2.4).</summary>
public readonly record struct ChannelFlowOk(bool Active) : IMethod<ChannelFlowOk>
{
    public static MethodId Id => MethodId.ChannelFlowOk;

    public static ChannelFlowOk Read(ref WireReader reader) => new(reader.ReadBit());

    public void Write(ref WireWriter writer) => writer.WriteBit(Active);
}

/// <summary>channel.close: until close-ok every other frame of the channel is discarded (specification 1.5.2.5).</summary>
/// <param name="Method">The method that failed, 0 if none: class-id and method-id in one number.</param>
public readonly record struct ChannelClose(ReplyCode ReplyCode, string ReplyText, MethodId Method) : IMethod<ChannelClose>
{
    public static MethodId Id => MethodId.ChannelClose;

    public static ChannelClose Read(ref WireReader reader) => new(
        (ReplyCode)reader.ReadShort(), reader.ReadShortString(), (MethodId)reader.ReadLong());

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort((ushort)ReplyCode);
        writer.WriteShortString(ReplyText);
        writer.WriteLong((uint)Method);
    }
}

/// <summary>channel.close-ok (specification 1.5.2.6).</summary>
public readonly record struct ChannelCloseOk : IMethod<ChannelCloseOk>
{
    public static MethodId Id => MethodId.ChannelCloseOk;

    public static ChannelCloseOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}
