using System.Net;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Conformance.Tests;

/// <summary>What a message brings with it need not be UTF-8: its routing keys, headers and properties are bytes. Every other name must be.</summary>
[Same]
public sealed class KeyBytesTests : BrokerFixture
{
    /// <summary>Latin-1's "café.é", as <see cref="LosslessUtf8"/> has it.</summary>
    private const string Key = "caf\uDCE9.\uDCE9";

    [TestCase("fanout", "ignored", true)]
    [TestCase("topic", "#", true)]
    [TestCase("topic", "*.*", true)]
    [TestCase("topic", "*", false)]
    [TestCase("topic", "caf\uFFFD.*", false)]
    [TestCase("topic", "café.é", false)]
    [TestCase("direct", "caf\uFFFD.\uFFFD", false)]
    [TestCase("direct", "café.é", false)]
    [TestCase("headers", "ignored", true)]
    public async Task A_key_in_Latin_1_is_routed_and_delivered_as_it_came(string type, string bindingKey, bool routed)
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await BoundQueue(raw, type, bindingKey);
        await raw.Publish(1, queue, Key, "m", mandatory: true);
        if (routed)
        {
            var got = await Get(raw, queue);
            Assert.That((got.Exchange, got.RoutingKey), Is.EqualTo((queue, Key)));
        }
        else
        {
            var returned = await raw.Expect<BasicReturn>(1);
            Assert.That((returned.ReplyCode, returned.Exchange, returned.RoutingKey), Is.EqualTo((ReplyCode.NoRoute, queue, Key)));
            await raw.ExpectContent(1);
        }
        await raw.Call<ExchangeDelete, ExchangeDeleteOk>(1, new ExchangeDelete(queue, false, false));
    }

    [Test]
    public async Task A_consumer_gets_a_key_in_Latin_1_as_it_came()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await BoundQueue(raw, "fanout", "");
        await raw.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(queue, "tag", false, true, false, false, FieldTable.Empty));
        foreach (var key in new[] { Key, "caf\uFFFD.\uFFFD", "\uDCC3", "é", "\uDCE8" })
        {
            await raw.Publish(1, queue, key, "m");
            Assert.That((await raw.ExpectDelivery(1)).Method.RoutingKey, Is.EqualTo(key));
        }
        await raw.Call<ExchangeDelete, ExchangeDeleteOk>(1, new ExchangeDelete(queue, false, false));
    }

    [Test]
    public async Task The_default_exchange_returns_a_key_that_can_be_no_queues_name()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Publish(1, "", Key, "m", mandatory: true);
        Assert.That((await raw.Expect<BasicReturn>(1)).RoutingKey, Is.EqualTo(Key));
        await raw.ExpectContent(1);
    }

    [Test]
    public async Task A_key_of_CC_in_Latin_1_is_not_the_queue_whose_name_looks_alike()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        var queue = Name("\uFFFD");
        await raw.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare(queue, false, false, true, false, false, FieldTable.Empty));
        var headers = FieldTable.From(("CC", FieldValue.From([FieldValue.From(queue.Replace('\uFFFD', '\uDCE9'))])));
        await raw.SendContent(
            1, new BasicPublish("", "nowhere", Mandatory: true, Immediate: false), new MutableProperties { Headers = headers }.Encode(), "m"u8.ToArray());
        Assert.That((await raw.Expect<BasicReturn>(1)).RoutingKey, Is.EqualTo("nowhere"));
        Assert.That((await raw.ExpectContent(1)).BasicProperties.Headers, Is.EqualTo(headers));
    }

    [Test]
    public async Task Names_of_headers_in_Latin_1_are_told_apart()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await BoundQueue(raw, "headers", "", FieldTable.From(("\uDCE9", FieldValue.From(1))));
        foreach (var (name, routed) in new[] { ("\uDCE8", false), ("\uDCE9", true) })
        {
            var properties = new MutableProperties { Headers = FieldTable.From((name, FieldValue.From(1))) }.Encode();
            await raw.SendContent(1, new BasicPublish(queue, "", Mandatory: false, Immediate: false), properties, []);
            Assert.That((await raw.Call<QueuePurge, QueuePurgeOk>(1, new QueuePurge(queue, false))).MessageCount, Is.EqualTo(routed ? 1 : 0));
        }
        await raw.Call<ExchangeDelete, ExchangeDeleteOk>(1, new ExchangeDelete(queue, false, false));
    }

    [Test, Ours]
    public async Task An_exchange_whose_name_is_not_UTF8_is_not_there()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Publish(1, "caf\uDCE9", "key", "m");
        await raw.ExpectChannelClose(1, ReplyCode.NotFound, "NOT_FOUND - no exchange 'caf\uFFFD' in vhost '/'", MethodId.BasicPublish);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_persistent_message_keeps_its_key_over_a_restart(bool killed)
    {
        var broker = await StartOwnBroker();
        var address = new IPEndPoint(IPAddress.Loopback, broker.Port);
        string[] keys = [Key, "caf\uFFFD.\uFFFD", "\uDCE8"];
        await using (var raw = await RawConnection.Open(address))
        {
            await raw.OpenChannel(1);
            await raw.Call<ConfirmSelect, ConfirmSelectOk>(1, new ConfirmSelect(false));
            foreach (var queue in new[] { "one", "two" }) // two, so that the body is stored by itself, and one more message that is not
            {
                await raw.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare(queue, false, true, false, false, false, FieldTable.Empty));
                await raw.Call<QueueBind, QueueBindOk>(1, new QueueBind(queue, "amq.fanout", "", false, FieldTable.Empty));
            }
            await raw.Call<QueueBind, QueueBindOk>(1, new QueueBind("one", "amq.topic", "#", false, FieldTable.Empty));
            var properties = new MutableProperties { DeliveryMode = 2 }.Encode();
            foreach (var exchange in new[] { "amq.fanout", "amq.topic" })
            {
                foreach (var key in keys)
                {
                    await raw.SendContent(1, new BasicPublish(exchange, key, false, false), properties, "m"u8.ToArray());
                    await raw.Expect<BasicAck>(1);
                }
            }
        }
        if (killed) await broker.Kill();
        else await broker.Stop();
        await broker.Restart();

        await using var after = await RawConnection.Open(address);
        await after.OpenChannel(1);
        foreach (var (queue, expected) in new[] { ("one", keys.Concat(keys)), ("two", keys) })
        {
            foreach (var key in expected) Assert.That((await Get(after, queue)).RoutingKey, Is.EqualTo(key));
        }
    }

    private static IEnumerable<TestCaseData> Names()
    {
        var none = FieldTable.Empty;
        yield return Row("queue.declare", new QueueDeclare(Key, false, false, true, false, false, none));
        yield return Row("queue.delete", new QueueDelete(Key, false, false, false));
        yield return Row("queue.bind, key", new QueueBind("q", "amq.topic", Key, false, none));
        yield return Row("queue.unbind, key", new QueueUnbind("q", "amq.topic", Key, none));
        yield return Row("exchange.bind, key", new ExchangeBind("amq.topic", "amq.fanout", Key, false, none));
        yield return Row("exchange.declare", new ExchangeDeclare(Key, "fanout", false, false, true, false, false, none));
        yield return Row("exchange.declare, type", new ExchangeDeclare("x", Key, false, false, true, false, false, none));
        yield return Row("basic.consume, tag", new BasicConsume("q", Key, false, false, false, false, none));
        yield return Row("basic.cancel", new BasicCancel(Key, false));
        yield return Row("basic.get", new BasicGet(Key, false));
        yield return Row("channel.close, text", new ChannelClose(ReplyCode.Success, Key, default));
    }

    [TestCaseSource(nameof(Names))]
    public async Task Every_other_name_must_be_UTF8(byte[] frame)
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        // Its bytes have been a valid routing key on this connection before.
        await raw.Publish(1, "amq.fanout", Key, "m");
        await raw.SendBytes(frame);
        await raw.ExpectConnectionClose(ReplyCode.FrameError, "FRAME_ERROR - Malformed UTF-8 in shortstr");
    }

    private static async Task<string> BoundQueue(RawConnection raw, string type, string bindingKey, FieldTable? arguments = null)
    {
        await raw.OpenChannel(1);
        var name = Name();
        await raw.Call<ExchangeDeclare, ExchangeDeclareOk>(1, new ExchangeDeclare(name, type, false, false, false, false, false, FieldTable.Empty));
        await raw.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare(name, false, false, true, false, false, FieldTable.Empty));
        await raw.Call<QueueBind, QueueBindOk>(1, new QueueBind(name, name, bindingKey, false, arguments ?? FieldTable.Empty));
        return name;
    }

    private static async Task<BasicGetOk> Get(RawConnection raw, string queue)
    {
        RawFrame answer = null!;
        await Eventually.True(
            async () =>
            {
                await raw.Send(1, new BasicGet(queue, NoAck: true));
                answer = await raw.ReadFrame();
                return answer.Is(MethodId.BasicGetOk);
            },
            expression: "basic.get of a message");
        await raw.ExpectContent(1);
        return answer.Read<BasicGetOk>();
    }

    private static TestCaseData Row<TMethod>(string name, TMethod method)
        where TMethod : struct, IMethod<TMethod> =>
        new TestCaseData(RawConnection.Encode(1, method)).SetName($"Every_other_name_must_be_UTF8({name})");
}
