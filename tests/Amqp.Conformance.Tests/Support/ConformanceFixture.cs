using System.Text;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Conformance.Tests.Support;

/// <summary>
/// Base of the tests that use RabbitMQ.Client: connections and channels that end with the test, and queues and exchanges that are
/// deleted after it.
/// </summary>
public abstract class ConformanceFixture : BrokerFixture
{
    private static IConnection? _shared;
    private readonly List<IChannel> _channels = [];
    private readonly List<IConnection> _connections = [];
    private readonly List<string> _queues = [];
    private readonly List<string> _exchanges = [];

    /// <summary>How every connection of the tests is made, unless they say otherwise.</summary>
    protected static ConnectionFactory Factory(int? port = null) => new()
    {
        HostName = Broker.Address.ToString(),
        Port = port ?? Broker.Port,
        AutomaticRecoveryEnabled = false,
        TopologyRecoveryEnabled = false,
        ContinuationTimeout = Patience.Answer,
        HandshakeContinuationTimeout = Patience.Answer,
        RequestedConnectionTimeout = Patience.Answer,
        RequestedHeartbeat = TimeSpan.Zero,
    };

    /// <summary>A connection of this test's own. For tests that close it, break it or need two.</summary>
    protected async Task<IConnection> Connect(Action<ConnectionFactory>? configure = null)
    {
        var factory = Factory();
        configure?.Invoke(factory);
        var connection = await factory.CreateConnectionAsync(TestContext.CurrentContext.Test.Name);
        _connections.Add(connection);
        return connection;
    }

    /// <summary>A connection of one of the users of <see cref="Definitions"/>.</summary>
    protected Task<IConnection> Connect(string user, string vhost = "/") => Connect(factory =>
    {
        (factory.UserName, factory.Password, factory.VirtualHost) = (user, Definitions.Password, vhost);
    });

    /// <summary>A channel on <paramref name="connection"/>, or on the one that all tests share: for tests that leave it alone.</summary>
    protected async Task<IChannel> OpenChannel(IConnection? connection = null)
    {
        var channel = await (connection ?? await Shared()).CreateChannelAsync();
        _channels.Add(channel);
        return channel;
    }

