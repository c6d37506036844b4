using System.Globalization;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Conformance.Tests;

/// <summary>
/// Every error that clients can provoke: reply code, reply text and the method it is blamed on, read off the wire. Soft errors
/// must leave the connection usable, hard ones must end it.
/// </summary>
[Same]
public sealed class ErrorTests : BrokerFixture
{
    private const string NoPrevious = "NOT_FOUND - no previously declared queue";
    private const string OnDefault = "ACCESS_REFUSED - operation not permitted on the default exchange";

    /// <summary>What stands ready when an operation is provoked: channel 1 open, a queue and an exchange that are there, a name that is not.</summary>
    private sealed record Scene(RawConnection Raw, string Queue, string Exchange, string Missing)
    {
        public Task Send<TMethod>(TMethod method)
            where TMethod : struct, IMethod<TMethod> => Raw.Send(1, method);

        public async Task Call<TMethod, TAnswer>(TMethod method)
            where TMethod : struct, IMethod<TMethod>
            where TAnswer : struct, IMethod<TAnswer> => await Raw.Call<TMethod, TAnswer>(1, method);

        public Task Declare(FieldTable? arguments = null, bool durable = false, bool exclusive = false, bool autoDelete = false) =>
            Send(new QueueDeclare(Queue, Passive: false, durable, exclusive, autoDelete, NoWait: false, arguments ?? FieldTable.Empty));

        public Task DeclareNew(string argument, FieldValue value) =>
            Send(new QueueDeclare(Missing, false, false, false, false, false, FieldTable.From((argument, value))));

        public Task DeclareExchange(
            string type = "topic", bool durable = false, bool autoDelete = false, bool isInternal = false, FieldTable? arguments = null) =>
            Send(new ExchangeDeclare(Exchange, type, false, durable, autoDelete, isInternal, false, arguments ?? FieldTable.Empty));

        public Task Publish(MutableProperties properties, string? exchange = null) =>
            Raw.SendContent(1, new BasicPublish(exchange ?? Exchange, "key", false, false), properties.Encode(), [1, 2, 3]);

        public async Task<ulong> Deliver()
        {
            await Raw.Publish(1, "", Queue, "m");
            await Call<BasicConsume, BasicConsumeOk>(Consume(Queue));
            return (await Raw.ExpectDelivery(1)).Method.DeliveryTag;
        }
    }

    private static BasicConsume Consume(string queue, string tag = "tag", bool noAck = false, bool exclusive = false) =>
        new(queue, tag, NoLocal: false, noAck, exclusive, NoWait: false, FieldTable.Empty);

