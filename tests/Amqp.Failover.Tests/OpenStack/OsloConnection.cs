using Amqp.Failover.Tests.Load;
using Amqp.Testing.Clusters;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Failover.Tests.OpenStack;

/// <summary>
/// A connection as oslo.messaging's driver for RabbitMQ uses it (class <c>Connection</c> of impl_rabbit.py, commit 8ea2d5b4): one channel, on which everything
/// is tried again until it succeeds; a new channel declares its queues anew and subscribes to them; a queue that is "not found" is deleted and declared anew.
/// </summary>
/// <param name="home">The node that it prefers; it goes to others while that is down.</param>
internal sealed class OsloConnection(ClusterProcesses cluster, ClusterNode home, OsloCounts counts) : IAsyncDisposable
{
    private const int NotFound = 404;
    private const ushort Prefetch = 50;
    private static readonly TimeSpan ToConfirm = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _end = new();
    private readonly List<(OsloQueue Queue, Func<OsloMessage, Task> Handler)> _consumers = [];
    private readonly ClusterNode _home = home;
    private ClusterNode _node = home;
    private IConnection? _connection;
    private IChannel? _channel;
    private readonly List<Task> _revivals = [];
    private readonly OsloCounts _counts = counts;

    /// <summary>Declares queues, as another process of a service would have done before.</summary>
    public Task Declare(params OsloQueue[] queues) => Ensure(async channel =>
    {
        foreach (var queue in queues) channel = await Declare(channel, queue);
    });

    /// <summary><c>declare_consumer</c>; what is delivered is acknowledged before it is handled.</summary>
    public Task Consume(OsloQueue queue, Func<OsloMessage, Task> handler) => Ensure(async channel =>
    {
        await Subscribe(await Declare(channel, queue), queue, handler);
        _consumers.Add((queue, handler));
    });

    /// <summary><c>topic_send</c> and <c>fanout_send</c>: the exchange is declared, and the message confirmed.</summary>
    public Task Send(OsloQueue target, ReadOnlyMemory<byte> body, string? replyTo = null) => Ensure(async channel =>
    {
        await channel.ExchangeDeclareAsync(target.Exchange, target.Type, durable: false, autoDelete: target.Type == ExchangeType.Fanout, cancellationToken: _end.Token);
        await Publish(channel, target.Exchange, target.Key, isMandatory: false, body, replyTo);
    });

