using Amqp.Testing.Clusters;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Failover.Tests.Load;

/// <summary>Takes messages from the queue and acknowledges each, until it is asked to end.</summary>
internal sealed class LoadConsumer(ClusterProcesses cluster, ClusterNode home, string queue, ushort prefetch, int seed, History history) : LoadClient(cluster, home, seed)
{
    private static int _sessions;

    private int _cancelled;

    /// <summary>How often the broker has cancelled it.</summary>
    public int Cancelled => _cancelled;

    /// <summary>Whether it asks to be cancelled when the queue gets another leader.</summary>
    public bool AsksForCancel { get; init; }

    private int _received;

    public int Received => Volatile.Read(ref _received);

    /// <summary>How often it has subscribed.</summary>
    public int Sessions { get; private set; }

    protected override async Task Serve(IConnection connection, CancellationTokenSource gone, CancellationToken stop)
    {
        var session = Interlocked.Increment(ref _sessions);
        var channel = await connection.CreateChannelAsync(cancellationToken: gone.Token);
        channel.ChannelShutdownAsync += (_, _) => Cancel(gone);
        await channel.BasicQosAsync(0, prefetch, global: false, gone.Token);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.UnregisteredAsync += (_, _) =>
        {
            if (stop.IsCancellationRequested) return Task.CompletedTask;
            Interlocked.Increment(ref _cancelled);
            return Cancel(gone);
        };
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            try
            {
                var message = Body.Read(delivery.Body.Span);
                history.Add(What.Delivered, message, session, delivery.Redelivered, At);
                Interlocked.Increment(ref _received);
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
                history.Add(What.Acked, message, session);
            }
            catch (FormatException exception)
            {
                Fail(exception);
            }
            catch (Exception exception) when (exception is RabbitMQ.Client.Exceptions.AlreadyClosedException or OperationCanceledException or IOException or ObjectDisposedException)
            {
                // It will come again.
            }
        };
        var arguments = AsksForCancel ? new Dictionary<string, object?> { ["x-cancel-on-ha-failover"] = true } : null;
        var tag = await channel.BasicConsumeAsync(queue, autoAck: false, "", noLocal: false, exclusive: false, arguments, consumer, gone.Token);
        Sessions++;
        await Until(stop, gone.Token);
        await channel.BasicCancelAsync(tag, cancellationToken: gone.Token);
    }

    private static async Task Until(CancellationToken stop, CancellationToken gone)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, gone);
        var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = either.Token.Register(waiting.SetResult);
        await waiting.Task;
        if (!stop.IsCancellationRequested) gone.ThrowIfCancellationRequested();
    }
}
