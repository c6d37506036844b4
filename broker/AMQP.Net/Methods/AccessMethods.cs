namespace AMQP.Net;

/// <summary>access.request: asks for a ticket to a realm (a class of AMQP 0-8 that RabbitMQ still answers).</summary>
public readonly record struct AccessRequest(
    string Realm, bool Exclusive, bool Passive, bool Active, bool WriteAccess, bool ReadAccess) : IMethod<AccessRequest>
{
    public static MethodId Id => MethodId.AccessRequest;

    public static AccessRequest Read(ref WireReader reader) => new(
        reader.ReadShortString(), reader.ReadBit(), reader.ReadBit(), reader.ReadBit(), reader.ReadBit(), reader.ReadBit());

    public void Write(ref WireWriter writer)
    {
        writer.WriteShortString(Realm);
        writer.WriteBit(Exclusive);
        writer.WriteBit(Passive);
        writer.WriteBit(Active);
        writer.WriteBit(WriteAccess);
        writer.WriteBit(ReadAccess);
    }
}

/// <summary>access.request-ok (AMQP 0-8; RabbitMQ's ticket is always 1).</summary>
public readonly record struct AccessRequestOk(ushort Ticket) : IMethod<AccessRequestOk>
{
    public static MethodId Id => MethodId.AccessRequestOk;

    public static AccessRequestOk Read(ref WireReader reader) => new(reader.ReadShort());

    public void Write(ref WireWriter writer) => writer.WriteShort(Ticket);
}
