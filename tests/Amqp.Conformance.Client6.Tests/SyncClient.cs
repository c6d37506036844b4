using System.Collections.Concurrent;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Conformance.Client6.Tests;

/// <summary>What programs written for the synchronous client do.</summary>
[Same]
public sealed class SyncClientTests : Client6Fixture
{
    [Test]
    public void It_connects_and_sees_what_the_server_is()
    {
        var connection = Connect();
        Assert.That(connection.IsOpen, Is.True);
        Assert.That(connection.ServerProperties.Keys, Is.SupersetOf(["product", "version", "capabilities"]));
        Assert.That((connection.ChannelMax, connection.FrameMax), Is.EqualTo(((ushort)2047, 131072u)));
        connection.Close();
        Assert.That(connection.CloseReason.ReplyCode, Is.EqualTo(200));
    }

    [Test]
    public void It_is_told_of_a_wrong_password()
    {
        ExpectLog("login refused: user 'guest'");
        var factory = Factory();
        factory.Password = "wrong";
        Assert.That(
            () => Connect(factory),
            Throws.TypeOf<BrokerUnreachableException>().With.InnerException.InstanceOf<AuthenticationFailureException>());
    }

    [Test]
    public void It_is_told_of_an_unknown_virtual_host()
    {
        var factory = Factory();
        factory.VirtualHost = "nowhere";
        Assert.That(
            () => Connect(factory),
            Throws.TypeOf<BrokerUnreachableException>().With.InnerException.InstanceOf<OperationInterruptedException>()
                .And.InnerException.Message.Contains("530").And.InnerException.Message.Contains("vhost nowhere not found"));
    }

    [Test]
    public void It_declares_binds_unbinds_and_deletes()
    {
        var channel = OpenChannel();
        var exchange = Name("x");
        var other = Name("y");
        channel.ExchangeDeclare(exchange, ExchangeType.Topic, durable: false, autoDelete: true);
        channel.ExchangeDeclare(other, ExchangeType.Fanout, durable: false, autoDelete: true);
        var queue = channel.QueueDeclare().QueueName;
        channel.QueueBind(queue, other, "");
        channel.ExchangeBind(other, exchange, "a.*");
        channel.BasicPublish(exchange, "a.b", basicProperties: null, Bytes("m"));
        BasicGetResult? message = null;
        Assert.That(() => message = channel.BasicGet(queue, autoAck: true), Is.Not.Null.After(10).Seconds.PollEvery(20).MilliSeconds);
        Assert.That((Text(message!.Body), message.Exchange, message.RoutingKey), Is.EqualTo(("m", exchange, "a.b")));

        channel.ExchangeUnbind(other, exchange, "a.*");
        channel.QueueUnbind(queue, other, "");
        Assert.That(channel.QueuePurge(queue), Is.Zero);
        Assert.That(channel.QueueDelete(queue, ifUnused: true, ifEmpty: true), Is.Zero);
        channel.ExchangeDelete(exchange);
        ExpectClose(() => channel.QueueDeclarePassive(queue), 404, $"NOT_FOUND - no queue '{queue}' in vhost '/'");
    }

    [Test]
    public void It_publishes_consumes_and_acknowledges()
    {
        var channel = OpenChannel();
        var queue = DeclareQueue(channel);
        Publish(channel, queue, "1", "2");
        var deliveries = Consume(channel, queue);
        Publish(channel, queue, "3");
        for (var n = 1; n <= 3; n++) Assert.That(Take(deliveries), Is.EqualTo(((ulong)n, false, $"{n}")));
        channel.BasicAck(3, multiple: true);
        channel.Close();
    }

