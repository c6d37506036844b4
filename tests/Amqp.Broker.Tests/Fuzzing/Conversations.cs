using System.Buffers;
using System.Text;
using AMQP.Net;
using Amqp.Broker.Tests.Nodes;

namespace Amqp.Broker.Tests.Fuzzing;

/// <summary>
/// What well-behaved clients say from their first byte to their last, frame by frame: the corpus that the fuzzer mutates. None waits for
/// an answer, so each can be sent in one piece.
/// </summary>
internal static class Conversations
{
    /// <summary>Frames of every conversation before which no channel exists: header, start-ok, tune-ok, open, channel.open.</summary>
    public const int HandshakeFrames = 5;

    private static readonly FieldTable Headers = FieldTable.From(
        ("text", FieldValue.From("value")),
        ("number", FieldValue.From(42)),
        ("nested", FieldValue.From(FieldTable.From(("array", FieldValue.From([FieldValue.From(true), FieldValue.From("x")]))))),
        ("x-match", FieldValue.From("any")));

    public static readonly byte[][][] All =
    [
        Publisher(),
        Consumer(),
        Transactions(),
        Topology(),
        Requester(),
        Mistakes(),
        LargeContents(),
        OtherLogin(),
    ];

    public static FieldTable Arguments(params (string Name, FieldValue Value)[] fields) => FieldTable.From(fields);

    private static byte[][] Publisher()
    {
        var said = new Script().Handshake();
        said.Say(1, new ExchangeDeclare("e", "topic", false, false, false, false, false, FieldTable.Empty));
        said.Say(1, TestClient.Declaration("q"));
        said.Say(1, new QueueBind("q", "e", "a.*.#", false, FieldTable.Empty));
        said.Say(1, new ConfirmSelect(NoWait: false));
        for (var message = 0; message < 5; message++) said.Publish(1, "e", $"a.b.{message}", "a body", Properties(message));
        said.Publish(1, "amq.direct", "nobody", "returned", new MutableProperties(), mandatory: true);
        said.Publish(1, "", "q", "", new MutableProperties { DeliveryMode = 2, Expiration = "60000" });
        return said.Close();
    }

    private static byte[][] Consumer()
    {
        var said = new Script().Handshake();
        said.Say(1, TestClient.Declaration("q", durable: true));
        said.Say(1, new BasicQos(0, 3, Global: false));
        said.Say(1, new BasicQos(0, 10, Global: true));
        for (var message = 0; message < 8; message++) said.Publish(1, "", "q", "to be consumed", Properties(message));
        said.Say(1, TestClient.Consumption("q", "tag"));
        said.Say(1, new BasicGet("q", NoAck: false));
        said.Say(1, new BasicGet("q", NoAck: true));
        said.Say(1, new BasicAck(1, Multiple: false));
        said.Say(1, new BasicNack(0, Multiple: true, Requeue: true));
        said.Say(1, new BasicRecover(Requeue: true));
        said.Heartbeat();
        said.Say(1, new BasicCancel("tag", NoWait: false));
        said.Say(1, new QueuePurge("q", NoWait: false));
        return said.Close();
    }

    private static byte[][] Transactions()
    {
        var said = new Script().Handshake();
        said.Say(1, TestClient.Declaration("q", durable: true));
        said.Say(1, default(TxSelect));
        said.Publish(1, "", "q", "first", Properties(0));
        said.Publish(1, "", "q", "second", Properties(1));
        said.Say(1, default(TxCommit));
        said.Say(1, new BasicGet("q", NoAck: false));
        said.Say(1, new BasicAck(1, Multiple: false));
        said.Say(1, default(TxRollback));
        said.Publish(1, "", "nowhere", "returned", Properties(2), mandatory: true);
        said.Say(1, default(TxCommit));
        return said.Close();
    }

    private static byte[][] Topology()
    {
        var said = new Script().Handshake();
        foreach (var type in (string[])["direct", "fanout", "topic", "headers"])
            said.Say(1, new ExchangeDeclare($"e-{type}", type, false, false, AutoDelete: true, false, NoWait: true, Arguments(("alternate-exchange", FieldValue.From("amq.fanout")))));
        said.Say(1, new ExchangeDeclare("amq.topic", "topic", Passive: true, true, false, false, false, FieldTable.Empty));
        said.Say(1, TestClient.Declaration("mine", exclusive: true, arguments: Arguments(("x-expires", FieldValue.From(60_000)), ("x-message-ttl", FieldValue.From(1_000)))));
        said.Say(1, TestClient.Declaration(""));
        said.Say(1, new QueueBind("", "e-headers", "", false, Headers));
        said.Say(1, new ExchangeBind("e-topic", "e-direct", "key", false, FieldTable.Empty));
        said.Say(1, new ExchangeBind("e-direct", "e-topic", "#", false, FieldTable.Empty));
        said.Publish(1, "e-headers", "", "by its headers", Properties(0));
        said.Publish(1, "e-direct", "key", "round in circles", Properties(1));
        said.Say(1, new ExchangeUnbind("e-topic", "e-direct", "key", false, FieldTable.Empty));
        said.Say(1, new QueueUnbind("", "e-headers", "", Headers));
        said.Say(1, new QueueDelete("mine", IfUnused: true, IfEmpty: true, NoWait: false));
        said.Say(1, new ExchangeDelete("e-direct", IfUnused: false, NoWait: false));
        return said.Close();
    }