    /// <summary><c>direct_send</c>: a reply, which must find its queue.</summary>
    public Task Reply(string queue, ReadOnlyMemory<byte> body) => Ensure(channel => Publish(channel, "", queue, isMandatory: true, body, replyTo: null));

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _turn.WaitAsync();
        _turn.Release();
        Task[] revivals;
        lock (_revivals) revivals = [.. _revivals];
        await Task.WhenAll(revivals);
        await Drop();
        _turn.Dispose();
        _end.Dispose();
    }

    /// <summary><c>ensure</c>, without a limit to how often.</summary>
    private async Task Ensure(Func<IChannel, Task> method)
    {
        await _turn.WaitAsync(_end.Token);
        try
        {
            while (true)
            {
                try
                {
                    await method(await Channel());
                    return;
                }
                catch (PublishException)
                {
                    _counts.PublishRefused();
                    throw;
                }
                catch (Exception exception) when (exception is RabbitMQClientException or IOException or TimeoutException or OperationCanceledException or ObjectDisposedException)
                {
                    _end.Token.ThrowIfCancellationRequested();
                    if (exception is OperationInterruptedException { ShutdownReason: { Initiator: ShutdownInitiator.Peer } reason }) _counts.Closed(reason.ReplyCode);
                    await Drop();
                    await Task.Delay(Pause, _end.Token);
                    _node = _home.IsUp && _node != _home ? _home : cluster.Nodes.FirstOrDefault(node => node.IsUp && node != _node) ?? _home;
                }
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>The channel; a new one has the consumers again (<c>on_reconnection</c>).</summary>
    private async Task<IChannel> Channel()
    {
        if (_channel is { IsOpen: true } open) return open;
        await Drop();
        _connection = await LoadClient.Connect(_node, $"oslo of {_home.Name}");
        _counts.Connected();
        var channel = _channel = await OpenChannel(_connection);
        foreach (var (queue, handler) in _consumers)
        {
            channel = await Declare(channel, queue);
            await Subscribe(channel, queue, handler);
        }
        return channel;
    }

    private async Task<IChannel> OpenChannel(IConnection connection)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), _end.Token);
        channel.ChannelShutdownAsync += (_, _) => Revive(channel);
        await channel.BasicQosAsync(0, Prefetch, global: false, _end.Token);
        return channel;
    }

    /// <summary><c>Consumer.declare</c>.</summary>
    /// <returns>The channel, or another one: a queue that was not found has closed it.</returns>
    private async Task<IChannel> Declare(IChannel channel, OsloQueue queue)
    {
        try
        {
            await queue.Declare(channel, _end.Token);
        }
        catch (OperationInterruptedException refused) when (refused.ShutdownReason?.ReplyCode == NotFound)
        {
            _counts.WasNotFound();
            channel = _channel = await OpenChannel(_connection!);
            await channel.QueueDeleteAsync(queue.Name, cancellationToken: _end.Token);
            _counts.Deleted();
            await queue.Declare(channel, _end.Token);
        }
        _counts.Declared();
        return channel;
    }

    private async Task Subscribe(IChannel channel, OsloQueue queue, Func<OsloMessage, Task> handler)
    {
        var arguments = new Dictionary<string, object?> { ["x-cancel-on-ha-failover"] = true };
        try
        {
            await channel.BasicConsumeAsync(queue.Name, autoAck: false, "", noLocal: false, exclusive: false, arguments, new Subscription(this, channel, handler), _end.Token);
        }
        catch (OperationInterruptedException refused) when (refused.ShutdownReason?.ReplyCode == NotFound)
        {
            _counts.WasNotFound();
            throw;
        }
    }

    private async Task Publish(IChannel channel, string exchange, string key, bool isMandatory, ReadOnlyMemory<byte> body, string? replyTo)
    {
        try
        {
            await channel.BasicPublishAsync(exchange, key, isMandatory, new BasicProperties { Persistent = true, ReplyTo = replyTo }, body, _end.Token).AsTask().WaitAsync(ToConfirm);
        }
        catch (TimeoutException exception)
        {
            throw new InvalidOperationException($"A message to exchange '{exchange}' with key '{key}' was not confirmed within {ToConfirm.TotalSeconds} s, nor refused, at {_node.Name}.", exception);
        }
    }

    /// <summary>The consuming loop of the driver: when the channel is gone, or lost a consumer, it begins another connection, with all its consumers.</summary>
    private Task Revive(IChannel lost)
    {
        if (_end.IsCancellationRequested) return Task.CompletedTask;
        var reviving = Task.Run(async () =>
        {
            try
            {
                await Ensure(async channel =>
                {
                    if (channel != lost) return;
                    await Drop();
                    await Channel();
                });
            }
            catch (OperationCanceledException)
            {
                // The test is over.
            }
        });
        lock (_revivals) _revivals.Add(reviving);
        return Task.CompletedTask;
    }

    private async Task Drop()
    {
        var connection = _connection;
        (_connection, _channel) = (null, null);
        if (connection is not null) await LoadClient.Abandon(connection);
    }

    private sealed class Subscription(OsloConnection connection, IChannel channel, Func<OsloMessage, Task> handler) : AsyncDefaultBasicConsumer(channel)
    {
        public override async Task HandleBasicDeliverAsync(
            string consumerTag, ulong deliveryTag, bool redelivered, string exchange, string routingKey, IReadOnlyBasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default)
        {
            var message = new OsloMessage(body.ToArray(), properties.ReplyTo);
            await Channel.BasicAckAsync(deliveryTag, multiple: false, cancellationToken);
            await handler(message);
        }

        /// <summary>To py-amqp that is an error of the connection.</summary>
        public override Task HandleBasicCancelAsync(string consumerTag, CancellationToken cancellationToken = default)
        {
            connection._counts.Cancelled();
            return connection.Revive(Channel);
        }
    }
}

/// <param name="ReplyTo">The queue that the client waits at; null: it waits for nothing.</param>
internal sealed record OsloMessage(byte[] Body, string? ReplyTo);
