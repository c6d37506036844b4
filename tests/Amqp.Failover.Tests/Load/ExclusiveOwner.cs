using Amqp.Failover.Tests.Processes;
using Amqp.Testing;
using Amqp.Testing.Clusters;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Failover.Tests.Load;

/// <summary>A client with an exclusive queue, from which it consumes, and a transient one on its node.</summary>
internal sealed class ExclusiveOwner : IAsyncDisposable
{
    private const string Transient = "transient-of-";

    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private readonly ClusterNode _node;
    private string _queue = "";
    private int _received;

    private ExclusiveOwner(IConnection connection, IChannel channel, ClusterNode node) => (_connection, _channel, _node) = (connection, channel, node);

    public static async Task<ExclusiveOwner> At(ClusterNode node)
    {
        var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = node.Port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
        var owner = new ExclusiveOwner(connection, await connection.CreateChannelAsync(), node);
        owner._queue = (await owner._channel.QueueDeclareAsync()).QueueName;
        await owner._channel.QueueDeclareAsync($"{Transient}{node.Name}", durable: false, exclusive: false, autoDelete: false);
        var consumer = new AsyncEventingBasicConsumer(owner._channel);
        consumer.ReceivedAsync += (_, _) =>
        {
            Interlocked.Increment(ref owner._received);
            return Task.CompletedTask;
        };
        await owner._channel.BasicConsumeAsync(owner._queue, autoAck: true, consumer);
        return owner;
    }

    /// <summary>What it sends to its exclusive queue comes, and the other one is there.</summary>
    public async Task HearsItself()
    {
        var before = Volatile.Read(ref _received);
        await _channel.BasicPublishAsync("", _queue, "x"u8.ToArray());
        await Eventually.True(() => Volatile.Read(ref _received) > before, Patience.Start, $"a message by the exclusive queue at {_node.Name}");
        await _channel.QueueDeclarePassiveAsync($"{Transient}{_node.Name}");
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
