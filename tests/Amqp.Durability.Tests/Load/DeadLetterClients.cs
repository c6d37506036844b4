using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Durability.Tests.Load;

/// <summary>Where a number goes, and with which headers.</summary>
internal readonly record struct Addressed(string Exchange, string RoutingKey, IDictionary<string, object?>? Headers = null);

/// <summary>Publishes persistent messages with numbers, and notes those that were confirmed.</summary>
internal sealed class NumberPublisher(Func<int, Addressed> address, BrokerLife life, Action<string> violate) : Client("number publisher", life, violate)
{
    /// <summary>To these queues in turn.</summary>
    public NumberPublisher(string[] queues, BrokerLife life, Action<string> violate)
        : this(number => new Addressed("", queues[number % queues.Length]), life, violate)
    {
    }

    private const int Batch = 50;

    private int _published;

    public ConcurrentDictionary<int, byte> Confirmed { get; } = [];

    public static int Number(ReadOnlyMemory<byte> body) => int.Parse(Encoding.ASCII.GetString(body.Span), CultureInfo.InvariantCulture);

    protected override async Task Serve(IConnection connection, int number, CancellationToken stop, CancellationToken gone)
    {
        var channel = await Queues.ConfirmChannel(connection);
        while (!stop.IsCancellationRequested) await Task.WhenAll(Enumerable.Range(0, Batch).Select(_ => Publish(channel, gone)));
    }

    private async Task Publish(IChannel channel, CancellationToken gone)
    {
        var number = Interlocked.Increment(ref _published);
        var body = Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));
        var (exchange, routingKey, headers) = address(number);
        await channel.BasicPublishAsync(exchange, routingKey, mandatory: true, new BasicProperties { Persistent = true, Headers = headers }, body, gone);
        Confirmed[number] = 0;
    }
}

/// <summary>Rejects everything.</summary>
internal sealed class Rejecter(string queue, BrokerLife life, Action<string> violate) : Client("rejecter", life, violate)
{
    protected override async Task Serve(IConnection connection, int number, CancellationToken stop, CancellationToken gone)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: gone);
        await channel.BasicQosAsync(0, 100, global: false, gone);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) => await channel.BasicRejectAsync(delivery.DeliveryTag, requeue: false, gone);
        var tag = await channel.BasicConsumeAsync(queue, autoAck: false, consumer, gone);
        await Until(stop, gone);
        await channel.BasicCancelAsync(tag, cancellationToken: gone);
    }
}

/// <summary>Sends everything back; what came back more often than it may must not come again.</summary>
internal sealed class Returner(string queue, long deliveryLimit, BrokerLife life, Action<string> violate) : Client("returner", life, violate)
{
    protected override async Task Serve(IConnection connection, int number, CancellationToken stop, CancellationToken gone)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: gone);
        await channel.BasicQosAsync(0, 100, global: false, gone);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            var count = delivery.BasicProperties.Headers is { } headers && headers.TryGetValue("x-delivery-count", out var value) ? (long)value! : 0;
            if (count > deliveryLimit) Violate($"retry: a message of {queue} came after {count} returns");
            await channel.BasicRejectAsync(delivery.DeliveryTag, requeue: true, gone);
        };
        var tag = await channel.BasicConsumeAsync(queue, autoAck: false, consumer, gone);
        await Until(stop, gone);
        await channel.BasicCancelAsync(tag, cancellationToken: gone);
    }
}
