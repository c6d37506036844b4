using System.Collections.Concurrent;
using Amqp.Broker.Channels;
using Amqp.Broker.Connections;
using Amqp.Broker.Queues;
using Amqp.Core.Metrics;
using Amqp.Core.Topology;

namespace Amqp.Broker.Metrics;

/// <summary>Everything that is measured on a node. Objects are added and removed from any thread; the <see cref="Sampler"/> goes through them.</summary>
internal sealed class NodeMetrics
{
    private static readonly double[] SizeBounds = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000, 100_000_000];

    private readonly Func<TopologySnapshot> _topology;
    private readonly ConcurrentDictionary<Measured, bool>[] _live = [.. Enum.GetValues<MeasuredLevel>().Select(_ => new ConcurrentDictionary<Measured, bool>())];
    private readonly ConcurrentQueue<Measured>[] _gone = [.. Enum.GetValues<MeasuredLevel>().Select(_ => new ConcurrentQueue<Measured>())];
    private readonly ConcurrentDictionary<string, MeasuredWhole> _vhosts = new();
    private readonly ConcurrentDictionary<(string Vhost, string Exchange), MeasuredExchange> _exchanges = new();

    /// <param name="topology">The current one.</param>
    public NodeMetrics(Func<TopologySnapshot> topology)
    {
        _topology = topology;
        Node = Add(new MeasuredWhole(Clock, MeasuredLevel.Node, whole: null));
    }

    public SampleClock Clock { get; } = new();

    public Measured Node { get; }

    /// <summary>What came and went.</summary>
    public Churn Churn { get; } = new();

    /// <summary>What queues did, by their kind.</summary>
    public QueueTotals Totals { get; } = new();

    /// <summary>Of the messages that clients have published: bytes of their bodies.</summary>
    public Histogram MessageSizes { get; } = NewMessageSizes();

    /// <summary>For one connection. RabbitMQ's buckets.</summary>
    public static Histogram NewMessageSizes() => new(SizeBounds);

    /// <summary>Null: nothing ever happened there.</summary>
    public Meter? MeterOf(VirtualHost vhost) => _vhosts.GetValueOrDefault(vhost.Name)?.Meter;

    /// <inheritdoc cref="MeterOf(VirtualHost)"/>
    public Meter? MeterOf(Exchange exchange) => _exchanges.GetValueOrDefault((exchange.Vhost, exchange.Name))?.Meter;

    /// <summary>When its virtual host is known.</summary>
    public Measured Add(AmqpConnection connection)
    {
        var measured = Add(new MeasuredConnection(Clock, connection, MessageSizes, Vhost(connection.Vhost)));
        Churn.ConnectionsOpened.Add();
        // Deleted just now: Changed was called before the virtual host was known here.
        if (_topology().Find(connection.Vhost) is null) RemoveVhost(connection.Vhost);
        return measured;
    }

    /// <param name="connection">The measured connection that it belongs to.</param>
    public Measured Add(ChannelSession channel, Measured connection)
    {
        Churn.ChannelsOpened.Add();
        return Add(new MeasuredChannel(Clock, channel, connection));
    }

    /// <summary>A queue.</summary>
    /// <param name="queue">As it is at any moment.</param>
    /// <param name="report">What it says of itself.</param>
    /// <param name="counters">What it counts. Of what an exchange keeps the virtual host has nothing, as in RabbitMQ.</param>
    public Measured Add(Func<QueueDefinition> queue, Latest<QueueReport> report, Counters counters) =>
        Add(new MeasuredQueue(Clock, report, counters, queue, Totals, queue().Exchange is null ? Vhost(queue().Vhost) : null));

    /// <summary>A connection publishes to an exchange for the first time.</summary>
    public MeasuredPublishes AddPublishes(string vhost, string exchange)
    {
        var publishes = new MeasuredPublishes(Clock, FindOrAdd(_exchanges, (vhost, exchange), () => new MeasuredExchange(Clock, Vhost(vhost))));
        // Deleted just now, likewise.
        if (_topology().Find(vhost)?.FindExchange(exchange) is null) RemoveExchange((vhost, exchange));
        return Add(publishes);
    }

    /// <summary>It is no more. Its last counts are sampled once.</summary>
    public void Remove(Measured measured)
    {
        if (!_live[(int)measured.Level].TryRemove(measured, out _)) return;
        measured.End();
        if (measured is MeasuredConnection) Churn.ConnectionsClosed.Add();
        else if (measured is MeasuredChannel) Churn.ChannelsClosed.Add();
        _gone[(int)measured.Level].Enqueue(measured);
    }

    /// <summary>Follows the topology: called when the change can be seen.</summary>
    public void Changed(TopologyResult change)
    {
        // Each change is counted by the node that made it.
        if (!change.IsFromOutside)
        {
            Churn.QueuesCreated.Add(change.QueuesAdded.Count(queue => queue.Exchange is null));
            Churn.QueuesDeleted.Add(change.QueuesRemoved.Count() + change.QueuesRemovedWithOthers.Count(queue => queue.Exchange is null));
        }
        foreach (var removed in change.Changes.OfType<ExchangeRemoved>()) RemoveExchange((removed.Vhost, removed.Exchange.Name));
        foreach (var vhost in change.VhostsRemoved)
        {
            foreach (var exchange in vhost.Exchanges.Keys) RemoveExchange((vhost.Name, exchange));
            RemoveVhost(vhost.Name);
        }
    }

    /// <summary>Goes through all that there is, and for the last time through what is gone; parts before their wholes.</summary>
    public IEnumerable<Measured> All()
    {
        // Parts go before their whole does. So a whole that counts as gone here has no part that does not.
        var gone = new int[_gone.Length];
        for (var level = gone.Length - 1; level >= 0; level--) gone[level] = _gone[level].Count;
        for (var level = 0; level < gone.Length; level++)
        {
            for (; gone[level] > 0 && _gone[level].TryDequeue(out var measured); gone[level]--) yield return measured;
            foreach (var (measured, _) in _live[level]) yield return measured;
        }
    }

    private void RemoveExchange((string Vhost, string Exchange) key)
    {
        if (!_exchanges.TryRemove(key, out var measured)) return;
        measured.IsDeleted = true;
        Remove(measured);
    }

    private void RemoveVhost(string name)
    {
        if (_vhosts.TryRemove(name, out var measured)) Remove(measured);
    }

    private MeasuredWhole Vhost(string name) => FindOrAdd(_vhosts, name, () => new MeasuredWhole(Clock, MeasuredLevel.VirtualHost, Node));

    private TMeasured FindOrAdd<TKey, TMeasured>(ConcurrentDictionary<TKey, TMeasured> known, TKey key, Func<TMeasured> create)
        where TKey : notnull
        where TMeasured : Measured
    {
        if (known.TryGetValue(key, out var found)) return found;
        var created = create();
        var kept = known.GetOrAdd(key, created);
        return ReferenceEquals(kept, created) ? Add(created) : kept;
    }

    private TMeasured Add<TMeasured>(TMeasured measured)
        where TMeasured : Measured
    {
        _live[(int)measured.Level].TryAdd(measured, true);
        return measured;
    }
}