    [Test]
    public void It_keeps_properties_and_large_bodies()
    {
        var channel = OpenChannel();
        var queue = DeclareQueue(channel);
        var properties = channel.CreateBasicProperties();
        properties.ContentType = "text/plain";
        properties.DeliveryMode = 2;
        properties.Headers = new Dictionary<string, object> { ["text"] = "value", ["number"] = 5, ["list"] = new List<object> { 1L, true } };
        properties.Timestamp = new AmqpTimestamp(1_000_000_000);
        var body = Bytes(new string('b', 1_000_000));
        var received = new BlockingCollection<BasicDeliverEventArgs>();
        var consumer = new EventingBasicConsumer(channel);
        byte[] got = [];
        consumer.Received += (_, delivery) =>
        {
            got = delivery.Body.ToArray();
            received.Add(delivery);
        };
        channel.BasicConsume(queue, autoAck: true, consumer);
        channel.BasicPublish("", queue, properties, body);
        var message = Take(received).BasicProperties;
        Assert.That(got, Is.EqualTo(body));
        Assert.That((message.ContentType, message.DeliveryMode, message.Timestamp), Is.EqualTo(("text/plain", (byte)2, new AmqpTimestamp(1_000_000_000))));
        Assert.That(message.Headers["text"], Is.EqualTo(Bytes("value")));
        Assert.That(message.Headers["number"], Is.EqualTo(5));
        Assert.That(message.Headers["list"], Is.EqualTo(new List<object> { 1L, true }));
    }

    [Test]
    public void It_gets()
    {
        var channel = OpenChannel();
        var queue = DeclareQueue(channel);
        Assert.That(channel.BasicGet(queue, autoAck: false), Is.Null);
        Publish(channel, queue, "1", "2");
        Assert.That(() => channel.MessageCount(queue), Is.EqualTo(2).After(10).Seconds.PollEvery(20).MilliSeconds);
        var message = channel.BasicGet(queue, autoAck: false);
        Assert.That((Text(message.Body), message.MessageCount, message.Redelivered), Is.EqualTo(("1", 1u, false)));
    }

    [Test]
    public void It_nacks_and_rejects()
    {
        var channel = OpenChannel();
        var queue = DeclareQueue(channel);
        var deliveries = Consume(channel, queue);
        Publish(channel, queue, "1");
        Assert.That(Take(deliveries), Is.EqualTo((1UL, false, "1")));
        channel.BasicNack(1, multiple: false, requeue: true);
        Assert.That(Take(deliveries), Is.EqualTo((2UL, true, "1")));
        channel.BasicReject(2, requeue: true);
        Assert.That(Take(deliveries), Is.EqualTo((3UL, true, "1")));
        channel.BasicReject(3, requeue: false);
        Publish(channel, queue, "2");
        Assert.That(Take(deliveries), Is.EqualTo((4UL, false, "2")));
    }

