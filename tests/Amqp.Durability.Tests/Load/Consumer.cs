using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Durability.Tests.Load;

/// <summary>
/// Consumes a queue with acknowledgements, now one by one, now many at once, so that at any moment some deliveries are not
/// acknowledged. Those go back to the queue when it ends.
/// </summary>
internal sealed class Consumer(string queue, int number, int seed, Ledger ledger, BrokerLife life)
    : Client($"consumer {number} of {queue}", life, ledger.Violate)
{
    private const int PrefetchMax = 300;
    private readonly Random _random = new(seed);

    protected override async Task Serve(IConnection connection, int number, CancellationToken stop, CancellationToken gone)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: gone);
        var prefetch = _random.Next(1, PrefetchMax);
        await channel.BasicQosAsync(0, (ushort)prefetch, global: false, gone);
        var session = new Ledger.Session(number);
        var held = new List<Stamp>();
        var batch = 1;
        // What the ledger hears of as acknowledged has to be sent before the channel closes.
        using var handling = new SemaphoreSlim(1);
        var ended = false;

        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            await handling.WaitAsync(gone);
            try
            {
                if (ended) return;
                if (Note(session, delivery) is { } message) held.Add(message);
                if (held.Count < batch) return;
                foreach (var acked in held) ledger.Acking(queue, number, acked);
                held.Clear();
                batch = _random.Next(2) == 0 ? 1 : _random.Next(1, prefetch + 1);
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: true, gone);
            }
            finally
            {
                handling.Release();
            }
        };
        await channel.BasicConsumeAsync(queue, autoAck: false, consumer, gone);
        await Until(stop, gone);
        await handling.WaitAsync(gone);
        ended = true;
        handling.Release();
        await channel.CloseAsync(gone);
    }

    private Stamp? Note(Ledger.Session session, BasicDeliverEventArgs delivery)
    {
        var stamp = Stamp.Of(delivery.Body.Span);
        ledger.Deliver(queue, session, stamp, delivery.Redelivered);
        if (stamp is { } message && message.Persistent != delivery.BasicProperties.Persistent) ledger.Violate($"damaged: {message} has another delivery mode");
        return stamp;
    }
}
