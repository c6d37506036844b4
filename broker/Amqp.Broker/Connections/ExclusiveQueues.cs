using System.Collections.Concurrent;
using Amqp.Broker.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Connections;

/// <summary>
/// The queues that end with their connection. A declare may be answered after the connection has ended: whichever comes
/// second, the answer or the end, deletes the queue, so that none is left behind that nobody could ever use.
/// </summary>
internal sealed class ExclusiveQueues(LocalQueues queues)
{
    private readonly ConcurrentDictionary<QueueDefinition, bool> _queues = new();
    private volatile bool _ended;

    /// <summary>From any thread.</summary>
    public void Add(QueueDefinition queue)
    {
        _queues.TryAdd(queue, true);
        if (_ended) DeleteAll();
    }

    /// <summary>All there are now, to be deleted by the caller.</summary>
    public IEnumerable<QueueActor> TakeAll()
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

    private void DeleteAll()
    {
        foreach (var queue in TakeAll()) queue.Post(QueueOperation.Delete(DeleteConditions.None, reply: null));
    }
}
