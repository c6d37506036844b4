namespace AMQP.Net;

/// <summary>queue.declare (specification 1.7.2.1).</summary>
public readonly record struct QueueDeclare(
    string Queue, bool Passive, bool Durable, bool Exclusive, bool AutoDelete, bool NoWait, FieldTable Arguments) : IMethod<QueueDeclare>
{
    public static MethodId Id => MethodId.QueueDeclare;

    public static QueueDeclare Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadBit(), reader.ReadBit(), reader.ReadBit(), reader.ReadBit(),
            reader.ReadBit(), reader.ReadTable());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteBit(Passive);
        writer.WriteBit(Durable);
        writer.WriteBit(Exclusive);
        writer.WriteBit(AutoDelete);
        writer.WriteBit(NoWait);
        writer.WriteTable(Arguments);
    }
}

/// <summary>queue.declare-ok (specification 1.7.2.2).</summary>
/// <param name="MessageCount">Messages ready, not those waiting for an acknowledgement.</param>
public readonly record struct QueueDeclareOk(string Queue, uint MessageCount, uint ConsumerCount) : IMethod<QueueDeclareOk>
{
    public static MethodId Id => MethodId.QueueDeclareOk;

    public static QueueDeclareOk Read(ref WireReader reader) => new(reader.ReadShortString(), reader.ReadLong(), reader.ReadLong());

    public void Write(ref WireWriter writer)
    {
        writer.WriteShortString(Queue);
        writer.WriteLong(MessageCount);
        writer.WriteLong(ConsumerCount);
    }
}

/// <summary>queue.bind (specification 1.7.2.3).</summary>
public readonly record struct QueueBind(
    string Queue, string Exchange, string RoutingKey, bool NoWait, FieldTable Arguments) : IMethod<QueueBind>
{
    public static MethodId Id => MethodId.QueueBind;

    public static QueueBind Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadShortString(), reader.ReadShortString(), reader.ReadBit(), reader.ReadTable());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
        writer.WriteBit(NoWait);
        writer.WriteTable(Arguments);
    }
}

/// <summary>queue.bind-ok (specification 1.7.2.4).</summary>
public readonly record struct QueueBindOk : IMethod<QueueBindOk>
{
    public static MethodId Id => MethodId.QueueBindOk;

    public static QueueBindOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>queue.unbind; alone among its kind it has no no-wait (specification 1.7.2.5).</summary>
public readonly record struct QueueUnbind(string Queue, string Exchange, string RoutingKey, FieldTable Arguments) : IMethod<QueueUnbind>
{
    public static MethodId Id => MethodId.QueueUnbind;

    public static QueueUnbind Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadShortString(), reader.ReadShortString(), reader.ReadTable());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
        writer.WriteTable(Arguments);
    }
}

/// <summary>queue.unbind-ok (specification 1.7.2.6).</summary>
public readonly record struct QueueUnbindOk : IMethod<QueueUnbindOk>
{
    public static MethodId Id => MethodId.QueueUnbindOk;

    public static QueueUnbindOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>queue.purge (specification 1.7.2.7).</summary>
public readonly record struct QueuePurge(string Queue, bool NoWait) : IMethod<QueuePurge>
{
    public static MethodId Id => MethodId.QueuePurge;

    public static QueuePurge Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadBit());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteBit(NoWait);
    }
}

/// <summary>queue.purge-ok (specification 1.7.2.8).</summary>
public readonly record struct QueuePurgeOk(uint MessageCount) : IMethod<QueuePurgeOk>
{
    public static MethodId Id => MethodId.QueuePurgeOk;

    public static QueuePurgeOk Read(ref WireReader reader) => new(reader.ReadLong());

    public void Write(ref WireWriter writer) => writer.WriteLong(MessageCount);
}

/// <summary>queue.delete (specification 1.7.2.9).</summary>
public readonly record struct QueueDelete(string Queue, bool IfUnused, bool IfEmpty, bool NoWait) : IMethod<QueueDelete>
{
    public static MethodId Id => MethodId.QueueDelete;

    public static QueueDelete Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadBit(), reader.ReadBit(), reader.ReadBit());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteBit(IfUnused);
        writer.WriteBit(IfEmpty);
        writer.WriteBit(NoWait);
    }
}

/// <summary>queue.delete-ok (specification 1.7.2.10).</summary>
public readonly record struct QueueDeleteOk(uint MessageCount) : IMethod<QueueDeleteOk>
{
    public static MethodId Id => MethodId.QueueDeleteOk;

    public static QueueDeleteOk Read(ref WireReader reader) => new(reader.ReadLong());

    public void Write(ref WireWriter writer) => writer.WriteLong(MessageCount);
}
