using System.Collections.Concurrent;
using System.Text;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Conformance.Client6.Tests;

/// <summary>Base of the tests with the synchronous client: connections that end with the test.</summary>
public abstract class Client6Fixture : BrokerFixture
{
    private readonly List<IConnection> _connections = [];

    protected static ConnectionFactory Factory(int? port = null) => new()
    {
        HostName = Broker.Address.ToString(),
        Port = port ?? Broker.Port,
        AutomaticRecoveryEnabled = false,
        TopologyRecoveryEnabled = false,
        ContinuationTimeout = Patience.Answer,
        HandshakeContinuationTimeout = Patience.Answer,
        RequestedConnectionTimeout = Patience.Answer,
    };

    protected IConnection Connect(ConnectionFactory? factory = null)
    {
        var connection = (factory ?? Factory()).CreateConnection(TestContext.CurrentContext.Test.Name);
        _connections.Add(connection);
        return connection;
    }

    protected IModel OpenChannel(IConnection? connection = null) => (connection ?? Connect()).CreateModel();

    /// <summary>An exclusive queue, so it goes with the connection.</summary>
    protected static string DeclareQueue(IModel channel, IDictionary<string, object>? arguments = null) =>
        channel.QueueDeclare(Name(), durable: false, exclusive: true, autoDelete: false, arguments).QueueName;

    protected static void Publish(IModel channel, string queue, params string[] texts)
    {
        foreach (var text in texts) channel.BasicPublish("", queue, basicProperties: null, Bytes(text));
    }

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static string Text(ReadOnlyMemory<byte> body) => Encoding.UTF8.GetString(body.Span);

    protected static T Take<T>(BlockingCollection<T> collection)
    {
        Assert.That(collection.TryTake(out var item, Patience.Answer), Is.True, $"a {typeof(T).Name} within {Patience.Answer.TotalSeconds} s");
        return item!;
    }

    /// <summary>Collects what comes to an event, in order.</summary>
    protected static BlockingCollection<T> Collect<T>(Action<EventHandler<T>> subscribe)
    {
        var events = new BlockingCollection<T>();
        subscribe((_, item) => events.Add(item));
        return events;
    }

    protected static BlockingCollection<(ulong Tag, bool Redelivered, string Text)> Consume(
        IModel channel, string queue, bool autoAck = false, string tag = "")
    {
        var deliveries = new BlockingCollection<(ulong, bool, string)>();
        var consumer = new EventingBasicConsumer(channel);
        consumer.Received += (_, delivery) => deliveries.Add((delivery.DeliveryTag, delivery.Redelivered, Text(delivery.Body)));
        channel.BasicConsume(queue, autoAck, tag, noLocal: false, exclusive: false, arguments: null, consumer);
        return deliveries;
    }

    protected static void ExpectClose(Action operation, int code, string text)
    {
        var exception = Assert.Throws<OperationInterruptedException>(() => operation());
        Assert.That((exception?.ShutdownReason.ReplyCode, exception?.ShutdownReason.ReplyText), Is.EqualTo(((ushort?)code, text)));
    }

    [TearDown]
    public void CloseConnections()
    {
        foreach (var connection in _connections) connection.Abort(Patience.Answer);
        foreach (var connection in _connections) connection.Dispose();
        _connections.Clear();
    }
}
