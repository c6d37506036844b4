using System.Collections.Immutable;
using Amqp.Broker.Connections;
using Amqp.Broker.Loops;
using Amqp.Broker.Observability;
using Amqp.Core.Errors;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker;

/// <content>What operators see of a node, and do to it. Connections are asked by mail, all at once; queues are not asked.</content>
public sealed partial class BrokerNode
{
    public int ConnectionCount => _connections.Count;

    /// <summary>Every open connection with its channels and consumers, in the order in which they came.</summary>
    public async Task<ImmutableArray<ConnectionInfo>> Connections()
    {
        var asked = _connections.OrderBy(entry => entry.Key.Number).Select(entry => Describe(entry.Value.Connection, entry.Value.Served)).ToArray();
        return [.. (await Task.WhenAll(asked)).OfType<ConnectionInfo>()];
    }

    /// <summary>Queues of a virtual host, or of all; not those that are being deleted at this moment.</summary>
    public IEnumerable<QueueInfo> Queues(string? vhost = null)
    {
        var vhosts = vhost is null ? Topology.VirtualHosts.Values : Topology.Find(vhost) is { } found ? [found] : [];
        return vhosts.SelectMany(each => each.Queues.Values).Select(_services.Queues.Describe).OfType<QueueInfo>();
    }

    /// <returns>Null: there is none.</returns>
    public QueueInfo? Queue(string vhost, string name) =>
        Topology.Find(vhost)?.FindQueue(name) is { } definition ? _services.Queues.Describe(definition) : null;

    /// <summary>What happens on the node, as of the last sample.</summary>
    public Meter Meter => _services.Metrics.Node.Meter;

    /// <summary>What happens in a virtual host, likewise; null when nothing has.</summary>
    public Meter? MeterOf(VirtualHost vhost) => _services.Metrics.MeterOf(vhost);

    /// <summary>What is published to an exchange, likewise.</summary>
    public Meter? MeterOf(Exchange exchange) => _services.Metrics.MeterOf(exchange);

    /// <summary>Drops a queue's ready messages.</summary>
    /// <returns>How many, or null when there is no such queue.</returns>
    /// <exception cref="BrokerException">The queue failed.</exception>
    public async Task<int?> Purge(string vhost, string name)
    {
        if (FindQueue(vhost, name) is not { } queue) return null;
        var reply = new Reply<int>();
        queue.Post(QueueOperation.Purge(reply));
        return await reply;
    }

    /// <summary>Deletes a queue, an exclusive one too.</summary>
    /// <returns>How many messages were ready in it, or null when there is no such queue.</returns>
    /// <exception cref="BrokerException">406: it is in use, or not empty, and was to be deleted only otherwise.</exception>
    public async Task<int?> DeleteQueue(string vhost, string name, bool ifUnused, bool ifEmpty)
    {
        if (FindQueue(vhost, name) is not { } queue) return null;
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

    /// <summary>Closes connections with 320.</summary>
    /// <param name="reason">What their clients are told; empty for RabbitMQ's words.</param>
    public void CloseConnections(IReadOnlySet<ConnectionId> ids, string reason) =>
        Close(connection => ids.Contains(connection.Id), BrokerError.ClosedByOperator(reason));

    private static DeleteConditions Conditions(bool ifUnused, bool ifEmpty) =>
        (ifUnused ? DeleteConditions.IfUnused : DeleteConditions.None) | (ifEmpty ? DeleteConditions.IfEmpty : DeleteConditions.None);

    private IQueueEndpoint? FindQueue(string vhost, string name) =>
        Topology.Find(vhost)?.FindQueue(name) is { } definition && _services.Queues.TryFind(definition, out var queue) ? queue : null;

    /// <returns>Null: it ended meanwhile.</returns>
    private static async Task<ConnectionInfo?> Describe(AmqpConnection connection, Task served)
    {
        var told = new TaskCompletionSource<ConnectionInfo>(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.PostDescribe(info => told.TrySetResult(info));
        return await Task.WhenAny(told.Task, served) == told.Task ? await told.Task : null;
    }
}
