using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Amqp.Broker.Observability;
using Amqp.Core.Messages;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Queues;

/// <summary>The queues that users of this node can reach, by the number that their definition carries: those on this node, and those that other nodes lead.</summary>
internal sealed partial class QueueDirectory(IRemoteQueues remoteQueues) : ILocalQueues
{
    private readonly ConcurrentDictionary<QueueId, QueueActor> _actors = new();
    private readonly ConcurrentDictionary<QueueId, IQueueEndpoint> _remote = new();
    private QueueServices? _services;
    private bool _isStarted;
    private int _count;

    /// <summary>On this node. The dictionary would have to stop all its users to count.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Connects the directory with the services that its queues need, which in turn need the directory.</summary>
    public void Connect(QueueServices services)
    {
        _services = services;
        services.Memory.BecameTight = Evict;
    }

    /// <summary>The store has started: queues may do what time asks of them.</summary>
    /// <param name="isWhole">Every queue that there is is known by now: what the store has of others is forgotten.</param>
    public void Start(bool isWhole)
    {
        _isStarted = true;
        foreach (var (_, actor) in _actors) actor.Start();
        foreach (var (queue, messages) in _services!.Store.NotOpen())
        {
            if (!isWhole)
            {
                LogKept(_services.Logger, messages, queue.Value);
                continue;
            }
            LogForgotten(_services.Logger, messages, queue.Value);
            _services.Store.Forget(queue);
        }
    }

    /// <summary>Follows the topology: called for each change before it can be seen.</summary>
    public void Changed(TopologyResult change)
    {
        var services = _services ?? throw new InvalidOperationException("queues are not connected");
        foreach (var added in change.QueuesAdded) Add(added, services);
        foreach (var removed in change.QueuesRemoved)
        {
            if (Remove(removed, services) is not { } actor) continue;
            // Another node may have decided that, and not the queue itself.
            if (!actor.IsDeleted) actor.Post(QueueOperation.Removed);
            else actor.Forget();
        }
        // These were not asked: they end as if a client had deleted each of them.
        foreach (var removed in change.QueuesRemovedWithOthers) Remove(removed, services)?.Post(QueueOperation.Removed);
        foreach (var queue in change.VhostsUnderOtherPolicies.SelectMany(vhost => change.Topology.Find(vhost)?.Queues.Values ?? []))
        {
            if (remoteQueues.Follow(queue).Elsewhere is { } elsewhere) _remote.TryAdd(queue.Id, elsewhere);
            if (_actors.TryGetValue(queue.Id, out var actor)) actor.Follow(queue);
        }
        foreach (var (vhost, binding, _) in change.Changes.OfType<BindingAdded>())
        {
            if (change.Topology.Find(vhost)?.FindExchange(binding.Source)?.OwnQueue is { Settings.Role: QueueRole.History } history
                && _actors.TryGetValue(history.Id, out var actor)) actor.Post(QueueOperation.GiveHistory(binding.Destination));
        }
    }

    /// <summary>No connection is left: the queues tell the store what it cannot know, so that it can be closed, and do nothing more.</summary>
    public Task Stop()
    {
        var actors = _actors.Values.ToArray();
        var count = new StopCount(actors.Length);
        foreach (var actor in actors) actor.Post(QueueOperation.Stop(count.Answered));
        return count.Done();
    }

    private void Evict()
    {
        var memory = _services!.Memory;
        LogTight(_services.Logger, memory.PageOutBytes);
        // Also those that no client publishes to at this moment; those with little in memory have nothing to give.
        foreach (var (_, actor) in _actors)
        {
            if (actor.BodyBytes > 2 * memory.KeptBytes) actor.Post(QueueOperation.Evict);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Count} messages of queue number {Queue} were dropped: the queue was deleted, or has its copies on other nodes now")]
    private static partial void LogForgotten(ILogger logger, int count, long queue);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Count} messages belong to queue number {Queue}, whose definition is lost: the file of definitions was damaged. They are kept on the disk; restore definitions.log from a backup to have them back, or remove its damaged copies to let them go")]
    private static partial void LogKept(ILogger logger, int count, long queue);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Messages take more than {Limit} bytes of memory; those at the end of long queues are kept in the store only")]
    private static partial void LogTight(ILogger logger, long limit);

