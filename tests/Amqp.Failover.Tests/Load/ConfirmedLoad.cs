using Amqp.Testing;
using Amqp.Testing.Clusters;
using RabbitMQ.Client;

namespace Amqp.Failover.Tests.Load;

/// <summary>Publishers, and consumers if wanted, at all nodes of a cluster, on one durable queue; and the history of all that they saw.</summary>
internal sealed class ConfirmedLoad : IAsyncDisposable
{
    private const int Window = 50;
    private const ushort Prefetch = 50;
    private const ushort DrainPrefetch = 500;
    private static readonly TimeSpan ToEnd = TimeSpan.FromMinutes(2);

    private readonly ClusterProcesses _cluster;
    private readonly List<LoadPublisher> _publishers;
    private readonly List<LoadConsumer> _consumers = [];
    private readonly Random _random;

    private ConfirmedLoad(ClusterProcesses cluster, string queue, int seed)
    {
        (_cluster, Queue, _random) = (cluster, queue, new Random(seed));
        _publishers = [.. cluster.Nodes.Select((node, index) => new LoadPublisher(cluster, node, index + 1, queue, Window, _random.Next(), History))];
    }

    public string Queue { get; }

    public History History { get; } = new();

    public IReadOnlyList<LoadConsumer> Consumers => _consumers;

    private IEnumerable<LoadClient> Clients => [.. _publishers, .. _consumers];

    /// <summary>Declares the queue at a node, and begins.</summary>
    /// <param name="consumersAt">Where consumers are.</param>
    public static async Task<ConfirmedLoad> Begin(ClusterProcesses cluster, ClusterNode home, string queue, int seed, params IEnumerable<ClusterNode> consumersAt)
    {
        await using (var connection = await LoadClient.Connect(home, "declares"))
        await using (var channel = await connection.CreateChannelAsync()) await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        var load = new ConfirmedLoad(cluster, queue, seed);
        foreach (var node in consumersAt) load.AddConsumer(node);
        foreach (var publisher in load._publishers) publisher.Start();
        return load;
    }

    public LoadConsumer AddConsumer(ClusterNode node, bool asksForCancel = false)
    {
        var consumer = new LoadConsumer(_cluster, node, Queue, Prefetch, _random.Next(), History) { AsksForCancel = asksForCancel };
        _consumers.Add(consumer);
        consumer.Start();
        return consumer;
    }

    /// <summary>So many more messages are confirmed.</summary>
    public async Task MoreConfirms(int count, TimeSpan? within = null)
    {
        var target = History.Count(What.Confirmed) + count;
        await Eventually.True(() => History.Count(What.Confirmed) >= target, within ?? TimeSpan.FromMinutes(2), $"{count} more confirms");
    }

    public async Task MoreDeliveries(int count)
    {
        var target = History.Count(What.Delivered) + count;
        await Eventually.True(() => History.Count(What.Delivered) >= target, TimeSpan.FromMinutes(2), $"{count} more deliveries");
    }

    /// <summary>Consumers end; then some messages more are published, which stay in the queue; then all that was published is confirmed, and publishers end.</summary>
    public async Task End(int stay)
    {
        foreach (var consumer in _consumers) await consumer.Finish(ToEnd);
        await MoreConfirms(stay);
        await Task.WhenAll(_publishers.Select(publisher => publisher.Finish(ToEnd)));
    }

    /// <summary>Takes out what is in the queue, until it is empty, and judges.</summary>
    public async Task<Verdict> Drain()
    {
        var consumer = new LoadConsumer(_cluster, _cluster.Other(), Queue, DrainPrefetch, seed: 0, History);
        await using (consumer)
        {
            consumer.Start();
            await using var connection = await LoadClient.Connect(_cluster.Other(), "counts");
            await using var channel = await connection.CreateChannelAsync();
            await Eventually.That(async () => (await channel.QueueDeclarePassiveAsync(Queue)).MessageCount, Is.Zero, ToEnd, $"messages that are left in {Queue}");
            await consumer.Finish(ToEnd);
            // What the consumer was given and did not acknowledge is there again.
            while (await channel.BasicGetAsync(Queue, autoAck: false) is { } message)
            {
                var key = Body.Read(message.Body.Span);
                History.Add(What.Delivered, key, session: 0, message.Redelivered);
                await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
                History.Add(What.Acked, key);
            }
        }
        Assert.That(consumer.Failure, Is.Null);
        foreach (var client in Clients) Assert.That(client.Failure, Is.Null);
        return HistoryChecker.Check(History.Events);
    }

    /// <summary>Why sessions of clients ended.</summary>
    public IEnumerable<string> Troubles => Clients.SelectMany(client => client.Troubles).Order(StringComparer.Ordinal);

    public async ValueTask DisposeAsync()
    {
        foreach (var client in Clients) await client.DisposeAsync();
    }
}
