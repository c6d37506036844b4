using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Amqp.Core.Topology;

namespace Amqp.Broker.Queues;

/// <summary>The queues that live on this node, by the id that their definition carries.</summary>
internal sealed class LocalQueues
{
    private readonly ConcurrentDictionary<QueueId, QueueActor> _actors = new();
    private QueueServices? _services;

    public int Count => _actors.Count;

    /// <summary>Connects the directory with the services that its queues need, which in turn need the directory.</summary>
    public void Start(QueueServices services) => _services = services;

    /// <summary>Follows the topology: called for each change before anybody can see it.</summary>
    public void Changed(TopologyResult change)
    {
        foreach (var added in change.QueuesAdded)
            _actors.TryAdd(added.Id, new QueueActor(added, _services ?? throw new InvalidOperationException("queues were not started")));
        foreach (var removed in change.QueuesRemoved) _actors.TryRemove(removed.Id, out _);
    }

    /// <summary>The queue, unless it was deleted since the topology that names it was current.</summary>
    public bool TryFind(QueueDefinition definition, [MaybeNullWhen(false)] out QueueActor actor) =>
        _actors.TryGetValue(definition.Id, out actor);
}