    /// <summary>A channel on which each publish completes with its confirm.</summary>
    protected async Task<IChannel> OpenConfirmChannel()
    {
        var connection = await Connect();
        return await connection.CreateChannelAsync(new CreateChannelOptions(
            publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
    }

    /// <summary>Declares a queue, by default one of a name no other test uses, that is deleted after the test.</summary>
    protected async Task<string> DeclareQueue(
        IChannel channel, string? name = null, bool durable = false, bool exclusive = false, bool autoDelete = false,
        IDictionary<string, object?>? arguments = null)
    {
        name ??= Name();
        _queues.Add(name);
        var answer = await channel.QueueDeclareAsync(name, durable, exclusive, autoDelete, arguments);
        Assert.That(answer.QueueName, Is.EqualTo(name));
        return name;
    }

    /// <summary>Declares a queue and binds it.</summary>
    protected async Task<string> DeclareBoundQueue(
        IChannel channel, string exchange, string routingKey, IDictionary<string, object?>? arguments = null)
    {
        var queue = await DeclareQueue(channel);
        await channel.QueueBindAsync(queue, exchange, routingKey, arguments);
        return queue;
    }

    /// <summary>Declares an exchange, by default of a name no other test uses, that is deleted after the test.</summary>
    protected async Task<string> DeclareExchange(
        IChannel channel, string type, string? name = null, bool durable = false, bool autoDelete = false,
        IDictionary<string, object?>? arguments = null)
    {
        name ??= Name("x");
        _exchanges.Add(name);
        await channel.ExchangeDeclareAsync(name, type, durable, autoDelete, arguments);
        return name;
    }

    /// <summary>Has these deleted after the test: for what it declares otherwise.</summary>
    protected void DeleteAfterTest(string? queue = null, string? exchange = null)
    {
        if (queue is not null) _queues.Add(queue);
        if (exchange is not null) _exchanges.Add(exchange);
    }

    /// <summary>Publishes texts to a queue through the default exchange, transient.</summary>
    protected static async Task Publish(IChannel channel, string queue, params IEnumerable<string> texts)
    {
        foreach (var text in texts) await channel.BasicPublishAsync("", queue, Bytes(text));
    }

    /// <summary>Waits until a queue has so many messages ready. RabbitMQ's answer to a declaration may overtake a message.</summary>
    protected static Task ExpectReady(IChannel channel, string queue, uint count) =>
        Eventually.That(async () => (await channel.QueueDeclarePassiveAsync(queue)).MessageCount, Is.EqualTo(count));

    /// <summary>
    /// Takes out of a queue what <paramref name="channel"/> has published so far and what was in it before, and returns the texts
    /// in order. A last message of its own tells the end, so an empty answer is certain, too.
    /// </summary>
    protected static async Task<List<string>> Drain(IChannel channel, string queue)
    {
        var end = $"end {Guid.NewGuid()}";
        await Publish(channel, queue, end);
        var texts = new List<string>();
        await Eventually.True(
            async () =>
            {
                while (await channel.BasicGetAsync(queue, autoAck: true) is { } message)
                {
                    var text = Encoding.UTF8.GetString(message.Body.Span);
                    if (text == end) return true;
                    texts.Add(text);
                }
                return false;
            },
            expression: $"queue '{queue}' drained");
        return texts;
    }

    /// <summary>Gets one message, which must come.</summary>
    protected static async Task<BasicGetResult> Get(IChannel channel, string queue, bool autoAck = false)
    {
        BasicGetResult? message = null;
        await Eventually.True(async () => (message = await channel.BasicGetAsync(queue, autoAck)) is not null, expression: "basic.get of a message");
        return message!;
    }

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static Dictionary<string, object?> Table(params ReadOnlySpan<(string Name, object? Value)> fields)
    {
        var table = new Dictionary<string, object?>();
        foreach (var (name, value) in fields) table.Add(name, value);
        return table;
    }

    /// <summary>Numbered texts: 1, 2, 3 ...</summary>
    protected static string[] Numbers(int count) => [.. Enumerable.Range(1, count).Select(n => $"{n}")];

    /// <summary>The operation must fail because the server closes the channel or the connection, with exactly this code and text.</summary>
    protected static async Task ExpectClose(Func<Task> operation, int code, string text)
    {
        try
        {
            await operation();
        }
        catch (OperationInterruptedException exception)
        {
            Assert.That((exception.ShutdownReason?.ReplyCode, exception.ShutdownReason?.ReplyText), Is.EqualTo(((ushort?)code, Cut(text))));
            return;
        }
        Assert.Fail($"succeeded, but should have failed with {code} {text}");
    }

    /// <summary>The server must close the channel with exactly this code and text, because of something that has no answer.</summary>
    protected static async Task ExpectClose(IChannel channel, int code, string text)
    {
        await Eventually.True(() => channel.IsClosed);
        ExpectReason(channel.CloseReason, code, text);
    }

    /// <summary>The server must close the connection with exactly this code and text, because of something that has no answer.</summary>
    protected static async Task ExpectClose(IConnection connection, int code, string text)
    {
        await Eventually.True(() => !connection.IsOpen);
        ExpectReason(connection.CloseReason, code, text);
    }

    [TearDown]
    public async Task CleanUp()
    {
        foreach (var channel in _channels) await channel.AbortAsync();
        foreach (var connection in _connections) await connection.AbortAsync(Patience.Answer);
        foreach (var connection in _connections) await connection.DisposeAsync();
        if (_queues.Count + _exchanges.Count > 0)
        {
            await using var channel = await (await Shared()).CreateChannelAsync();
            foreach (var queue in _queues) await channel.QueueDeleteAsync(queue);
            foreach (var exchange in _exchanges) await channel.ExchangeDeleteAsync(exchange);
        }
        _channels.Clear();
        _connections.Clear();
        _queues.Clear();
        _exchanges.Clear();
    }

    internal static async Task CloseShared()
    {
        if (_shared is null) return;
        await _shared.CloseAsync(Patience.Answer);
        await _shared.DisposeAsync();
        _shared = null;
    }

    private static async Task<IConnection> Shared()
    {
        if (_shared is not { IsOpen: true }) _shared = await Factory().CreateConnectionAsync("shared by the tests");
        return _shared;
    }

    /// <summary>A reply text is a short string: of a longer one 252 octets are sent, and three dots.</summary>
    private static string Cut(string text) =>
        Encoding.UTF8.GetByteCount(text) <= 255 ? text : $"{Encoding.UTF8.GetString(Bytes(text).AsSpan(0, 252))}...";

    private static void ExpectReason(ShutdownEventArgs? reason, int code, string text) =>
        Assert.That((reason?.ReplyCode, reason?.ReplyText, reason?.Initiator), Is.EqualTo(((ushort?)code, Cut(text), ShutdownInitiator.Peer)));
}
