using System.Collections.Concurrent;
using Amqp.Core.Ports;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Forwarding;

/// <summary>The queues that other nodes lead, for the users of this node.</summary>
public sealed class RemoteQueues : IRemoteQueues
{
    private readonly Forwarder _forwarder;
    private readonly ConcurrentDictionary<QueueId, RemoteQueue> _queues = new();
    private readonly ConcurrentDictionary<string, LeaderLink> _leaders = new();

    internal RemoteQueues(Forwarder forwarder) => _forwarder = forwarder;

    /// <inheritdoc/>
    public IQueueEndpoint? Open(QueueDefinition queue)
    {
        if (queue.Home.Node is not { } home || home == _forwarder.View.Self) return null;
        return _queues.GetOrAdd(queue.Id, _ => new RemoteQueue(queue, LeaderOf(home)));
    }

    /// <inheritdoc/>
    public void Follow(QueueDefinition queue)
    {
        if (_queues.TryGetValue(queue.Id, out var remote)) remote.Definition = queue;
    }

    /// <inheritdoc/>
    public void Close(QueueId queue)
    {
        if (_queues.TryRemove(queue, out var remote)) remote.Close();
    }

    /// <summary>The link to a node; from any thread.</summary>
    internal LeaderLink LeaderOf(string node) => _leaders.GetOrAdd(node, (name, forwarder) => new LeaderLink(name, forwarder), _forwarder);

    internal void Stop()
    {
        foreach (var (_, leader) in _leaders) leader.Stop();
    }
}
