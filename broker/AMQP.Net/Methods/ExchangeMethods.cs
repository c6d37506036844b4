namespace AMQP.Net;

/// <summary>exchange.declare (specification 1.6.2.1; auto-delete and internal are RabbitMQ's use of reserved bits).</summary>
public readonly record struct ExchangeDeclare(
    string Exchange, string Type, bool Passive, bool Durable, bool AutoDelete, bool Internal, bool NoWait, FieldTable Arguments)
    : IMethod<ExchangeDeclare>
{
    public static MethodId Id => MethodId.ExchangeDeclare;

    public static ExchangeDeclare Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadShortString(), reader.ReadBit(), reader.ReadBit(), reader.ReadBit(),
            reader.ReadBit(), reader.ReadBit(), reader.ReadTable());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(Type);
        writer.WriteBit(Passive);
        writer.WriteBit(Durable);
        writer.WriteBit(AutoDelete);
        writer.WriteBit(Internal);
        writer.WriteBit(NoWait);
        writer.WriteTable(Arguments);
    }
}

/// <summary>exchange.declare-ok (specification 1.6.2.2).</summary>
public readonly record struct ExchangeDeclareOk : IMethod<ExchangeDeclareOk>
{
    public static MethodId Id => MethodId.ExchangeDeclareOk;

    public static ExchangeDeclareOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>exchange.delete (specification 1.6.2.3).</summary>
public readonly record struct ExchangeDelete(string Exchange, bool IfUnused, bool NoWait) : IMethod<ExchangeDelete>
{
    public static MethodId Id => MethodId.ExchangeDelete;

    public static ExchangeDelete Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadBit(), reader.ReadBit());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Exchange);
        writer.WriteBit(IfUnused);
        writer.WriteBit(NoWait);
    }
}

/// <summary>exchange.delete-ok (specification 1.6.2.4).</summary>
public readonly record struct ExchangeDeleteOk : IMethod<ExchangeDeleteOk>
{
    public static MethodId Id => MethodId.ExchangeDeleteOk;

    public static ExchangeDeleteOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>exchange.bind: messages flow from source to destination (RabbitMQ's extension).</summary>
public readonly record struct ExchangeBind(
    string Destination, string Source, string RoutingKey, bool NoWait, FieldTable Arguments) : IMethod<ExchangeBind>
{
    public static MethodId Id => MethodId.ExchangeBind;

    public static ExchangeBind Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadShortString(), reader.ReadShortString(), reader.ReadBit(), reader.ReadTable());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Destination);
        writer.WriteShortString(Source);
        writer.WriteShortString(RoutingKey);
        writer.WriteBit(NoWait);
        writer.WriteTable(Arguments);
    }
}

/// <summary>exchange.bind-ok (RabbitMQ's extension).</summary>
public readonly record struct ExchangeBindOk : IMethod<ExchangeBindOk>
{
    public static MethodId Id => MethodId.ExchangeBindOk;

    public static ExchangeBindOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>exchange.unbind (RabbitMQ's extension).</summary>
public readonly record struct ExchangeUnbind(
    string Destination, string Source, string RoutingKey, bool NoWait, FieldTable Arguments) : IMethod<ExchangeUnbind>
{
    public static MethodId Id => MethodId.ExchangeUnbind;

    public static ExchangeUnbind Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadShortString(), reader.ReadShortString(), reader.ReadBit(), reader.ReadTable());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Destination);
        writer.WriteShortString(Source);
        writer.WriteShortString(RoutingKey);
        writer.WriteBit(NoWait);
        writer.WriteTable(Arguments);
    }
}

/// <summary>exchange.unbind-ok (RabbitMQ's extension; its number is 51, not 41).</summary>
public readonly record struct ExchangeUnbindOk : IMethod<ExchangeUnbindOk>
{
    public static MethodId Id => MethodId.ExchangeUnbindOk;

    public static ExchangeUnbindOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}
