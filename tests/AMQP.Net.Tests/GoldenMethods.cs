using System.Buffers;

namespace AMQP.Net.Tests;

/// <summary>Every method with its exact bytes, written by hand from the specification: class, method, arguments.</summary>
internal static class GoldenMethods
{
    private static readonly FieldTable Table = FieldTable.From(("k", FieldValue.From("v")));
    private static readonly FieldTable NoTable = FieldTable.Empty;

    public static readonly GoldenMethod[] All =
    [
        Golden(new ConnectionStart(0, 9, Table, "PLAIN AMQPLAIN", "en_US"),
            "000A 000A 00 09 00000008 01'k' 'S' 00000001'v' 0000000E'PLAIN AMQPLAIN' 00000005'en_US'"),
        Golden(new ConnectionStartOk(Table, "PLAIN", Bytes.Of("00'guest'00'guest'"), "en_US"),
            "000A 000B 00000008 01'k' 'S' 00000001'v' 05'PLAIN' 0000000C 00'guest'00'guest' 05'en_US'"),
        Golden(new ConnectionSecure([1, 2, 0xFF]), "000A 0014 00000003 0102FF"),
        Golden(new ConnectionSecureOk([]), "000A 0015 00000000"),
        Golden(new ConnectionTune(2047, 131072, 60), "000A 001E 07FF 00020000 003C"),
        Golden(new ConnectionTuneOk(0x0102, 0x03040506, 0x0708), "000A 001F 0102 03040506 0708"),
        Golden(new ConnectionOpen("/"), "000A 0028 01'/' 00 00"),
        Golden(new ConnectionOpenOk(), "000A 0029 00"),
        Golden(new ConnectionClose(ReplyCode.NotAllowed, "NOT_ALLOWED - no", MethodId.ConnectionOpen),
            "000A 0032 0212 10'NOT_ALLOWED - no' 000A 0028"),
        Golden(new ConnectionCloseOk(), "000A 0033"),
        Golden(new ConnectionBlocked("low on memory"), "000A 003C 0D'low on memory'"),
        Golden(new ConnectionUnblocked(), "000A 003D"),
        Golden(new ConnectionUpdateSecret(Bytes.Of("'token'"), "expiry"), "000A 0046 00000005'token' 06'expiry'"),
        Golden(new ConnectionUpdateSecretOk(), "000A 0047"),

        Golden(new ChannelOpen(), "0014 000A 00"),
        Golden(new ChannelOpenOk(), "0014 000B 00000000"),
        Golden(new ChannelFlow(true), "0014 0014 01"),
        Golden(new ChannelFlow(false), "0014 0014 00"),
        Golden(new ChannelFlowOk(true), "0014 0015 01"),
        Golden(new ChannelClose(ReplyCode.NotFound, "NOT_FOUND", MethodId.BasicGet), "0014 0028 0194 09'NOT_FOUND' 003C 0046"),
        Golden(new ChannelCloseOk(), "0014 0029"),

        Golden(new AccessRequest("/data", true, false, false, false, false), "001E 000A 05'/data' 01"),
        Golden(new AccessRequest("/data", false, true, false, false, false), "001E 000A 05'/data' 02"),
        Golden(new AccessRequest("/data", false, false, true, false, false), "001E 000A 05'/data' 04"),
        Golden(new AccessRequest("/data", false, false, false, true, false), "001E 000A 05'/data' 08"),
        Golden(new AccessRequest("/data", false, false, false, false, true), "001E 000A 05'/data' 10"),
        Golden(new AccessRequestOk(1), "001E 000B 0001"),

        Golden(new ExchangeDeclare("x", "topic", true, false, false, false, false, Table),
            "0028 000A 0000 01'x' 05'topic' 01 00000008 01'k' 'S' 00000001'v'"),
        Golden(new ExchangeDeclare("x", "topic", false, true, false, false, false, NoTable), "0028 000A 0000 01'x' 05'topic' 02 00000000"),
        Golden(new ExchangeDeclare("x", "topic", false, false, true, false, false, NoTable), "0028 000A 0000 01'x' 05'topic' 04 00000000"),
        Golden(new ExchangeDeclare("x", "topic", false, false, false, true, false, NoTable), "0028 000A 0000 01'x' 05'topic' 08 00000000"),
        Golden(new ExchangeDeclare("x", "topic", false, false, false, false, true, NoTable), "0028 000A 0000 01'x' 05'topic' 10 00000000"),
        Golden(new ExchangeDeclareOk(), "0028 000B"),
        Golden(new ExchangeDelete("x", true, false), "0028 0014 0000 01'x' 01"),
        Golden(new ExchangeDelete("x", false, true), "0028 0014 0000 01'x' 02"),
        Golden(new ExchangeDeleteOk(), "0028 0015"),
        Golden(new ExchangeBind("to", "from", "key", true, Table),
            "0028 001E 0000 02'to' 04'from' 03'key' 01 00000008 01'k' 'S' 00000001'v'"),
        Golden(new ExchangeBindOk(), "0028 001F"),
        Golden(new ExchangeUnbind("to", "from", "key", false, NoTable), "0028 0028 0000 02'to' 04'from' 03'key' 00 00000000"),
        Golden(new ExchangeUnbindOk(), "0028 0033"),

        Golden(new QueueDeclare("q1", true, false, false, false, false, NoTable), "0032 000A 0000 02'q1' 01 00000000"),
        Golden(new QueueDeclare("q1", false, true, false, false, false, NoTable), "0032 000A 0000 02'q1' 02 00000000"),
        Golden(new QueueDeclare("q1", false, false, true, false, false, NoTable), "0032 000A 0000 02'q1' 04 00000000"),
        Golden(new QueueDeclare("q1", false, false, false, true, false, NoTable), "0032 000A 0000 02'q1' 08 00000000"),
        Golden(new QueueDeclare("", false, false, false, false, true, Table),
            "0032 000A 0000 00 10 00000008 01'k' 'S' 00000001'v'"),
        Golden(new QueueDeclareOk("q1", 1, 0x01020304), "0032 000B 02'q1' 00000001 01020304"),
        Golden(new QueueBind("q1", "x", "a.b", true, Table), "0032 0014 0000 02'q1' 01'x' 03'a.b' 01 00000008 01'k' 'S' 00000001'v'"),
        Golden(new QueueBindOk(), "0032 0015"),
        Golden(new QueuePurge("q1", true), "0032 001E 0000 02'q1' 01"),
        Golden(new QueuePurgeOk(0x01020304), "0032 001F 01020304"),
        Golden(new QueueDelete("q1", true, false, false), "0032 0028 0000 02'q1' 01"),
        Golden(new QueueDelete("q1", false, true, false), "0032 0028 0000 02'q1' 02"),
        Golden(new QueueDelete("q1", false, false, true), "0032 0028 0000 02'q1' 04"),
        Golden(new QueueDeleteOk(7), "0032 0029 00000007"),
        Golden(new QueueUnbind("q1", "x", "a.b", Table), "0032 0032 0000 02'q1' 01'x' 03'a.b' 00000008 01'k' 'S' 00000001'v'"),
        Golden(new QueueUnbindOk(), "0032 0033"),

        Golden(new BasicQos(0x01020304, 0x0506, true), "003C 000A 01020304 0506 01"),
        Golden(new BasicQosOk(), "003C 000B"),
        Golden(new BasicConsume("q1", "tag", true, false, false, false, NoTable), "003C 0014 0000 02'q1' 03'tag' 01 00000000"),
        Golden(new BasicConsume("q1", "tag", false, true, false, false, NoTable), "003C 0014 0000 02'q1' 03'tag' 02 00000000"),
        Golden(new BasicConsume("q1", "tag", false, false, true, false, NoTable), "003C 0014 0000 02'q1' 03'tag' 04 00000000"),
        Golden(new BasicConsume("q1", "", false, false, false, true, Table),
            "003C 0014 0000 02'q1' 00 08 00000008 01'k' 'S' 00000001'v'"),
        Golden(new BasicConsumeOk("tag"), "003C 0015 03'tag'"),
        Golden(new BasicCancel("tag", true), "003C 001E 03'tag' 01"),
        Golden(new BasicCancelOk("tag"), "003C 001F 03'tag'"),
        Golden(new BasicPublish("x", "a.b", true, false), "003C 0028 0000 01'x' 03'a.b' 01"),
        Golden(new BasicPublish("", "größe", false, true), "003C 0028 0000 00 07'größe' 02"),
        Golden(new BasicReturn(ReplyCode.NoRoute, "NO_ROUTE", "x", "a.b"), "003C 0032 0138 08'NO_ROUTE' 01'x' 03'a.b'"),
        Golden(new BasicDeliver("tag", 0x0102030405060708, true, "x", "a.b"), "003C 003C 03'tag' 0102030405060708 01 01'x' 03'a.b'"),
        Golden(new BasicGet("q1", true), "003C 0046 0000 02'q1' 01"),
        Golden(new BasicGetOk(ulong.MaxValue, true, "x", "a.b", 5), "003C 0047 FFFFFFFFFFFFFFFF 01 01'x' 03'a.b' 00000005"),
        Golden(new BasicGetEmpty(), "003C 0048 00"),
        Golden(new BasicAck(258, true), "003C 0050 0000000000000102 01"),
        Golden(new BasicReject(1, true), "003C 005A 0000000000000001 01"),
        Golden(new BasicRecoverAsync(true), "003C 0064 01"),
        Golden(new BasicRecover(true), "003C 006E 01"),
        Golden(new BasicRecoverOk(), "003C 006F"),
        Golden(new BasicNack(1, true, false), "003C 0078 0000000000000001 01"),
        Golden(new BasicNack(1, false, true), "003C 0078 0000000000000001 02"),

        Golden(new ConfirmSelect(true), "0055 000A 01"),
        Golden(new ConfirmSelectOk(), "0055 000B"),

        Golden(new TxSelect(), "005A 000A"),
        Golden(new TxSelectOk(), "005A 000B"),
        Golden(new TxCommit(), "005A 0014"),
        Golden(new TxCommitOk(), "005A 0015"),
        Golden(new TxRollback(), "005A 001E"),
        Golden(new TxRollbackOk(), "005A 001F"),
    ];