    [Test]
    public void It_recovers()
    {
        var channel = OpenChannel();
        var queue = DeclareQueue(channel);
        var deliveries = Consume(channel, queue);
        Publish(channel, queue, "1", "2");
        Take(deliveries);
        Take(deliveries);
        channel.BasicRecover(requeue: true);
        Assert.That(new[] { Take(deliveries), Take(deliveries) }, Is.EqualTo([(3UL, true, "1"), (4UL, true, "2")]));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void It_limits_what_it_is_sent(bool global)
    {
        var channel = OpenChannel();
        var queue = DeclareQueue(channel);
        channel.BasicQos(0, 2, global);
        var deliveries = Consume(channel, queue);
        Publish(channel, queue, "1", "2", "3");
        Take(deliveries);
        Take(deliveries);
        Assert.That(() => channel.MessageCount(queue), Is.EqualTo(1).After(10).Seconds.PollEvery(20).MilliSeconds);
        channel.BasicAck(1, multiple: false);
        Assert.That(Take(deliveries).Text, Is.EqualTo("3"));
    }

    [Test]
    public void It_gets_messages_back_that_have_no_route()
    {
        var channel = OpenChannel();
        var returned = Collect<BasicReturnEventArgs>(handler => channel.BasicReturn += handler);
        channel.BasicPublish("amq.direct", Name("nowhere"), mandatory: true, basicProperties: null, Bytes("m"));
        var message = Take(returned);
        Assert.That((message.ReplyCode, message.ReplyText, message.Exchange), Is.EqualTo(((ushort)312, "NO_ROUTE", "amq.direct")));
    }

    [Test]
    public void It_is_told_why_a_channel_is_closed()
    {
        var connection = Connect();
        var channel = OpenChannel(connection);
        var closed = Collect<ShutdownEventArgs>(handler => channel.ModelShutdown += handler);
        var exchange = Name("missing");
        channel.BasicPublish(exchange, "", basicProperties: null, Bytes("m"));
        var reason = Take(closed);
        Assert.That((reason.ReplyCode, reason.ReplyText, reason.Initiator, reason.ClassId, reason.MethodId),
            Is.EqualTo(((ushort)404, $"NOT_FOUND - no exchange '{exchange}' in vhost '/'", ShutdownInitiator.Peer, (ushort)60, (ushort)40)));
        Assert.That(connection.IsOpen, Is.True);
        OpenChannel(connection).Close();
    }

    [Test]
    public void It_is_told_why_the_connection_is_closed()
    {
        var connection = Connect();
        var channel = OpenChannel(connection);
        var queue = DeclareQueue(channel);
        var closed = Collect<ShutdownEventArgs>(handler => connection.ConnectionShutdown += handler);
        Consume(channel, queue, tag: "tag");
        const string text = "NOT_ALLOWED - attempt to reuse consumer tag 'tag'";
        ExpectClose(() => Consume(channel, queue, tag: "tag"), 530, text);
        var reason = Take(closed);
        Assert.That((reason.ReplyCode, reason.ReplyText, reason.Initiator), Is.EqualTo(((ushort)530, text, ShutdownInitiator.Peer)));
    }

    [Test]
    public void It_is_told_when_its_queue_is_deleted()
    {
        var connection = Connect();
        var channel = OpenChannel(connection);
        var queue = DeclareQueue(channel);
        var consumer = new EventingBasicConsumer(channel);
        var cancelled = Collect<ConsumerEventArgs>(handler => consumer.ConsumerCancelled += handler);
        var tag = channel.BasicConsume(queue, autoAck: false, consumer);
        OpenChannel(connection).QueueDelete(queue);
        Assert.That(Take(cancelled).ConsumerTags, Is.EqualTo([tag]));
    }

    [Test]
    public async Task Its_asynchronous_consumer_gets_messages_and_cancels()
    {
        var factory = Factory();
        factory.DispatchConsumersAsync = true;
        var channel = OpenChannel(Connect(factory));
        var queue = DeclareQueue(channel);
        var consumer = new AsyncEventingBasicConsumer(channel);
        var texts = new ConcurrentQueue<string>();
        consumer.Received += async (_, delivery) =>
        {
            texts.Enqueue(Text(delivery.Body));
            await Task.Yield();
            channel.BasicAck(delivery.DeliveryTag, multiple: false);
        };
        var tag = channel.BasicConsume(queue, autoAck: false, consumer);
        Publish(channel, queue, "1", "2", "3");
        await Eventually.That(() => texts.Count, Is.EqualTo(3));
        Assert.That(texts, Is.EqualTo(["1", "2", "3"]));
        channel.BasicCancel(tag);
        Publish(channel, queue, "4");
        await Eventually.That(() => channel.MessageCount(queue), Is.EqualTo(1));
        Assert.That(texts, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task It_shares_one_connection_between_threads()
    {
        var connection = Connect();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(n => Task.Run(() =>
        {
            using var channel = OpenChannel(connection);
            var queue = channel.QueueDeclare().QueueName;
            var deliveries = Consume(channel, queue, autoAck: true);
            for (var i = 0; i < 100; i++) Publish(channel, queue, $"{n}.{i}");
            for (var i = 0; i < 100; i++) Assert.That(Take(deliveries).Text, Is.EqualTo($"{n}.{i}"));
        })));
    }
}
