using Amqp.Broker.Loops;
using Amqp.Broker.Observability;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Queues;

/// <summary>The queues of a node, as operators see and change them. To be shown they are not asked.</summary>
public sealed class NodeQueues
{
    private readonly BrokerServices _services;

    internal NodeQueues(BrokerServices services) => _services = services;

    private TopologySnapshot Topology => _services.Topology.Current;

    /// <summary>Queues of a virtual host, or of all; not those that are being deleted at this moment.</summary>
    public IEnumerable<QueueInfo> List(string? vhost = null)
    {
        var vhosts = vhost is null ? Topology.VirtualHosts.Values : Topology.Find(vhost) is { } found ? [found] : [];
        return vhosts.SelectMany(each => each.Queues.Values).Select(_services.Queues.Describe).OfType<QueueInfo>();
    }

    /// <returns>Null: there is none.</returns>
    public QueueInfo? Find(string vhost, string name) =>
        Topology.Find(vhost)?.FindQueue(name) is { } definition ? _services.Queues.Describe(definition) : null;

    /// <summary>How many messages wait in an exchange, or null if none can.</summary>
    public int? DelayedIn(Exchange exchange) => exchange.Delays is { } delays ? _services.Queues.Describe(delays)?.Figures.Unacked ?? 0 : null;

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
    /// <returns>How many messages were ready in it, or null when there is no such queue.</returns>
    /// <exception cref="BrokerException">406: it is in use, or not empty, and was to be deleted only otherwise.</exception>
    public async Task<int?> Delete(string vhost, string name, bool ifUnused, bool ifEmpty)
    {
        if (Endpoint(vhost, name) is not { } queue) return null;
        var reply = new Reply<DeleteResult>();
        queue.Post(QueueOperation.Delete(Conditions(ifUnused, ifEmpty), reply));
        var result = await reply;
        return result.Outcome switch
        {
            DeleteOutcome.InUse => throw new BrokerException(BrokerError.QueueInUse(vhost, name)),
            DeleteOutcome.NotEmpty => throw new BrokerException(BrokerError.QueueNotEmpty(vhost, name)),
            DeleteOutcome.Gone => null,
            _ => result.MessageCount,
        };
    }

    private static DeleteConditions Conditions(bool ifUnused, bool ifEmpty) =>
        (ifUnused ? DeleteConditions.IfUnused : DeleteConditions.None) | (ifEmpty ? DeleteConditions.IfEmpty : DeleteConditions.None);

    private IQueueEndpoint? Endpoint(string vhost, string name) =>
        Topology.Find(vhost)?.FindQueue(name) is { } definition && _services.Queues.TryFind(definition, out var queue) ? queue : null;
}
