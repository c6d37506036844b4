using Amqp.Failover.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Failover.Tests;

/// <summary>Consumers of a mirrored queue, at nodes that survive its leader.</summary>
[Ours, NonParallelizable]
public sealed class ConsumerFailoverTests : FailoverFixture
{
    private const int Held = 20;

    [Test]
    public async Task A_consumer_elsewhere_goes_on_and_gets_again_what_it_held()
    {
        var load = await BeginLoad("n1", Mirrored);
        await load.MoreConfirms(500);
        await using var connection = await LoadClient.Connect(Cluster["n2"], "a consumer");
        await using var channel = await connection.CreateChannelAsync();
        var holding = new Holder(channel);
        await channel.BasicQosAsync(0, Held, global: false);
        await channel.BasicConsumeAsync(Queue, autoAck: false, holding);
        await Eventually.That(() => holding.Deliveries.Count, Is.EqualTo(Held), ToRecover);
        MessageKey[] held = [.. holding.Deliveries.Select(delivery => delivery.Message)];
        Assert.That(holding.Deliveries.Any(delivery => delivery.Redelivered), Is.False);

        await Cluster["n1"].Kill();
        await Eventually.That(() => holding.Deliveries.Count(delivery => delivery.Redelivered), Is.GreaterThanOrEqualTo(Held), ToRecover);
        Assert.That(holding.Deliveries.Skip(Held).Take(Held).Select(delivery => delivery.Message), Is.EquivalentTo(held));
        Assert.That(holding.Cancels, Is.Zero, "it did not ask to be told");
        Assert.That(channel.IsOpen);
        await channel.CloseAsync();
        await Cluster["n1"].Start();
        await Judge(load, copies: 3);
    }

    [Test]
    public async Task A_consumer_that_asks_for_it_is_cancelled()
    {
        var load = await BeginLoad("n1", Mirrored);
        await load.MoreConfirms(500);
        var (asks, silent) = (load.AddConsumer(Cluster["n2"], asksForCancel: true), load.AddConsumer(Cluster["n3"]));
        await load.MoreDeliveries(200);
        await Cluster["n1"].Kill();
        await Eventually.That(() => asks.Cancelled, Is.EqualTo(1), ToRecover);
        await Eventually.That(() => asks.Sessions, Is.EqualTo(2), ToRecover, "it has subscribed again");
        await load.MoreDeliveries(200);
        Assert.That((silent.Cancelled, silent.Sessions), Is.EqualTo((0, 1)), "the other one notices nothing");
        await Cluster["n1"].Start();
        await Judge(load, copies: 3);
    }

    /// <summary>Acknowledges nothing.</summary>
    private sealed class Holder : AsyncDefaultBasicConsumer
    {
        private readonly Lock _lock = new();
        private readonly List<(MessageKey Message, bool Redelivered)> _deliveries = [];
        private int _cancels;

        public Holder(IChannel channel) : base(channel)
        {
        }

        public int Cancels => _cancels;

        public IReadOnlyList<(MessageKey Message, bool Redelivered)> Deliveries
        {
            get
            {
                lock (_lock) return [.. _deliveries];
            }
        }

        public override Task HandleBasicDeliverAsync(
            string consumerTag, ulong deliveryTag, bool redelivered, string exchange, string routingKey, IReadOnlyBasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default)
        {
            lock (_lock) _deliveries.Add((Body.Read(body.Span), redelivered));
            return Task.CompletedTask;
        }

        public override Task HandleBasicCancelAsync(string consumerTag, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref _cancels);
            return Task.CompletedTask;
        }
    }
}
