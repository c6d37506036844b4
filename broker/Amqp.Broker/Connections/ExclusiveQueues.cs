using System.Collections.Concurrent;
using Amqp.Broker.Queues;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Connections;

/// <summary>
/// The queues that end with their connection. A declare may be answered after the connection has ended: whichever comes
/// second, the answer or the end, deletes the queue, so that none is left behind that no connection could ever use.
/// </summary>
internal sealed class ExclusiveQueues(QueueDirectory queues)
{
    private const int KeptMin = 16;

    private readonly ConcurrentDictionary<QueueDefinition, bool> _queues = new(concurrencyLevel: 1, capacity: 1); // Most connections have none.
    private volatile bool _ended;
    private int _kept = KeptMin;

    /// <summary>How many are remembered; some of them may be gone already.</summary>
    public int Count => _queues.Count;

    /// <summary>From any thread, but one at a time: called by the topology service.</summary>
    public void Add(QueueDefinition queue)
    {
        if (_queues.Count >= _kept) ForgetDeleted();
        _queues.TryAdd(queue, true);
        if (_ended) DeleteAll();
    }

    /// <summary>All there are now, to be deleted by the caller.</summary>
    public IEnumerable<IQueueEndpoint> TakeAll()
    {
        foreach (var (definition, _) in _queues)
        {
            if (_queues.TryRemove(definition, out _) && queues.TryFind(definition, out var queue)) yield return queue;
        }
    }

    /// <summary>The connection has ended: deletes all there are, and all that are added from now on.</summary>
    public void End()
    {
        _ended = true;
        DeleteAll();
    }

    /// <summary>A connection that lives long may declare a queue for each of its requests, and delete it again.</summary>
    private void ForgetDeleted()
    {
        foreach (var (definition, _) in _queues)
        {
            if (!queues.TryFind(definition, out _)) _queues.TryRemove(definition, out _);
        }
        _kept = Math.Max(KeptMin, 2 * _queues.Count);
    }

    private void DeleteAll()
    {
        foreach (var queue in TakeAll()) queue.Post(QueueOperation.Delete(DeleteConditions.None, reply: null));
    }
}
