using System.Collections.Concurrent;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Forwarding;

/// <summary>The queues that other nodes lead, for the users of this node.</summary>
public sealed partial class RemoteQueues
{
    private readonly Forwarder _forwarder;
    private readonly ConcurrentDictionary<QueueId, RemoteQueue> _queues = new();
    private readonly ConcurrentDictionary<string, LeaderLink> _leaders = new();

    internal RemoteQueues(Forwarder forwarder) => _forwarder = forwarder;

    internal long Now => _forwarder.Now;

    internal TimeProvider Time => _forwarder.Time;

    /// <summary>A queue that is not mirrored.</summary>
    /// <returns>Null: it is on this node.</returns>
    public IQueueEndpoint? Open(QueueDefinition queue)
    {
        if (queue.Home.Node is not { } home || home == _forwarder.View.Self) return null;
        return _queues.GetOrAdd(queue.Id, _ => new RemoteQueue(queue, LeaderOf(home)));
    }

    /// <summary>It goes by other policies now.</summary>
    public void Follow(QueueDefinition queue)
    {
        if (_queues.TryGetValue(queue.Id, out var remote)) remote.Definition = queue;
    }

    /// <summary>It was deleted.</summary>
    public void Close(QueueId queue)
    {
        if (_queues.TryRemove(queue, out var remote)) remote.Close();
    }

    /// <summary>A way to a mirrored queue that a node leads.</summary>
    internal RemoteQueue At(QueueDefinition queue, string node) => new(queue, LeaderOf(node));

    /// <summary>A queue has mirrors from now on.</summary>
    internal void TurnTo(QueueId queue, MovingQueue moving)
    {
        if (_queues.TryGetValue(queue, out var remote)) remote.TurnTo(moving);
    }

    internal void LogFailed(Exception exception, QueueDefinition queue) => LogFailed(_forwarder.Logger, exception, queue.Name, queue.Vhost);

    /// <summary>The link to a node; from any thread.</summary>
    internal LeaderLink LeaderOf(string node) => _leaders.GetOrAdd(node, (name, forwarder) => new LeaderLink(name, forwarder), _forwarder);

    internal void Stop()
    {
        foreach (var (_, leader) in _leaders) leader.Stop();
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "What clients do with queue '{Name}' in vhost '{Vhost}' begins anew because of a defect of the broker, please report this")]
    private static partial void LogFailed(ILogger logger, Exception exception, string name, string vhost);
}