    private static IEnumerable<TestCaseData> Rows()
    {
        const string queue = "queue '{queue}' in vhost '/'";
        const string exchange = "exchange '{exchange}' in vhost '/'";
        const string noQueue = "NOT_FOUND - no queue '{missing}' in vhost '/'";
        const string noExchange = "NOT_FOUND - no exchange '{missing}' in vhost '/'";

        // What is not there.
        yield return Row("queue.declare passive", 404, noQueue, MethodId.QueueDeclare,
            s => s.Send(new QueueDeclare(s.Missing, true, false, false, false, false, FieldTable.Empty)));
        yield return Row("exchange.declare passive", 404, noExchange, MethodId.ExchangeDeclare,
            s => s.Send(new ExchangeDeclare(s.Missing, "", true, false, false, false, false, FieldTable.Empty)));
        yield return Row("basic.consume, no queue", 404, noQueue, MethodId.BasicConsume, s => s.Send(Consume(s.Missing)));
        yield return Row("basic.get, no queue", 404, noQueue, MethodId.BasicGet, s => s.Send(new BasicGet(s.Missing, false)));
        yield return Row("basic.publish, no exchange", 404, noExchange, MethodId.BasicPublish, s => s.Raw.Publish(1, s.Missing, "key", "m"));
        yield return Row("queue.bind, no queue", 404, noQueue, MethodId.QueueBind,
            s => s.Send(new QueueBind(s.Missing, s.Exchange, "key", false, FieldTable.Empty)));
        yield return Row("queue.bind, no exchange", 404, noExchange, MethodId.QueueBind,
            s => s.Send(new QueueBind(s.Queue, s.Missing, "key", false, FieldTable.Empty)));
        yield return Row("exchange.bind, no source", 404, noExchange, MethodId.ExchangeBind,
            s => s.Send(new ExchangeBind(s.Exchange, s.Missing, "key", false, FieldTable.Empty)));
        yield return Row("exchange.bind, no destination", 404, noExchange, MethodId.ExchangeBind,
            s => s.Send(new ExchangeBind(s.Missing, s.Exchange, "key", false, FieldTable.Empty)));
        yield return Row("queue.purge, no queue", 404, noQueue, MethodId.QueuePurge, s => s.Send(new QueuePurge(s.Missing, false)));

        // An empty queue name before any declaration. The scene declares on another channel.
        yield return Row("queue.bind, no name", 404, NoPrevious, MethodId.QueueBind,
            s => s.Send(new QueueBind("", s.Exchange, "key", false, FieldTable.Empty)));
        yield return Row("queue.unbind, no name", 404, NoPrevious, MethodId.QueueUnbind,
            s => s.Send(new QueueUnbind("", s.Exchange, "key", FieldTable.Empty)));
        yield return Row("queue.purge, no name", 404, NoPrevious, MethodId.QueuePurge, s => s.Send(new QueuePurge("", false)));
        yield return Row("queue.delete, no name", 404, NoPrevious, MethodId.QueueDelete, s => s.Send(new QueueDelete("", false, false, false)));
        yield return Row("basic.get, no name", 404, NoPrevious, MethodId.BasicGet, s => s.Send(new BasicGet("", false)));
        yield return Row("basic.consume, no name", 404, NoPrevious, MethodId.BasicConsume, s => s.Send(Consume("")));
        yield return Row("queue.declare passive, no name", 404, "NOT_FOUND - no queue '' in vhost '/'", MethodId.QueueDeclare,
            s => s.Send(new QueueDeclare("", true, false, false, false, false, FieldTable.Empty)));

        // Declared again, and different.
        yield return Row("queue.declare, durable differs", 406,
            $"PRECONDITION_FAILED - inequivalent arg 'durable' for {queue}: received 'true' but current is 'false'", MethodId.QueueDeclare,
            s => s.Declare(durable: true, autoDelete: true));
        yield return Row("queue.declare, auto-delete differs", 406,
            $"PRECONDITION_FAILED - inequivalent arg 'auto_delete' for {queue}: received 'true' but current is 'false'", MethodId.QueueDeclare,
            s => s.Declare(FieldTable.From(("x-message-ttl", FieldValue.From(1))), autoDelete: true));
        yield return Row("queue.declare, argument differs", 406,
            $"PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for {queue}: " +
            "received the value '1' of type 'signedint' but current is none", MethodId.QueueDeclare,
            s => s.Declare(FieldTable.From(("x-message-ttl", FieldValue.From(1)))));
        foreach (var (value, type) in new[]
        {
            (FieldValue.From(7L), "long"), (FieldValue.From((short)7), "short"), (FieldValue.From((sbyte)7), "byte"),
            (FieldValue.From((byte)7), "unsignedbyte"), (FieldValue.From((ushort)7), "unsignedshort"), (FieldValue.From(7u), "unsignedint"),
            (FieldValue.From("7"), "longstr"), (FieldValue.Binary("7"u8.ToArray()), "binary"), (FieldValue.Timestamp(7), "timestamp"),
        })
        {
            yield return Row($"queue.declare, argument of type {type} differs", 406,
                $"PRECONDITION_FAILED - inequivalent arg 'x-max-length' for {queue}: received the value '7' of type '{type}' but current is none",
                MethodId.QueueDeclare, s => s.Declare(FieldTable.From(("x-max-length", value))));
        }
        yield return Row("queue.declare, exclusive differs", 405,
            $"RESOURCE_LOCKED - cannot obtain exclusive access to locked {queue}. It could be originally declared on another connection " +
            "or the exclusive property value does not match that of the original declaration.", MethodId.QueueDeclare,
            s => s.Declare(exclusive: true, durable: true));
        yield return Row("exchange.declare, type differs", 406,
            $"PRECONDITION_FAILED - inequivalent arg 'type' for {exchange}: received 'direct' but current is 'topic'", MethodId.ExchangeDeclare,
            s => s.DeclareExchange("direct", durable: true, autoDelete: true, isInternal: true));
        yield return Row("exchange.declare, durable differs", 406,
            $"PRECONDITION_FAILED - inequivalent arg 'durable' for {exchange}: received 'true' but current is 'false'", MethodId.ExchangeDeclare,
            s => s.DeclareExchange(durable: true, autoDelete: true, isInternal: true));
        yield return Row("exchange.declare, auto-delete differs", 406,
            $"PRECONDITION_FAILED - inequivalent arg 'auto_delete' for {exchange}: received 'true' but current is 'false'",
            MethodId.ExchangeDeclare, s => s.DeclareExchange(autoDelete: true, isInternal: true));
        yield return Row("exchange.declare, internal differs", 406,
            $"PRECONDITION_FAILED - inequivalent arg 'internal' for {exchange}: received 'true' but current is 'false'", MethodId.ExchangeDeclare,
            s => s.DeclareExchange(isInternal: true, arguments: FieldTable.From(("alternate-exchange", FieldValue.From("other")))));
        yield return Row("exchange.declare, alternate exchange differs", 406,
            $"PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for {exchange}: " +
            "received the value 'other' of type 'longstr' but current is none", MethodId.ExchangeDeclare,
            s => s.DeclareExchange(arguments: FieldTable.From(("alternate-exchange", FieldValue.From("other")))));

        // Arguments that mean nothing.
        foreach (var (argument, value, reason) in new[]
        {
            ("x-expires", FieldValue.From(0), "{value_zero,0}"),
            ("x-expires", FieldValue.From(-1), "{value_negative,-1}"),
            ("x-expires", FieldValue.From("1000"), "\"expected integer, got longstr\""),
            ("x-expires", FieldValue.From(true), "\"expected integer, got bool\""),
            ("x-expires", FieldValue.From(1.5), "\"expected integer, got double\""),
            ("x-expires", FieldValue.From(315_360_000_001), "{value_too_large,315360000001}"),
            ("x-message-ttl", FieldValue.From(-1), "{value_negative,-1}"),
            ("x-message-ttl", FieldValue.From("1000"), "\"expected integer, got longstr\""),
            ("x-max-length", FieldValue.From(-1), "{value_negative,-1}"),
            ("x-max-length", FieldValue.From("1"), "\"expected integer, got longstr\""),
            ("x-max-length-bytes", FieldValue.From(-5L), "{value_negative,-5}"),
            ("x-max-priority", FieldValue.From(256), "{max_value_exceeded,256}"),
            ("x-max-priority", FieldValue.From(-1), "{value_negative,-1}"),
            ("x-overflow", FieldValue.From("drop-tail"), "invalid_overflow"),
            ("x-overflow", FieldValue.From(1), "{unacceptable_type,signedint}"),
            ("x-queue-mode", FieldValue.From("eager"), "\"unsupported queue mode 'eager'\""),
            ("x-queue-mode", FieldValue.From(1), "{unacceptable_type,signedint}"),
            ("x-queue-type", FieldValue.From("heap"), "\"unsupported queue type 'heap'\""),
            ("x-queue-type", FieldValue.From(1), "{unacceptable_type,signedint}"),
            ("x-single-active-consumer", FieldValue.From("true"), "{unacceptable_type,longstr}"),
            ("x-dead-letter-routing-key", FieldValue.From("key"), "routing_key_but_no_dlx_defined"),
            ("x-dead-letter-routing-key", FieldValue.From(1), "{unacceptable_type,signedint}"),
        })
        {
            yield return Row($"queue.declare, {argument} of {value}, {value.Type}", 406,
                $"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{{missing}}' in vhost '/': {reason}", MethodId.QueueDeclare,
                s => s.DeclareNew(argument, value));
        }
        yield return Row("queue.declare, dead letter exchange is no string", 406,
            "PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue '{missing}' in vhost '/'",
            MethodId.QueueDeclare, s => s.DeclareNew("x-dead-letter-exchange", FieldValue.From(1)));
        yield return Row("exchange.declare, alternate exchange is no string", 406,
            "PRECONDITION_FAILED - invalid type 'bool' for arg 'alternate-exchange' in exchange '{missing}' in vhost '/'",
            MethodId.ExchangeDeclare,
            s => s.Send(new ExchangeDeclare(s.Missing, "topic", false, false, false, false, false,
                FieldTable.From(("alternate-exchange", FieldValue.From(true))))));
        yield return Row("basic.consume, x-priority is no number", 406,
            $"PRECONDITION_FAILED - invalid arg 'x-priority' for {queue}: \"expected integer, got longstr\"", MethodId.BasicConsume,
            s => s.Send(Consume(s.Queue) with { Arguments = FieldTable.From(("x-priority", FieldValue.From("high"))) }));

        // What is not allowed.
        yield return Row("queue.declare, amq.", 403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
            MethodId.QueueDeclare, s => s.Send(new QueueDeclare("amq.mine", false, false, false, false, false, FieldTable.Empty)));
        yield return Row("exchange.declare, amq.", 403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
            MethodId.ExchangeDeclare, s => s.Send(new ExchangeDeclare("amq.mine", "topic", false, false, false, false, false, FieldTable.Empty)));
        yield return Row("exchange.declare, default", 403, OnDefault, MethodId.ExchangeDeclare,
            s => s.Send(new ExchangeDeclare("", "direct", false, false, false, false, false, FieldTable.Empty)));
        yield return Row("exchange.declare passive, default", 403, OnDefault, MethodId.ExchangeDeclare,
            s => s.Send(new ExchangeDeclare("", "direct", true, false, false, false, false, FieldTable.Empty)));
        yield return Row("exchange.delete, default", 403, OnDefault, MethodId.ExchangeDelete, s => s.Send(new ExchangeDelete("", false, false)));
        yield return Row("queue.bind, default", 403, OnDefault, MethodId.QueueBind,
            s => s.Send(new QueueBind(s.Queue, "", "key", false, FieldTable.Empty)));
        yield return Row("queue.unbind, default", 403, OnDefault, MethodId.QueueUnbind,
            s => s.Send(new QueueUnbind(s.Queue, "", "key", FieldTable.Empty)));
        yield return Row("exchange.bind, default as source", 403, OnDefault, MethodId.ExchangeBind,
            s => s.Send(new ExchangeBind(s.Exchange, "", "key", false, FieldTable.Empty)));
        yield return Row("exchange.bind, default as destination", 403, OnDefault, MethodId.ExchangeBind,
            s => s.Send(new ExchangeBind("", s.Exchange, "key", false, FieldTable.Empty)));
        yield return Row("exchange.unbind, default", 403, OnDefault, MethodId.ExchangeUnbind,
            s => s.Send(new ExchangeUnbind("", s.Exchange, "key", false, FieldTable.Empty)));
        yield return Row("exchange.delete, amq.", 403, "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed",
            MethodId.ExchangeDelete, s => s.Send(new ExchangeDelete("amq.topic", false, false)));
        yield return Row("basic.publish, internal exchange", 403,
            "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'", MethodId.BasicPublish,
            s => s.Raw.Publish(1, "amq.rabbitmq.trace", "key", "m"));
        yield return Row("basic.consume, another is exclusive", 403, $"ACCESS_REFUSED - {queue} in exclusive use", MethodId.BasicConsume,
            async s =>
            {
                await s.Call<BasicConsume, BasicConsumeOk>(Consume(s.Queue, "one", exclusive: true));
                await s.Send(Consume(s.Queue, "two"));
            });
        yield return Row("basic.consume exclusively, there is another", 403, $"ACCESS_REFUSED - {queue} in exclusive use", MethodId.BasicConsume,
            async s =>
            {
                await s.Call<BasicConsume, BasicConsumeOk>(Consume(s.Queue, "one"));
                await s.Send(Consume(s.Queue, "two", exclusive: true));
            });
        yield return Row("queue.delete, in use", 406, $"PRECONDITION_FAILED - {queue} in use", MethodId.QueueDelete,
            async s =>
            {
                await s.Call<BasicConsume, BasicConsumeOk>(Consume(s.Queue));
                await s.Send(new QueueDelete(s.Queue, true, true, false));
            });
        yield return Row("queue.delete, not empty", 406, $"PRECONDITION_FAILED - {queue} not empty", MethodId.QueueDelete,
            async s =>
            {
                await s.Raw.Publish(1, "", s.Queue, "m");
                await s.Call<BasicGet, BasicGetOk>(new BasicGet(s.Queue, false)); // waits until the message is there
                await s.Raw.ExpectContent(1);
                await s.Send(new BasicNack(1, false, true));
                await s.Send(new QueueDelete(s.Queue, false, true, false));
            });
        yield return Row("exchange.delete, in use", 406, $"PRECONDITION_FAILED - {exchange} in use", MethodId.ExchangeDelete,
            async s =>
            {
                await s.Call<QueueBind, QueueBindOk>(new QueueBind(s.Queue, s.Exchange, "key", false, FieldTable.Empty));
                await s.Send(new ExchangeDelete(s.Exchange, true, false));
            });

        // Delivery tags and consumer tags.
        yield return Row("basic.ack, unknown tag", 406, "PRECONDITION_FAILED - unknown delivery tag 7", MethodId.BasicAck,
            s => s.Send(new BasicAck(7, false)));
        yield return Row("basic.ack multiple, unknown tag", 406, "PRECONDITION_FAILED - unknown delivery tag 7", MethodId.BasicAck,
            s => s.Send(new BasicAck(7, true)));
        yield return Row("basic.ack of tag 0", 406, "PRECONDITION_FAILED - unknown delivery tag 0", MethodId.BasicAck,
            s => s.Send(new BasicAck(0, false)));
        yield return Row("basic.nack, unknown tag", 406, "PRECONDITION_FAILED - unknown delivery tag 7", MethodId.BasicNack,
            s => s.Send(new BasicNack(7, false, true)));
        yield return Row("basic.reject, unknown tag", 406, "PRECONDITION_FAILED - unknown delivery tag 18446744073709551615", MethodId.BasicReject,
            s => s.Send(new BasicReject(ulong.MaxValue, true)));
        yield return Row("basic.ack twice", 406, "PRECONDITION_FAILED - unknown delivery tag 1", MethodId.BasicAck,
            async s =>
            {
                var tag = await s.Deliver();
                await s.Send(new BasicAck(tag, false));
                await s.Send(new BasicAck(tag, false));
            });
        yield return Row("basic.ack beyond the last delivery", 406, "PRECONDITION_FAILED - unknown delivery tag 2", MethodId.BasicAck,
            async s => await s.Send(new BasicAck(await s.Deliver() + 1, true)));
        yield return Row("basic.consume, tag in use", 530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'", MethodId.BasicConsume,
            async s =>
            {
                await s.Call<BasicConsume, BasicConsumeOk>(Consume(s.Queue));
                await s.Send(Consume(s.Queue));
            });

        // Contents.
        yield return Row("basic.publish, another user's id", 406,
            "PRECONDITION_FAILED - user_id property set to 'someone' but authenticated user was 'guest'", MethodId.BasicPublish,
            s => s.Publish(new MutableProperties { UserId = "someone" }));
        foreach (var (expiration, reason) in new[]
        {
            ("soon", "no_integer"), ("", "no_integer"), ("-1", "{value_negative,-1}"), ("5 ", "{leftover_string,\" \"}"),
            ("1.5", "{leftover_string,\".5\"}"), ("99999999999999999", "{value_too_large,99999999999999999}"),
            ("315360000001", "{value_too_large,315360000001}"), ("+0315360000001", "{value_too_large,315360000001}"), ("-007", "{value_negative,-7}"),
            ("60000\0", "{leftover_string,[0]}"), (" 5", "no_integer"), ("+-5", "no_integer"), ("-", "no_integer"), ("5_000", "{leftover_string,\"_000\"}"),
            ("5\n", "{leftover_string,\"\\n\"}"), ("5\"\\", "{leftover_string,\"\\\"\\\\\"}"), ("\u0665", "no_integer"), ("5\u0665", "{leftover_string,\"\u0665\"}"),
            ("5\u20AC", "{leftover_string,[226,130,172]}"),
        })
        {
            yield return Row($"basic.publish, expiration '{expiration}'", 406,
                $"PRECONDITION_FAILED - invalid expiration '{expiration}': {reason}", MethodId.BasicPublish,
                s => s.Publish(new MutableProperties { Expiration = expiration }));
        }
        yield return Row("basic.publish, CC is no list", 406,
            "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}", MethodId.BasicPublish,
            s => s.Publish(new MutableProperties { Headers = FieldTable.From(("CC", FieldValue.From("key"))) }));
        yield return Row("basic.publish, BCC is no list", 406,
            "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"BCC\",signedint}", MethodId.BasicPublish,
            s => s.Publish(new MutableProperties { Headers = FieldTable.From(("BCC", FieldValue.From(1))) }));

        // Direct reply-to.
        const string replyTo = "amq.rabbitmq.reply-to";
        yield return Row("reply-to, consumer that acknowledges", 406, "PRECONDITION_FAILED - reply consumer cannot acknowledge",
            MethodId.BasicConsume, s => s.Send(Consume(replyTo)));
        yield return Row("reply-to, second consumer", 406, "PRECONDITION_FAILED - reply consumer already set", MethodId.BasicConsume,
            async s =>
            {
                await s.Call<BasicConsume, BasicConsumeOk>(Consume(replyTo, "one", noAck: true));
                await s.Send(Consume(replyTo, "two", noAck: true));
            });
        yield return Row("reply-to, no consumer", 406, "PRECONDITION_FAILED - fast reply consumer does not exist", MethodId.BasicPublish,
            s => s.Publish(new MutableProperties { ReplyTo = replyTo }));
        yield return Row("reply-to, nobody's queue", 404, $"NOT_FOUND - no queue '{replyTo}.nobody' in vhost '/'", MethodId.QueueDeclare,
            s => s.Send(new QueueDeclare($"{replyTo}.nobody", true, false, false, false, false, FieldTable.Empty)));

        // What RabbitMQ does not implement.
        yield return Row("basic.publish immediate", 540, "NOT_IMPLEMENTED - immediate=true", MethodId.BasicPublish,
            s => s.Raw.Publish(1, s.Exchange, "key", "m", immediate: true));
        yield return Row("basic.qos by size", 540, "NOT_IMPLEMENTED - prefetch_size!=0 (1000)", MethodId.BasicQos,
            s => s.Send(new BasicQos(1000, 10, false)));
        yield return Row("channel.flow, stop", 540, "NOT_IMPLEMENTED - active=false", MethodId.ChannelFlow, s => s.Send(new ChannelFlow(false)));
        yield return Row("basic.recover without requeueing", 540, "NOT_IMPLEMENTED - requeue=false", MethodId.BasicRecover,
            s => s.Send(new BasicRecover(false)));
        yield return Row("basic.recover-async without requeueing", 540, "NOT_IMPLEMENTED - requeue=false", MethodId.BasicRecoverAsync,
            s => s.Send(new BasicRecoverAsync(false)));

        // Channels.
        yield return Row("channel.open twice", 504, "CHANNEL_ERROR - second 'channel.open' seen", MethodId.ChannelOpen,
            s => s.Send(default(ChannelOpen)));
        yield return Row("a method before channel.open", 504, "CHANNEL_ERROR - expected 'channel.open'", MethodId.BasicGet,
            s => s.Raw.Send(2, new BasicGet(s.Queue, false)));
        yield return Row("channel.close before channel.open", 504, "CHANNEL_ERROR - expected 'channel.open'", MethodId.ChannelClose,
            s => s.Raw.Send(2, new ChannelClose(ReplyCode.Success, "", default)));
        yield return Row("a method that only servers send", 503, "COMMAND_INVALID - unimplemented method", MethodId.BasicGetEmpty,
            s => s.Send(default(BasicGetEmpty)));
        yield return Row("connection.start from a client", 504, "CHANNEL_ERROR - unexpected method in connection state running",
            MethodId.ConnectionStart, s => s.Raw.Send(0, new ConnectionStart(0, 9, FieldTable.Empty, "", "")));
        yield return Row("connection.open twice", 504, "CHANNEL_ERROR - unexpected method in connection state running",
            MethodId.ConnectionOpen, s => s.Raw.Send(0, new ConnectionOpen("/")));

        // Frames.
        yield return Row("method whose arguments end early", 501, "FRAME_ERROR - cannot decode <<0,0,5,97>>", MethodId.BasicGet,
            s => s.Raw.SendFrame(1, 1, [0, 60, 0, 70, 0, 0, 5, 97]));
        yield return Row("method with bytes left over", 501, "FRAME_ERROR - cannot decode <<0,0,1,97,0,1>>", MethodId.BasicGet,
            s => s.Raw.SendFrame(1, 1, [0, 60, 0, 70, 0, 0, 1, 97, 0, 1]));
        yield return Row("header without a method", 505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead", null,
            s => s.Raw.SendContentHeader(1, 0));
        yield return Row("body without a method", 505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead", null,
            s => s.Raw.SendFrame(3, 1, [1]));
        yield return Row("method instead of a header", 505,
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead", MethodId.BasicPublish,
            async s =>
            {
                await s.Send(new BasicPublish(s.Exchange, "key", false, false));
                await s.Send(new BasicGet(s.Queue, false));
            });
        yield return Row("body instead of a header", 505,
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead", MethodId.BasicPublish,
            async s =>
            {
                await s.Send(new BasicPublish(s.Exchange, "key", false, false));
                await s.Raw.SendFrame(3, 1, [1]);
            });
        yield return Row("header of another class", 505,
            "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead", MethodId.BasicPublish,
            async s =>
            {
                await s.Send(new BasicPublish(s.Exchange, "key", false, false));
                await s.Raw.SendContentHeader(1, 0, classId: 50);
            });
        yield return Row("method instead of a body", 505,
            "UNEXPECTED_FRAME - expected content body, got non content body frame instead", MethodId.BasicPublish,
            async s =>
            {
                await s.Send(new BasicPublish(s.Exchange, "key", false, false));
                await s.Raw.SendContentHeader(1, 5);
                await s.Send(new BasicGet(s.Queue, false));
            });
        yield return Row("header instead of a body", 505,
            "UNEXPECTED_FRAME - expected content body, got non content body frame instead", MethodId.BasicPublish,
            async s =>
            {
                await s.Send(new BasicPublish(s.Exchange, "key", false, false));
                await s.Raw.SendContentHeader(1, 5);
                await s.Raw.SendContentHeader(1, 5);
            });
        yield return Row("heartbeat on a channel", 505, "UNEXPECTED_FRAME - type 8, all octets = <<>>", null, s => s.Raw.SendFrame(8, 1, []));
        yield return Row("body on channel 0", 505, "UNEXPECTED_FRAME - type 3, all octets = <<1,2>>", null, s => s.Raw.SendFrame(3, 0, [1, 2]));
        yield return Row("frame of no type", 501, "FRAME_ERROR - type 7, all octets = <<1,2>>: unknown_frame", null,
            s => s.Raw.SendFrame(7, 1, [1, 2]));
        yield return Row("frame of no type, longer", 501,
            "FRAME_ERROR - type 7, first 16 octets = <<1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16>>: unknown_frame", null,
            s => s.Raw.SendFrame(7, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]));
        yield return Row("method frame too short for a number", 501, "FRAME_ERROR - type 1, all octets = <<0,60>>: unknown_frame", null,
            s => s.Raw.SendFrame(1, 1, [0, 60]));
    }

    [TestCaseSource(nameof(Rows))]
    public async Task Every_error_has_its_code_and_text(Func<RawConnection, string, string, string, Task> provoke, int code, string text, MethodId? method)
    {
        // Short names: a reply text ends after 255 octets.
        var id = Interlocked.Increment(ref _id).ToString(CultureInfo.InvariantCulture);
        var (queue, exchange, missing) = ($"error.q{id}", $"error.x{id}", $"error.none{id}");
        await using var setup = await RawConnection.Open(Broker);
        await setup.OpenChannel(9);
        await setup.Call<QueueDeclare, QueueDeclareOk>(9, new QueueDeclare(queue, false, false, false, false, false, FieldTable.Empty));
        await setup.Call<ExchangeDeclare, ExchangeDeclareOk>(
            9, new ExchangeDeclare(exchange, "topic", false, false, false, false, false, FieldTable.Empty));
        try
        {
            await using var raw = await RawConnection.Open(Broker);
            await raw.OpenChannel(1);
            await provoke(raw, queue, exchange, missing);

            var expected = text.Replace("{queue}", queue, StringComparison.Ordinal)
                .Replace("{exchange}", exchange, StringComparison.Ordinal).Replace("{missing}", missing, StringComparison.Ordinal);
            if (((ReplyCode)code).IsHard())
            {
                await raw.ExpectConnectionClose((ReplyCode)code, expected, method ?? default);
                return;
            }
            await raw.ExpectChannelClose(1, (ReplyCode)code, expected, method ?? default);
            await raw.OpenChannel(1); // the number is free again and the connection in order
            await raw.Close();
        }
        finally
        {
            await setup.Call<QueueDelete, QueueDeleteOk>(9, new QueueDelete(queue, false, false, false));
            await setup.Call<ExchangeDelete, ExchangeDeleteOk>(9, new ExchangeDelete(exchange, false, false));
        }
    }

    private static int _id;

    private static TestCaseData Row(string name, int code, string text, MethodId? method, Func<Scene, Task> provoke) =>
        new TestCaseData(
            (RawConnection raw, string queue, string exchange, string missing) => provoke(new Scene(raw, queue, exchange, missing)),
            code, text, method).SetName($"Every_error_has_its_code_and_text({name})");
}