    private static byte[][] Requester()
    {
        var said = new Script().Handshake();
        said.Say(1, TestClient.Consumption("amq.rabbitmq.reply-to", "replies", noAck: true));
        said.Say(1, TestClient.Declaration("q"));
        said.Publish(1, "", "q", "a request", new MutableProperties { ReplyTo = "amq.rabbitmq.reply-to", CorrelationId = "1", UserId = "guest" });
        said.Publish(1, "", "amq.rabbitmq.reply-to.g1h2.x", "a reply", new MutableProperties { CorrelationId = "1" });
        said.Say(1, new BasicCancel("replies", NoWait: true));
        return said.Close();
    }

    /// <summary>Each closes its channel, and the next goes on with another.</summary>
    private static byte[][] Mistakes()
    {
        var said = new Script().Handshake();
        said.Publish(1, "no such exchange", "", "lost", new MutableProperties());
        said.Say(1, default(ChannelCloseOk));
        said.Say(2, default(ChannelOpen));
        said.Say(2, new BasicAck(77, Multiple: false));
        said.Say(2, default(ChannelCloseOk));
        said.Say(3, default(ChannelOpen));
        said.Say(3, TestClient.Declaration("q", durable: true, arguments: Arguments(("x-message-ttl", FieldValue.From("never")))));
        said.Say(3, default(ChannelCloseOk));
        said.Say(4, default(ChannelOpen));
        said.Say(4, new ChannelFlow(Active: true));
        said.Say(4, new ChannelFlow(Active: false));
        said.Say(4, new ChannelClose(ReplyCode.Success, "", default));
        return said.Close();
    }

    private static byte[][] LargeContents()
    {
        var said = new Script().Handshake();
        said.Say(1, TestClient.Declaration("q"));
        said.Publish(1, "", "q", new string('x', 20_000), Properties(0), frameMax: 4_096);
        said.Say(2, default(ChannelOpen));
        said.Publish(2, "amq.fanout", "", new string('y', 5_000), Properties(1), frameMax: 4_096);
        said.Say(1, TestClient.Consumption("q", "", noAck: true));
        return said.Close();
    }

    private static byte[][] OtherLogin()
    {
        var response = new ArrayBufferWriter<byte>();
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)[("LOGIN", "guest"), ("PASSWORD", "guest")])
        {
            byte[] field = [(byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)'S', 0, 0, 0, (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];
            response.Write(field);
        }
        var said = new Script();
        said.Say(0, new ConnectionStartOk(FieldTable.Empty, "AMQPLAIN", response.WrittenSpan.ToArray(), "en_US"));
        said.Say(0, new ConnectionTuneOk(10, 4_096, 1));
        said.Say(0, new ConnectionOpen("/"));
        said.Say(1, default(ChannelOpen));
        said.Say(0, new ConnectionUpdateSecret([1, 2, 3], "expired"));
        said.Heartbeat();
        said.Say(1, TestClient.Declaration("q", passive: true));
        return said.Close();
    }

    private static MutableProperties Properties(int number) => new()
    {
        ContentType = "text/plain",
        Headers = number % 2 == 0 ? Headers : Arguments(("CC", FieldValue.From([FieldValue.From("q")])), ("BCC", FieldValue.From([FieldValue.From("q")]))),
        DeliveryMode = (byte)(1 + (number % 2)),
        Priority = 3,
        CorrelationId = "c",
        MessageId = $"{number}",
        Timestamp = 1_700_000_000,
        AppId = "corpus",
    };

    /// <summary>Collects frames.</summary>
    private sealed class Script
    {
        private readonly List<byte[]> _frames = [ProtocolHeader.Bytes.ToArray()];

        public Script Handshake()
        {
            var capabilities = Arguments(("consumer_cancel_notify", FieldValue.From(true)), ("connection.blocked", FieldValue.From(true)));
            Say(0, new ConnectionStartOk(Arguments(("capabilities", FieldValue.From(capabilities))), "PLAIN", "\0guest\0guest"u8.ToArray(), "en_US"));
            Say(0, new ConnectionTuneOk(2_047, 131_072, 0));
            Say(0, new ConnectionOpen("/"));
            Say(1, default(ChannelOpen));
            return this;
        }

        public void Say<T>(ushort channel, T method)
            where T : struct, IMethod<T> => Add(output => FrameWriter.WriteMethod(output, channel, method));

        public void Publish(ushort channel, string exchange, string key, string body, MutableProperties properties, bool mandatory = false, int frameMax = 131_072)
        {
            Say(channel, new BasicPublish(exchange, key, mandatory, Immediate: false));
            var content = new ArrayBufferWriter<byte>();
            FrameWriter.WriteContent(content, channel, properties.Encode(), Encoding.UTF8.GetBytes(body), frameMax);
            for (var rest = content.WrittenSpan; rest.Length > 0;)
            {
                var length = Mutator.FrameLength(rest);
                _frames.Add(rest[..length].ToArray());
                rest = rest[length..];
            }
        }

        public void Heartbeat() => Add(FrameWriter.WriteHeartbeat);

        public byte[][] Close()
        {
            Say(1, new ChannelClose(ReplyCode.Success, "", default));
            Say(0, new ConnectionClose(ReplyCode.Success, "Goodbye", default));
            return [.. _frames];
        }

        private void Add(Action<IBufferWriter<byte>> write)
        {
            var frame = new ArrayBufferWriter<byte>();
            write(frame);
            _frames.Add(frame.WrittenSpan.ToArray());
        }
    }
}
