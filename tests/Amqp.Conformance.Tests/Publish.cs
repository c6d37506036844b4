using System.Collections.Concurrent;
using System.Text;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using AMQP.Net;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using BasicProperties = RabbitMQ.Client.BasicProperties;
using QueueDeclareOk = AMQP.Net.QueueDeclareOk;

namespace Amqp.Conformance.Tests;

/// <summary>basic.publish and basic.return: what a message carries, and what becomes of one that nothing wants.</summary>
[Same]
public sealed class PublishTests : ConformanceFixture
{
    private const int FrameMax = 131072;

    [Test]
    public async Task A_message_keeps_all_its_properties()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var sent = new BasicProperties
        {
            ContentType = "application/json",
            ContentEncoding = "gzip",
            Headers = Table(("a", "b")),
            DeliveryMode = DeliveryModes.Persistent,
            Priority = 7,
            CorrelationId = "correlation",
            ReplyTo = "reply-to",
            Expiration = "1000000",
            MessageId = "message id",
            Timestamp = new AmqpTimestamp(1_234_567_890),
            Type = "type",
            UserId = "guest",
            AppId = "application",
            ClusterId = "cluster",
        };
        await channel.BasicPublishAsync("", queue, mandatory: false, sent, Bytes("body"));
        var got = (await Get(channel, queue)).BasicProperties;
        Assert.Multiple(() =>
        {
            Assert.That(got.ContentType, Is.EqualTo(sent.ContentType));
            Assert.That(got.ContentEncoding, Is.EqualTo(sent.ContentEncoding));
            Assert.That(got.Headers?.Keys, Is.EqualTo(["a"]));
            Assert.That(got.DeliveryMode, Is.EqualTo(sent.DeliveryMode));
            Assert.That(got.Priority, Is.EqualTo(sent.Priority));
            Assert.That(got.CorrelationId, Is.EqualTo(sent.CorrelationId));
            Assert.That(got.ReplyTo, Is.EqualTo(sent.ReplyTo));
            Assert.That(got.Expiration, Is.EqualTo(sent.Expiration));
            Assert.That(got.MessageId, Is.EqualTo(sent.MessageId));
            Assert.That(got.Timestamp, Is.EqualTo(sent.Timestamp));
            Assert.That(got.Type, Is.EqualTo(sent.Type));
            Assert.That(got.UserId, Is.EqualTo(sent.UserId));
            Assert.That(got.AppId, Is.EqualTo(sent.AppId));
            Assert.That(got.ClusterId, Is.EqualTo(sent.ClusterId));
        });
    }

    [Test]
    public async Task A_message_without_properties_gets_none()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties(), Bytes("body"));
        var got = (await Get(channel, queue)).BasicProperties;
        Assert.That(
            (got.IsContentTypePresent(), got.IsHeadersPresent(), got.IsDeliveryModePresent(), got.IsPriorityPresent(), got.IsTimestampPresent()),
            Is.EqualTo((false, false, false, false, false)));
    }

    private static readonly TestCaseData[] PropertyBytes =
    [
        new TestCaseData(new MutableProperties()).SetName("Properties_come_back_to_the_octet(none)"),
        new TestCaseData(new MutableProperties { DeliveryMode = 2 }).SetName("Properties_come_back_to_the_octet(persistent)"),
        new TestCaseData(new MutableProperties { Headers = FieldTable.Empty }).SetName("Properties_come_back_to_the_octet(empty headers)"),
        new TestCaseData(new MutableProperties
        {
            ContentType = "t", ContentEncoding = "e", Headers = FieldTable.From(("h", FieldValue.From(1))), DeliveryMode = 1, Priority = 255,
            CorrelationId = "c", ReplyTo = "r", Expiration = "100000", MessageId = "m", Timestamp = ulong.MaxValue, Type = "", UserId = "guest",
            AppId = "a", ClusterId = "l",
        }).SetName("Properties_come_back_to_the_octet(all)"),
        new TestCaseData(new MutableProperties
        {
            Headers = FieldTable.From(
                ("t", FieldValue.From(true)), ("f", FieldValue.From(false)), ("b", FieldValue.From((sbyte)-1)), ("B", FieldValue.From((byte)255)),
                ("s", FieldValue.From((short)-2)), ("u", FieldValue.From(ushort.MaxValue)), ("I", FieldValue.From(int.MinValue)),
                ("i", FieldValue.From(uint.MaxValue)), ("l", FieldValue.From(long.MinValue)), ("float", FieldValue.From(1.5f)),
                ("d", FieldValue.From(Math.PI)), ("D", FieldValue.Decimal(2, 12345)), ("T", FieldValue.Timestamp(1_700_000_000)),
                ("S", FieldValue.From("ünïcödé")), ("not text", FieldValue.LongString([0xff, 0, 0xfe])), ("x", FieldValue.Binary([0, 1, 255])),
                ("V", FieldValue.Void), ("empty", FieldValue.From("")),
                ("A", FieldValue.From([FieldValue.From(1), FieldValue.From("two"), FieldValue.From([FieldValue.Void])])),
                ("F", FieldValue.From(FieldTable.From(("inner", FieldValue.From(FieldTable.From(("deep", FieldValue.From(1L))))))))),
        }).SetName("Properties_come_back_to_the_octet(headers of every type)"),
        new TestCaseData(new MutableProperties
        {
            Headers = FieldTable.From(Enumerable.Range(0, 500).Select(n => KeyValuePair.Create($"header{n}", FieldValue.From(new string('v', 100))))),
        }).SetName("Properties_come_back_to_the_octet(60 KB of headers)"),
    ];

    [TestCaseSource(nameof(PropertyBytes))]
    public async Task Properties_come_back_to_the_octet(MutableProperties properties)
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await DeclareAndConsume(raw);
        var sent = properties.Encode();
        await raw.SendContent(1, new BasicPublish("", queue, false, false), sent, [1, 2, 3]);
        var (_, content) = await raw.ExpectDelivery(1);
        Assert.That(content.Properties, Is.EqualTo(sent));
        Assert.That(content.Body, Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(FrameMax - 9)]
    [TestCase(FrameMax - 8)]
    [TestCase(FrameMax - 7)]
    [TestCase(3 * (FrameMax - 8))]
    [TestCase(3 * (FrameMax - 8) + 1)]
    [TestCase(5_000_000)]
    public async Task A_body_of_any_size_comes_back(int size)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var body = new byte[size];
        for (var i = 0; i < size; i++) body[i] = (byte)(i * 31 / 7);
        var subscriber = await Subscriber.Start(channel, queue, autoAck: true);
        await channel.BasicPublishAsync("", queue, body);
        await channel.BasicPublishAsync("", queue, Bytes("next"));
        Assert.That((await subscriber.Next()).Body, Is.EqualTo(body));
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("next"));
    }

    [Test]
    public async Task A_body_may_come_in_frames_of_any_size()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await DeclareAndConsume(raw);
        await raw.Send(1, new BasicPublish("", queue, false, false));
        await raw.SendContentHeader(1, 10);
        await raw.SendFrame(3, 1, [0]);
        await raw.SendFrame(3, 1, []);
        await raw.SendFrame(3, 1, [1, 2, 3, 4]);
        await raw.SendFrame(3, 1, [5, 6, 7, 8, 9]);
        Assert.That((await raw.ExpectDelivery(1)).Content.Body, Is.EqualTo(new byte[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }));
    }

    [Test]
    public async Task Contents_of_two_channels_may_be_woven_into_each_other()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await DeclareAndConsume(raw);
        await raw.OpenChannel(2);
        await raw.Send(1, new BasicPublish("", queue, false, false));
        await raw.Send(2, new BasicPublish("", queue, false, false));
        await raw.SendContentHeader(2, 2);
        await raw.SendContentHeader(1, 2);
        await raw.SendFrame(3, 1, [11]);
        await raw.SendFrame(3, 2, [21]);
        await raw.SendFrame(3, 2, [22]);
        await raw.SendFrame((byte)FrameType.Heartbeat, 0, []);
        await raw.SendFrame(3, 1, [12]);
        byte[][] bodies = [(await raw.ExpectDelivery(1)).Content.Body, (await raw.ExpectDelivery(1)).Content.Body];
        Assert.That(bodies, Is.EquivalentTo((byte[][])[[11, 12], [21, 22]]));
    }

    [Test]
    public async Task Exchange_and_routing_key_come_with_the_message()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "topic");
        var queue = await DeclareBoundQueue(channel, exchange, "#");
        await channel.BasicPublishAsync(exchange, "some.key", Bytes("m"));
        var message = await Get(channel, queue);
        Assert.That((message.Exchange, message.RoutingKey), Is.EqualTo((exchange, "some.key")));
    }

    [Test]
    public async Task Messages_of_one_channel_keep_their_order()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(5000));
        Assert.That(await Drain(channel, queue), Is.EqualTo(Numbers(5000)));
    }

    [Test]
    public async Task A_mandatory_message_without_a_route_comes_back_whole()
    {
        var channel = await OpenChannel();
        var returned = new BlockingCollection<BasicReturnEventArgs>();
        channel.BasicReturnAsync += (_, message) =>
        {
            returned.Add(message);
            return Task.CompletedTask;
        };
        var exchange = await DeclareExchange(channel, "direct");
        var body = Bytes(new string('b', 300_000));
        var properties = new BasicProperties { MessageId = "id", Headers = Table(("h", 1)) };
        await channel.BasicPublishAsync(exchange, "nowhere", mandatory: true, properties, body);
        Assert.That(returned.TryTake(out var message, Patience.Answer), Is.True);
        Assert.That((message!.ReplyCode, message.ReplyText, message.Exchange, message.RoutingKey, message.BasicProperties.MessageId),
            Is.EqualTo(((ushort)312, "NO_ROUTE", exchange, "nowhere", "id")));
        Assert.That(message.Body.ToArray(), Is.EqualTo(body));
    }

    [Test]
    public async Task A_return_comes_before_the_answer_to_what_follows_it()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Publish(1, "", Name("missing"), "back", mandatory: true);
        await raw.Send(1, new BasicQos(0, 1, false));
        Assert.That((await raw.Expect<BasicReturn>(1)).ReplyCode, Is.EqualTo(ReplyCode.NoRoute));
        Assert.That((await raw.ExpectContent(1)).Text, Is.EqualTo("back"));
        await raw.Expect<BasicQosOk>(1);
    }

    [Test]
    public async Task A_mandatory_message_with_a_route_does_not_come_back()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await DeclareAndConsume(raw);
        await raw.Publish(1, "", queue, "m", mandatory: true);
        Assert.That((await raw.ExpectDelivery(1)).Content.Text, Is.EqualTo("m"));
        await raw.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 1, false));
    }

    [Test]
    public async Task A_mandatory_message_that_the_alternate_exchange_routes_does_not_come_back()
    {
        var channel = await OpenChannel();
        var alternate = await DeclareExchange(channel, "fanout");
        var exchange = await DeclareExchange(channel, "direct", arguments: Table(("alternate-exchange", alternate)));
        await using var raw = await RawConnection.Open(Broker);
        var queue = await DeclareAndConsume(raw);
        await raw.Call<QueueBind, QueueBindOk>(1, new QueueBind(queue, alternate, "", false, FieldTable.Empty));
        await raw.Publish(1, exchange, "nowhere", "m", mandatory: true);
        Assert.That((await raw.ExpectDelivery(1)).Content.Text, Is.EqualTo("m"));

        await raw.Call<QueueUnbind, QueueUnbindOk>(1, new QueueUnbind(queue, alternate, "", FieldTable.Empty));
        await raw.Publish(1, exchange, "nowhere", "m", mandatory: true);
        await raw.Expect<BasicReturn>(1); // the alternate has no route either
        await raw.ExpectContent(1);
    }

    [Test]
    public async Task A_message_that_nobody_wants_is_dropped_in_silence()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Publish(1, "", Name("missing"), "m");
        await raw.Publish(1, "amq.direct", Name("missing"), "m");
        await raw.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 1, false));
    }

    [Test]
    public async Task Ones_own_user_id_is_accepted()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { UserId = "guest" }, Bytes("m"));
        Assert.That((await Get(channel, queue)).BasicProperties.UserId, Is.EqualTo("guest"));
    }

    [Test]
    public async Task CC_and_BCC_are_further_routing_keys()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "direct");
        var queues = new Dictionary<string, string>();
        foreach (var key in (string[])["to", "cc1", "cc2", "bcc", "other"]) queues.Add(key, await DeclareBoundQueue(channel, exchange, key));
        var properties = new BasicProperties
        {
            Headers = Table(("CC", new List<object> { "cc1", "cc2" }), ("BCC", new List<object> { "bcc" }), ("h", "kept")),
        };
        await channel.BasicPublishAsync(exchange, "to", mandatory: false, properties, Bytes("m"));
        foreach (var key in (string[])["to", "cc1", "cc2", "bcc"])
        {
            var message = await Get(channel, queues[key]);
            Assert.That(message.RoutingKey, Is.EqualTo("to"));
            Assert.That(message.BasicProperties.Headers?.Keys, Is.EquivalentTo(["CC", "h"]), "BCC is taken out, CC is not");
        }
        Assert.That(await Drain(channel, queues["other"]), Is.Empty);
    }

    [Test]
    public async Task A_queue_addressed_twice_gets_one_copy()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var properties = new BasicProperties { Headers = Table(("CC", new List<object> { queue }), ("BCC", new List<object> { queue })) };
        await channel.BasicPublishAsync("", queue, mandatory: false, properties, Bytes("once"));
        Assert.That(await Drain(channel, queue), Is.EqualTo(["once"]));
    }

    [Test]
    public async Task BCC_is_taken_out_and_the_other_headers_keep_their_octets()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await DeclareAndConsume(raw);
        var kept = new[] { ("x", FieldValue.Binary([255])), ("b", FieldValue.From((sbyte)-1)) };
        var bcc = ("BCC", FieldValue.From([FieldValue.From("nobody")]));
        var sent = new MutableProperties { Headers = FieldTable.From(kept[0], bcc, kept[1]), MessageId = "id" };
        await raw.SendContent(1, new BasicPublish("", queue, false, false), sent.Encode(), [1]);
        var (_, content) = await raw.ExpectDelivery(1);
        Assert.That(content.BasicProperties.Headers, Is.EqualTo(FieldTable.From(kept)));
        Assert.That(content.BasicProperties.MessageId, Is.EqualTo("id"));
    }

    [Test]
    public async Task CC_alone_makes_a_route_for_a_mandatory_message()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await DeclareAndConsume(raw);
        var properties = new MutableProperties { Headers = FieldTable.From(("CC", FieldValue.From([FieldValue.From(queue)]))) };
        await raw.SendContent(1, new BasicPublish("", Name("missing"), Mandatory: true, false), properties.Encode(), [1]);
        Assert.That((await raw.ExpectDelivery(1)).Content.Body, Is.EqualTo(new byte[] { 1 }));
    }

    [Test]
    public async Task Publishing_to_an_exchange_that_was_deleted_meanwhile_closes_the_channel()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        await channel.BasicPublishAsync(exchange, "", Bytes("m"));
        await (await OpenChannel()).ExchangeDeleteAsync(exchange);
        await channel.BasicPublishAsync(exchange, "", Bytes("m"));
        await ExpectClose(channel, 404, $"NOT_FOUND - no exchange '{exchange}' in vhost '/'");
    }

    [Test]
    public async Task A_queue_declared_after_the_first_message_gets_the_second()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "topic");
        await channel.BasicPublishAsync(exchange, "a.b", Bytes("first"));
        var queue = await DeclareBoundQueue(channel, exchange, "a.*");
        await channel.BasicPublishAsync(exchange, "a.b", Bytes("second"));
        Assert.That(await Drain(channel, queue), Is.EqualTo(["second"]));
    }

    [Test]
    public async Task A_body_beyond_128_MiB_closes_the_channel_with_406()
    {
        const int max = 134_217_728;
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Send(1, new BasicPublish("", Name("missing"), false, false));
        await raw.SendContentHeader(1, max + 1);
        // RabbitMQ judges the message when all of it has come, so all of it is sent, whether the answer comes before or after.
        var piece = new byte[FrameMax - 8];
        for (var left = max + 1; left > 0; left -= piece.Length) await raw.SendFrame(3, 1, left < piece.Length ? new byte[left] : piece);
        var close = await raw.Expect<ChannelClose>(1);
        Assert.That((close.ReplyCode, close.Method), Is.EqualTo((ReplyCode.PreconditionFailed, MethodId.BasicPublish)));
        Assert.That(close.ReplyText, Does.Match(
            $"^PRECONDITION_FAILED - message size {max + 1} is larger than (configured )?max size {max}$"));
        await raw.Send(1, default(ChannelCloseOk));
        await raw.OpenChannel(1);
        await raw.Close();
    }

    private static async Task<string> DeclareAndConsume(RawConnection raw)
    {
        await raw.OpenChannel(1);
        var queue = (await raw.Call<QueueDeclare, QueueDeclareOk>(
            1, new QueueDeclare("", false, false, true, true, false, FieldTable.Empty))).Queue;
        await raw.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(queue, "", false, NoAck: true, false, false, FieldTable.Empty));
        return queue;
    }
}
