using Amqp.Broker.Loops;
using Amqp.Broker.Observability;
using Amqp.Core.Errors;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Queues;

/// <summary>The queues of a node and of its cluster, as operators see and change them. To be shown they are not asked; how those are that other nodes lead, these nodes have told.</summary>
public sealed class NodeQueues
{
    private readonly BrokerServices _services;
    private readonly IClusterOperations _cluster;
    private readonly string _node;

    internal NodeQueues(BrokerServices services, IClusterOperations cluster, string node) => (_services, _cluster, _node) = (services, cluster, node);

    private TopologySnapshot Topology => _services.Topology.Current;

    /// <summary>Queues of a virtual host, or of all; not those that are being deleted at this moment.</summary>
    public IEnumerable<QueueInfo> List(string? vhost = null)
    {
        var vhosts = vhost is null ? Topology.VirtualHosts.Values : Topology.Find(vhost) is { } found ? [found] : [];
        return vhosts.SelectMany(each => each.Queues.Values).Select(Describe).OfType<QueueInfo>();
    }

    /// <returns>Null: there is none.</returns>
    public QueueInfo? Find(string vhost, string name) =>
        Topology.Find(vhost)?.FindQueue(name) is { } definition ? Describe(definition) : null;

    /// <summary>A queue of a snapshot of the topology; without numbers if it is not there any more.</summary>
    public QueueInfo InfoOf(QueueDefinition queue) => Describe(queue) ?? QueueInfo.Of(queue, _cluster.PlaceOf(queue), report: null);

    /// <summary>Its numbers alone, for lists of many that are sorted by them.</summary>
    public QueueFigures FiguresOf(QueueDefinition queue) =>
        (_cluster.PlaceOf(queue).Leader == _node ? _services.Queues.FiguresOf(queue) : _cluster.ReportOf(queue.Id)?.Figures) ?? default;

    /// <summary>What happens in it, likewise.</summary>
    public IReading ReadingOf(QueueDefinition queue) =>
        (_cluster.PlaceOf(queue).Leader == _node ? _services.Queues.ReadingOf(queue) : _cluster.ReportOf(queue.Id)?.Reading) ?? Reading.Nothing;

    /// <summary>How many messages wait in an exchange, or null if none can.</summary>
    public int? DelayedIn(Exchange exchange) => exchange.OwnQueue is { Settings.Role: QueueRole.Delays } delays ? Describe(delays)?.Figures.Unacked ?? 0 : null;

    /// <summary>Looks at messages of a queue, which does not hear of it.</summary>
    /// <param name="from">From this position on.</param>
    /// <param name="count">So many at most; 1 or more. Large ones end the part earlier.</param>
    /// <returns>Null: there is no such queue.</returns>
    /// <exception cref="BrokerException">The queue failed, or was deleted meanwhile.</exception>
    public async Task<BrowsedPart?> Browse(string vhost, string name, long from, int count) =>
        Topology.Find(vhost)?.FindQueue(name) is { } queue ? await Browse(queue, from, count) : null;

    /// <summary>Likewise at messages that wait in an exchange; null: none can.</summary>
    /// <inheritdoc cref="Browse(string, string, long, int)"/>
    public async Task<BrowsedPart?> BrowseDelayed(string vhost, string exchange, long from, int count) =>
        DelaysOf(vhost, exchange) is { } queue ? await Browse(queue, from, count) : null;

    /// <summary>Takes out a message that waits in an exchange.</summary>
    /// <param name="position">As <see cref="BrowseDelayed"/> has shown it.</param>
    /// <returns>False: none waits there.</returns>
    /// <exception cref="BrokerException">The queue failed, or was deleted meanwhile.</exception>
    public async Task<bool> CancelDelayed(string vhost, string exchange, long position)
    {
        if (DelaysOf(vhost, exchange) is not { } definition || !_services.Queues.TryFind(definition, out var queue)) return false;
        var reply = new Reply<bool>();
        queue.Post(QueueOperation.Cancel(position, reply));
        return await reply;
    }

    /// <summary>Reads the copy of a queue that this node has, whether it leads or not, so that copies can be compared.</summary>
    /// <returns>Null: there is no such queue, or this node has no copy of it.</returns>
    /// <exception cref="BrokerException">The queue failed, or was deleted meanwhile.</exception>
    public async Task<CopyDigest?> DigestOfCopy(string vhost, string name) =>
        Topology.Find(vhost)?.FindQueue(name) is { } definition && _services.Queues.TryFind(definition, out var queue) && queue is QueueActor copy ? await CopyDigest.Of(copy) : null;

    /// <summary>Drops a queue's ready messages.</summary>
    /// <returns>How many, or null when there is no such queue.</returns>
    /// <exception cref="BrokerException">The queue failed.</exception>
    public async Task<int?> Purge(string vhost, string name)
    {
        if (Endpoint(vhost, name) is not { } queue) return null;
        var reply = new Reply<int>();
        queue.Post(QueueOperation.Purge(reply));
        return await reply;
    }

    /// <summary>Deletes a queue, an exclusive one too.</summary>
    /// <param name="user">Who wants it; null: an operator.</param>
    /// <returns>How many messages were ready in it, or null when there is no such queue.</returns>
    /// <exception cref="BrokerException">406: it is in use, or not empty, and was to be deleted only otherwise.</exception>
    public async Task<int?> Delete(string vhost, string name, bool ifUnused, bool ifEmpty, string? user = null)
    {
        if (Endpoint(vhost, name) is not { } queue) return null;
        var reply = new Reply<DeleteResult>();
        queue.Post(QueueOperation.Delete(Conditions(ifUnused, ifEmpty), reply, user));
        var result = await reply;
        return result.Outcome switch
        {
            DeleteOutcome.InUse => throw new BrokerException(BrokerError.QueueInUse(vhost, name)),
            DeleteOutcome.NotEmpty => throw new BrokerException(BrokerError.QueueNotEmpty(vhost, name)),
            DeleteOutcome.Gone => null,
            _ => result.MessageCount,
        };
    }

    private QueueInfo? Describe(QueueDefinition queue)
    {
        var place = _cluster.PlaceOf(queue);
        return place.Leader == _node ? _services.Queues.Describe(queue, place) : QueueInfo.Of(queue, place, _cluster.ReportOf(queue.Id));
    }

    private QueueDefinition? DelaysOf(string vhost, string exchange) =>
        Topology.Find(vhost)?.FindExchange(exchange)?.OwnQueue is { Settings.Role: QueueRole.Delays } delays ? delays : null;

    private async Task<BrowsedPart?> Browse(QueueDefinition definition, long from, int count)
    {
        if (!_services.Queues.TryFind(definition, out var queue)) return null;
        var reply = new Reply<BrowsedPart>();
        queue.Post(QueueOperation.Browse(new BrowsedPart(from, count), reply));
        return await reply;
    }

    private static DeleteConditions Conditions(bool ifUnused, bool ifEmpty) =>
        (ifUnused ? DeleteConditions.IfUnused : DeleteConditions.None) | (ifEmpty ? DeleteConditions.IfEmpty : DeleteConditions.None);

    private IQueueEndpoint? Endpoint(string vhost, string name) =>
        Topology.Find(vhost)?.FindQueue(name) is { } definition && _services.Queues.TryFind(definition, out var queue) ? queue : null;
}
