using System.Threading.Channels;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests.Support;

/// <summary>A consumer that keeps what it is sent until the test asks for it. It acknowledges nothing by itself.</summary>
public sealed class Subscriber(IChannel channel) : AsyncDefaultBasicConsumer(channel)
{
    private readonly Channel<Delivery> _deliveries = System.Threading.Channels.Channel.CreateUnbounded<Delivery>();
    private readonly TaskCompletionSource<string> _cancelledByServer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _received;

    /// <summary>Deliveries so far, taken out by <see cref="Next()"/> or not.</summary>
    public int Received => Volatile.Read(ref _received);

    /// <summary>The tag the server gave or confirmed.</summary>
    public string Tag { get; private set; } = "";

    public static async Task<Subscriber> Start(
        IChannel channel, string queue, bool autoAck = false, string tag = "", bool noLocal = false, bool exclusive = false,
        IDictionary<string, object?>? arguments = null)
    {
        var subscriber = new Subscriber(channel);
        subscriber.Tag = await channel.BasicConsumeAsync(queue, autoAck, tag, noLocal, exclusive, arguments, subscriber);
        return subscriber;
    }

    public async Task<Delivery> Next()
    {
        using var deadline = new CancellationTokenSource(Patience.Answer);
        try
        {
            return await _deliveries.Reader.ReadAsync(deadline.Token);
        }
        catch (OperationCanceledException exception)
        {
            throw new AssertionException($"no delivery to consumer '{Tag}' within {Patience.Answer.TotalSeconds} s, after {Received}", exception);
        }
    }

    public async Task<Delivery[]> Next(int count)
    {
        var deliveries = new Delivery[count];
        for (var i = 0; i < count; i++) deliveries[i] = await Next();
        return deliveries;
    }

    /// <summary>Returns the tag in the basic.cancel the server sent.</summary>
    public Task<string> CancelledByServer() => _cancelledByServer.Task.WaitAsync(Patience.Answer);

    public override Task HandleBasicDeliverAsync(
        string consumerTag, ulong deliveryTag, bool redelivered, string exchange, string routingKey,
        IReadOnlyBasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default)
    {
        var delivery = new Delivery(consumerTag, deliveryTag, redelivered, exchange, routingKey, properties, body.ToArray());
        Interlocked.Increment(ref _received);
        _deliveries.Writer.TryWrite(delivery);
        return Task.CompletedTask;
    }

    public override Task HandleBasicCancelAsync(string consumerTag, CancellationToken cancellationToken = default)
    {
        _cancelledByServer.TrySetResult(consumerTag);
        return base.HandleBasicCancelAsync(consumerTag, cancellationToken);
    }
}
