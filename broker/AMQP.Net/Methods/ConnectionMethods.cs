namespace AMQP.Net;

/// <summary>connection.start: the server's first word (specification 1.4.2.1).</summary>
/// <param name="Mechanisms">SASL mechanisms, separated by spaces.</param>
/// <param name="Locales">Locales of reply texts, separated by spaces.</param>
public readonly record struct ConnectionStart(
    byte VersionMajor, byte VersionMinor, FieldTable ServerProperties, string Mechanisms, string Locales) : IMethod<ConnectionStart>
{
    public static MethodId Id => MethodId.ConnectionStart;

    public static ConnectionStart Read(ref WireReader reader) => new(
        reader.ReadByte(), reader.ReadByte(), reader.ReadTable(), reader.ReadLongText(), reader.ReadLongText());

    public void Write(ref WireWriter writer)
    {
        writer.WriteByte(VersionMajor);
        writer.WriteByte(VersionMinor);
        writer.WriteTable(ServerProperties);
        writer.WriteLongString(Mechanisms);
        writer.WriteLongString(Locales);
    }
}

/// <summary>connection.start-ok: mechanism chosen and its first response (specification 1.4.2.2).</summary>
public readonly record struct ConnectionStartOk(
    FieldTable ClientProperties, string Mechanism, byte[] Response, string Locale) : IMethod<ConnectionStartOk>
{
    public static MethodId Id => MethodId.ConnectionStartOk;

    public static ConnectionStartOk Read(ref WireReader reader) => new(
        reader.ReadTable(), reader.ReadShortString(), reader.ReadLongString().ToArray(), reader.ReadShortString());

    public void Write(ref WireWriter writer)
    {
        writer.WriteTable(ClientProperties);
        writer.WriteShortString(Mechanism);
        writer.WriteLongString(Response);
        writer.WriteShortString(Locale);
    }
}

/// <summary>connection.secure: a further challenge of the SASL mechanism (specification 1.4.2.3).</summary>
public readonly record struct ConnectionSecure(byte[] Challenge) : IMethod<ConnectionSecure>
{
    public static MethodId Id => MethodId.ConnectionSecure;

    public static ConnectionSecure Read(ref WireReader reader) => new(reader.ReadLongString().ToArray());

    public void Write(ref WireWriter writer) => writer.WriteLongString(Challenge);
}

/// <summary>connection.secure-ok: the answer to a challenge (specification 1.4.2.4).</summary>
public readonly record struct ConnectionSecureOk(byte[] Response) : IMethod<ConnectionSecureOk>
{
    public static MethodId Id => MethodId.ConnectionSecureOk;

    public static ConnectionSecureOk Read(ref WireReader reader) => new(reader.ReadLongString().ToArray());

    public void Write(ref WireWriter writer) => writer.WriteLongString(Response);
}

/// <summary>connection.tune: the limits the server proposes (specification 1.4.2.5).</summary>
/// <param name="ChannelMax">Highest channel number; 0 = no limit.</param>
/// <param name="FrameMax">Largest frame in bytes, its eight bytes of frame header and end octet included; 0 = no limit.</param>
/// <param name="Heartbeat">Seconds after which a silent peer is given up; 0 = never.</param>
public readonly record struct ConnectionTune(ushort ChannelMax, uint FrameMax, ushort Heartbeat) : IMethod<ConnectionTune>
{
    public static MethodId Id => MethodId.ConnectionTune;

    public static ConnectionTune Read(ref WireReader reader) => new(reader.ReadShort(), reader.ReadLong(), reader.ReadShort());

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(ChannelMax);
        writer.WriteLong(FrameMax);
        writer.WriteShort(Heartbeat);
    }
}

/// <summary>connection.tune-ok: the limits the client accepts, in the units of <see cref="ConnectionTune"/> (specification 1.4.2.6).</summary>
public readonly record struct ConnectionTuneOk(ushort ChannelMax, uint FrameMax, ushort Heartbeat) : IMethod<ConnectionTuneOk>
{
    public static MethodId Id => MethodId.ConnectionTuneOk;

    public static ConnectionTuneOk Read(ref WireReader reader) => new(reader.ReadShort(), reader.ReadLong(), reader.ReadShort());

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(ChannelMax);
        writer.WriteLong(FrameMax);
        writer.WriteShort(Heartbeat);
    }
}

