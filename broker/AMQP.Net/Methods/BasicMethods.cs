namespace AMQP.Net;

/// <summary>basic.qos (specification 1.8.3.1).</summary>
/// <param name="PrefetchSize">Unacknowledged bytes; 0 = no limit.</param>
/// <param name="PrefetchCount">Unacknowledged messages; 0 = no limit.</param>
/// <param name="Global">RabbitMQ's meaning: for the channel's consumers together, not for each new one.</param>
public readonly record struct BasicQos(uint PrefetchSize, ushort PrefetchCount, bool Global) : IMethod<BasicQos>
{
    public static MethodId Id => MethodId.BasicQos;

    public static BasicQos Read(ref WireReader reader) => new(reader.ReadLong(), reader.ReadShort(), reader.ReadBit());

    public void Write(ref WireWriter writer)
    {
        writer.WriteLong(PrefetchSize);
        writer.WriteShort(PrefetchCount);
        writer.WriteBit(Global);
    }
}

/// <summary>basic.qos-ok (specification 1.8.3.2).</summary>
public readonly record struct BasicQosOk : IMethod<BasicQosOk>
{
    public static MethodId Id => MethodId.BasicQosOk;

    public static BasicQosOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>basic.consume (specification 1.8.3.3).</summary>
public readonly record struct BasicConsume(
    string Queue, string ConsumerTag, bool NoLocal, bool NoAck, bool Exclusive, bool NoWait, FieldTable Arguments) : IMethod<BasicConsume>
{
    public static MethodId Id => MethodId.BasicConsume;

    public static BasicConsume Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadShortString(), reader.ReadBit(), reader.ReadBit(), reader.ReadBit(),
            reader.ReadBit(), reader.ReadTable());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteShortString(ConsumerTag);
        writer.WriteBit(NoLocal);
        writer.WriteBit(NoAck);
        writer.WriteBit(Exclusive);
        writer.WriteBit(NoWait);
        writer.WriteTable(Arguments);
    }
}

/// <summary>basic.consume-ok (specification 1.8.3.4).</summary>
public readonly record struct BasicConsumeOk(string ConsumerTag) : IMethod<BasicConsumeOk>
{
    public static MethodId Id => MethodId.BasicConsumeOk;

    public static BasicConsumeOk Read(ref WireReader reader) => new(reader.ReadShortString());

    public void Write(ref WireWriter writer) => writer.WriteShortString(ConsumerTag);
}

/// <summary>basic.cancel; RabbitMQ's servers send it too, when a consumer's queue is gone (specification 1.8.3.5).</summary>
public readonly record struct BasicCancel(string ConsumerTag, bool NoWait) : IMethod<BasicCancel>
{
    public static MethodId Id => MethodId.BasicCancel;

    public static BasicCancel Read(ref WireReader reader) => new(reader.ReadShortString(), reader.ReadBit());

    public void Write(ref WireWriter writer)
    {
        writer.WriteShortString(ConsumerTag);
        writer.WriteBit(NoWait);
    }
}

/// <summary>basic.cancel-ok (specification 1.8.3.6).</summary>
public readonly record struct BasicCancelOk(string ConsumerTag) : IMethod<BasicCancelOk>
{
    public static MethodId Id => MethodId.BasicCancelOk;

    public static BasicCancelOk Read(ref WireReader reader) => new(reader.ReadShortString());

    public void Write(ref WireWriter writer) => writer.WriteShortString(ConsumerTag);
}

/// <summary>basic.publish; content follows (specification 1.8.3.7).</summary>
public readonly record struct BasicPublish(string Exchange, string RoutingKey, bool Mandatory, bool Immediate) : IMethod<BasicPublish>
{
    public static MethodId Id => MethodId.BasicPublish;

    public static BasicPublish Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadUncheckedShortString(), reader.ReadUncheckedShortString(), reader.ReadBit(), reader.ReadBit());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
        writer.WriteBit(Mandatory);
        writer.WriteBit(Immediate);
    }
}

/// <summary>basic.return: a mandatory message that no queue took; content follows (specification 1.8.3.8).</summary>
public readonly record struct BasicReturn(ReplyCode ReplyCode, string ReplyText, string Exchange, string RoutingKey) : IMethod<BasicReturn>
{
    public static MethodId Id => MethodId.BasicReturn;

    public static BasicReturn Read(ref WireReader reader) => new(
        (ReplyCode)reader.ReadShort(), reader.ReadShortString(), reader.ReadShortString(), reader.ReadUncheckedShortString());

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort((ushort)ReplyCode);
        writer.WriteShortString(ReplyText);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
    }
}

/// <summary>basic.deliver; content follows (specification 1.8.3.9).</summary>
public readonly record struct BasicDeliver(
    string ConsumerTag, ulong DeliveryTag, bool Redelivered, string Exchange, string RoutingKey) : IMethod<BasicDeliver>
{
    public static MethodId Id => MethodId.BasicDeliver;

    public static BasicDeliver Read(ref WireReader reader) => new(
        reader.ReadShortString(), reader.ReadLongLong(), reader.ReadBit(), reader.ReadShortString(), reader.ReadUncheckedShortString());

    public void Write(ref WireWriter writer)
    {
        writer.WriteShortString(ConsumerTag);
        writer.WriteLongLong(DeliveryTag);
        writer.WriteBit(Redelivered);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
    }
}