    /// <summary>How the queue is, or null when it was deleted since the topology that names it was current.</summary>
    /// <param name="place">Where it is.</param>
    public QueueInfo? Describe(QueueDefinition definition, QueuePlace place) => _actors.TryGetValue(definition.Id, out var actor) ? actor.Describe(place) : null;

    /// <summary>Its numbers alone; null when it was deleted since.</summary>
    public QueueFigures? FiguresOf(QueueDefinition definition) => _actors.TryGetValue(definition.Id, out var actor) ? actor.Figures : null;

    /// <summary>What happens in it; null when it was deleted since.</summary>
    public IReading? ReadingOf(QueueDefinition definition) => _actors.TryGetValue(definition.Id, out var actor) ? actor.Measured.Meter : null;

    /// <summary>The queue, unless it was deleted since the topology that names it was current.</summary>
    public bool TryFind(QueueDefinition definition, [MaybeNullWhen(false)] out IQueueEndpoint queue)
    {
        var isHere = _actors.TryGetValue(definition.Id, out var actor);
        queue = actor;
        return isHere || _remote.TryGetValue(definition.Id, out queue);
    }

    /// <inheritdoc/>
    IQueueEndpoint? ILocalQueues.Find(QueueId queue) => _actors.GetValueOrDefault(queue);

    /// <inheritdoc/>
    IQueueEndpoint? ILocalQueues.OpenCopy(QueueDefinition queue, IQueueEndpoint elsewhere)
    {
        // It is just being added, or was deleted: to take the one for the other would delete it in the whole cluster.
        if (!_remote.ContainsKey(queue.Id)) return null;
        var services = _services!;
        if (!_actors.TryGetValue(queue.Id, out var actor))
        {
            actor = new QueueActor(queue, services, elsewhere);
            if (!TryAdd(queue, actor, services)) throw new InvalidOperationException($"two copies of {queue} are opened at once");
            actor.Start();
        }
        // It may have been deleted meanwhile, and not been found here then.
        if (_remote.ContainsKey(queue.Id)) return actor;
        Remove(queue, services)?.Post(QueueOperation.Removed);
        return null;
    }

    /// <inheritdoc/>
    IEnumerable<LeaderReport> ILocalQueues.Reports(Func<QueueId, bool> which)
    {
        foreach (var (queue, actor) in _actors)
        {
            if (which(queue) && actor.Report() is { } report) yield return report;
        }
    }

    /// <inheritdoc/>
    void ILocalQueues.KeepAside(QueueDefinition queue, IReadOnlyList<Message> messages, Action kept) => new RecoveredMessages(queue, messages, kept, _services!).Keep();

    private void Add(QueueDefinition queue, QueueServices services)
    {
        var (isHere, elsewhere) = remoteQueues.Open(queue);
        // Its actor is there first: as soon as the queue is known, others may open a copy.
        if (isHere)
        {
            var actor = new QueueActor(queue, services, elsewhere);
            TryAdd(queue, actor, services);
            if (_isStarted) actor.Start();
        }
        if (elsewhere is not null) _remote.TryAdd(queue.Id, elsewhere);
        if (isHere) remoteQueues.Opened(queue);
    }

    /// <returns>Null: it is not on this node.</returns>
    private QueueActor? Remove(QueueDefinition queue, QueueServices services)
    {
        if (_remote.TryRemove(queue.Id, out _)) remoteQueues.Close(queue.Id);
        if (!_actors.TryRemove(queue.Id, out var actor)) return null;
        services.Metrics.Remove(actor.Measured);
        services.Memory.Share(Interlocked.Decrement(ref _count));
        return actor;
    }

    private bool TryAdd(QueueDefinition queue, QueueActor actor, QueueServices services)
    {
        if (!_actors.TryAdd(queue.Id, actor)) return false;
        services.Memory.Share(Interlocked.Increment(ref _count));
        return true;
    }
}
