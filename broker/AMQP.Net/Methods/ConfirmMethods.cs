namespace AMQP.Net;

/// <summary>confirm.select: every publish of the channel is confirmed from now on (RabbitMQ's extension).</summary>
public readonly record struct ConfirmSelect(bool NoWait) : IMethod<ConfirmSelect>
{
    public static MethodId Id => MethodId.ConfirmSelect;

    public static ConfirmSelect Read(ref WireReader reader) => new(reader.ReadBit());

    public void Write(ref WireWriter writer) => writer.WriteBit(NoWait);
}

/// <summary>confirm.select-ok (RabbitMQ's extension).</summary>
public readonly record struct ConfirmSelectOk : IMethod<ConfirmSelectOk>
{
    public static MethodId Id => MethodId.ConfirmSelectOk;

    public static ConfirmSelectOk Read(ref WireReader reader) => default;

    public void Write(ref WireWriter writer) { }
}