/// <summary>connection.open: the virtual host to work in (specification 1.4.2.7).</summary>
public readonly record struct ConnectionOpen(string VirtualHost) : IMethod<ConnectionOpen>
{
    public static MethodId Id => MethodId.ConnectionOpen;

    public static ConnectionOpen Read(ref WireReader reader)
    {
        var method = new ConnectionOpen(reader.ReadShortString());
        reader.ReadShortString(); // reserved-1, once the client's capabilities
        reader.ReadBit(); // reserved-2, once "insist"
        return method;
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShortString(VirtualHost);
        writer.WriteShortString("");
        writer.WriteBit(false);
    }
}

/// <summary>connection.open-ok: the connection may be used (specification 1.4.2.8).</summary>
public readonly record struct ConnectionOpenOk : IMethod<ConnectionOpenOk>
{
    public static MethodId Id => MethodId.ConnectionOpenOk;

    public static ConnectionOpenOk Read(ref WireReader reader)
    {
        reader.ReadShortString(); // reserved-1, once the known hosts
        return default;
    }

    public void Write(ref WireWriter writer) => writer.WriteShortString("");
}

/// <summary>connection.close: no further frames but close-ok are handled (specification 1.4.2.9).</summary>
/// <param name="Method">The method that failed, 0 if none: class-id and method-id in one number.</param>
public readonly record struct ConnectionClose(ReplyCode ReplyCode, string ReplyText, MethodId Method) : IMethod<ConnectionClose>
{
    public static MethodId Id => MethodId.ConnectionClose;

    public static ConnectionClose Read(ref WireReader reader) => new(
        (ReplyCode)reader.ReadShort(), reader.ReadShortString(), (MethodId)reader.ReadLong());

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort((ushort)ReplyCode);
        writer.WriteShortString(ReplyText);
        writer.WriteLong((uint)Method);
    }
}

/// <summary>connection.close-ok: the socket may be closed (specification 1.4.2.10).</summary>
public readonly record struct ConnectionCloseOk : IMethod<ConnectionCloseOk>
{
    public static MethodId Id => MethodId.ConnectionCloseOk;

    public static ConnectionCloseOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>connection.blocked: publishing is stopped for lack of resources (RabbitMQ's extension).</summary>
public readonly record struct ConnectionBlocked(string Reason) : IMethod<ConnectionBlocked>
{
    public static MethodId Id => MethodId.ConnectionBlocked;

    public static ConnectionBlocked Read(ref WireReader reader) => new(reader.ReadShortString());

    public void Write(ref WireWriter writer) => writer.WriteShortString(Reason);
}

/// <summary>connection.unblocked: publishing goes on (RabbitMQ's extension).</summary>
public readonly record struct ConnectionUnblocked : IMethod<ConnectionUnblocked>
{
    public static MethodId Id => MethodId.ConnectionUnblocked;

    public static ConnectionUnblocked Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>connection.update-secret: a fresh credential for a live connection, an OAuth token say (RabbitMQ's extension).</summary>
public readonly record struct ConnectionUpdateSecret(byte[] NewSecret, string Reason) : IMethod<ConnectionUpdateSecret>
{
    public static MethodId Id => MethodId.ConnectionUpdateSecret;

    public static ConnectionUpdateSecret Read(ref WireReader reader) => new(reader.ReadLongString().ToArray(), reader.ReadShortString());

    public void Write(ref WireWriter writer)
    {
        writer.WriteLongString(NewSecret);
        writer.WriteShortString(Reason);
    }
}

/// <summary>connection.update-secret-ok (RabbitMQ's extension).</summary>
public readonly record struct ConnectionUpdateSecretOk : IMethod<ConnectionUpdateSecretOk>
{
    public static MethodId Id => MethodId.ConnectionUpdateSecretOk;

    public static ConnectionUpdateSecretOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}