    private static GoldenMethod Golden<TMethod>(TMethod method, string payload)
        where TMethod : struct, IMethod<TMethod> => new(
            TMethod.Id,
            method,
            Bytes.Of(payload),
            Bytes.Written(output => FrameWriter.WriteMethod(output, GoldenMethod.Channel, method)),
            (in Frame frame) => MethodReader.Read<TMethod>(frame));
}

internal delegate object ReadMethod(in Frame frame);

/// <param name="Payload">The bytes by hand.</param>
/// <param name="Written">What <see cref="FrameWriter"/> makes of the method, the whole frame.</param>
internal sealed record GoldenMethod(MethodId Id, object Method, byte[] Payload, byte[] Written, ReadMethod Read)
{
    public const ushort Channel = 0x0203;

    public byte[] Frame => Bytes.Frame(FrameType.Method, Channel, Payload);

    /// <summary>True when these are the method's arguments, those that are byte arrays included.</summary>
    public bool IsSameAs(object read) => read.GetType() == Method.GetType() && Method.GetType().GetProperties()
        .Where(property => property.GetIndexParameters().Length == 0 && !property.GetMethod!.IsStatic)
        .All(property => (property.GetValue(Method), property.GetValue(read)) switch
        {
            (byte[] expected, byte[] actual) => expected.AsSpan().SequenceEqual(actual),
            var (expected, actual) => Equals(expected, actual),
        });

    public override string ToString() => $"{Id.Name()} {Convert.ToHexString(Payload[4..])}";
}
