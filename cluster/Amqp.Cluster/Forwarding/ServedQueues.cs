using System.Collections.Concurrent;
using Amqp.Core.Ports;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Forwarding;

/// <summary>The queues that this node leads, for the users of other nodes.</summary>
public sealed class ServedQueues
{
    private readonly Forwarder _forwarder;
    private readonly ConcurrentDictionary<string, ServedEdge> _edges = new();
    private Parts? _parts;
    private long _highest;

    internal ServedQueues(Forwarder forwarder) => _forwarder = forwarder;

    /// <summary>What other nodes asked before this waits, as for a queue that this node does not know yet.</summary>
    /// <param name="queues">This node's queues.</param>
    /// <param name="store">Theirs.</param>
    public void Connect(ILocalQueues queues, IMessageStore store) => Volatile.Write(ref _parts, new Parts(queues, store));

    /// <summary>What makes parts of transactions durable.</summary>
    internal IMessageStore Store => _parts!.Store;

    /// <returns>Null: it is not here, or not yet, or not any more.</returns>
    internal IQueueEndpoint? Find(long queue)
    {
        var found = Volatile.Read(ref _parts)?.Queues.Find(new QueueId(queue));
        if (found is null) return null;
        for (var highest = Volatile.Read(ref _highest); highest < queue;)
        {
            var before = Interlocked.CompareExchange(ref _highest, queue, highest);
            if (before == highest) break;
            highest = before;
        }
        return found;
    }

    /// <summary>The queue that was not found may come: definitions arrive in the order of their numbers, and none of a higher one has been seen here.</summary>
    internal bool MayCome(long queue) => queue > Volatile.Read(ref _highest);

    internal ServedEdge EdgeOf(string node) => _edges.GetOrAdd(node, (name, forwarder) => new ServedEdge(name, forwarder), _forwarder);

    internal void Stop()
    {
        foreach (var (_, edge) in _edges) edge.Stop();
    }

    private sealed record Parts(ILocalQueues Queues, IMessageStore Store);
}