/// <summary>basic.get (specification 1.8.3.10).</summary>
public readonly record struct BasicGet(string Queue, bool NoAck) : IMethod<BasicGet>
{
    public static MethodId Id => MethodId.BasicGet;

    public static BasicGet Read(ref WireReader reader)
    {
        reader.ReadShort(); // reserved-1, once a ticket
        return new(reader.ReadShortString(), reader.ReadBit());
    }

    public void Write(ref WireWriter writer)
    {
        writer.WriteShort(0);
        writer.WriteShortString(Queue);
        writer.WriteBit(NoAck);
    }
}

/// <summary>basic.get-ok; content follows (specification 1.8.3.11).</summary>
/// <param name="MessageCount">Messages left in the queue.</param>
public readonly record struct BasicGetOk(
    ulong DeliveryTag, bool Redelivered, string Exchange, string RoutingKey, uint MessageCount) : IMethod<BasicGetOk>
{
    public static MethodId Id => MethodId.BasicGetOk;

    public static BasicGetOk Read(ref WireReader reader) => new(
        reader.ReadLongLong(), reader.ReadBit(), reader.ReadShortString(), reader.ReadUncheckedShortString(), reader.ReadLong());

    public void Write(ref WireWriter writer)
    {
        writer.WriteLongLong(DeliveryTag);
        writer.WriteBit(Redelivered);
        writer.WriteShortString(Exchange);
        writer.WriteShortString(RoutingKey);
        writer.WriteLong(MessageCount);
    }
}

/// <summary>basic.get-empty (specification 1.8.3.12).</summary>
public readonly record struct BasicGetEmpty : IMethod<BasicGetEmpty>
{
    public static MethodId Id => MethodId.BasicGetEmpty;

    public static BasicGetEmpty Read(ref WireReader reader)
    {
        reader.ReadShortString(); // reserved-1, once the cluster id
        return default;
    }

    public void Write(ref WireWriter writer) => writer.WriteShortString("");
}

/// <summary>basic.ack; from a server it is a publisher confirm (specification 1.8.3.13).</summary>
/// <param name="Multiple">All tags up to and including this one; with tag 0 all there are.</param>
public readonly record struct BasicAck(ulong DeliveryTag, bool Multiple) : IMethod<BasicAck>
{
    public static MethodId Id => MethodId.BasicAck;

    public static BasicAck Read(ref WireReader reader) => new(reader.ReadLongLong(), reader.ReadBit());

    public void Write(ref WireWriter writer)
    {
        writer.WriteLongLong(DeliveryTag);
        writer.WriteBit(Multiple);
    }
}

/// <summary>basic.reject (specification 1.8.3.14).</summary>
public readonly record struct BasicReject(ulong DeliveryTag, bool Requeue) : IMethod<BasicReject>
{
    public static MethodId Id => MethodId.BasicReject;

    public static BasicReject Read(ref WireReader reader) => new(reader.ReadLongLong(), reader.ReadBit());

    public void Write(ref WireWriter writer)
    {
        writer.WriteLongLong(DeliveryTag);
        writer.WriteBit(Requeue);
    }
}

/// <summary>basic.recover-async: recover without an answer, deprecated (specification 1.8.3.15).</summary>
public readonly record struct BasicRecoverAsync(bool Requeue) : IMethod<BasicRecoverAsync>
{
    public static MethodId Id => MethodId.BasicRecoverAsync;

    public static BasicRecoverAsync Read(ref WireReader reader) => new(reader.ReadBit());

    public void Write(ref WireWriter writer) => writer.WriteBit(Requeue);
}

/// <summary>basic.recover (specification 1.8.3.16).</summary>
public readonly record struct BasicRecover(bool Requeue) : IMethod<BasicRecover>
{
    public static MethodId Id => MethodId.BasicRecover;

    public static BasicRecover Read(ref WireReader reader) => new(reader.ReadBit());

    public void Write(ref WireWriter writer) => writer.WriteBit(Requeue);
}

/// <summary>basic.recover-ok (specification 1.8.3.17).</summary>
public readonly record struct BasicRecoverOk : IMethod<BasicRecoverOk>
{
    public static MethodId Id => MethodId.BasicRecoverOk;

    public static BasicRecoverOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}

/// <summary>basic.nack: a reject that may be multiple; from a server, a publish that failed (RabbitMQ's extension).</summary>
public readonly record struct BasicNack(ulong DeliveryTag, bool Multiple, bool Requeue) : IMethod<BasicNack>
{
    public static MethodId Id => MethodId.BasicNack;

    public static BasicNack Read(ref WireReader reader) => new(reader.ReadLongLong(), reader.ReadBit(), reader.ReadBit());

    public void Write(ref WireWriter writer)
    {
        writer.WriteLongLong(DeliveryTag);
        writer.WriteBit(Multiple);
        writer.WriteBit(Requeue);
    }
}
