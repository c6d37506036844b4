using System.Collections.Concurrent;
using System.Collections.Immutable;
using Amqp.Cluster.Forwarding;
using Amqp.Cluster.Membership;
using Amqp.Cluster.Mirroring;
using Amqp.Cluster.Operations;
using Amqp.Core.Ports;
using Amqp.Core.Topology;

namespace Amqp.Cluster;

/// <summary>
/// Where each queue of the cluster is, for the broker of this node:
/// <code>
/// its home is here, and it never had mirrors    here only
/// its home is elsewhere, likewise               reached over the link to that node
/// it has mirrors, or had some                   reached wherever it is led (MovingQueue); and here, if this node is to have a copy
/// </code>
/// </summary>
internal sealed class ClusterQueues(ClusterView view, RemoteQueues remote) : IRemoteQueues, ILeaders
{
    private readonly ConcurrentDictionary<QueueId, QueueDefinition> _definitions = new();
    private readonly ConcurrentDictionary<QueueId, MovingQueue> _moving = new();
    private ILocalQueues? _local;

    /// <summary>The copies that are here; set before the first queue is opened.</summary>
    public Mirrors Mirrors { private get; set; } = null!;

    /// <summary>What is told of queues by other nodes; set before the first queue is opened.</summary>
    public Reports Reports { private get; set; } = null!;

    /// <summary>All queues of the cluster.</summary>
    public IEnumerable<QueueDefinition> Definitions => _definitions.Values;

    public bool Exists(QueueId queue) => _definitions.ContainsKey(queue);

    /// <summary>The queue ends with the last node that has it.</summary>
    public bool IsTransient(QueueId queue) => _definitions.TryGetValue(queue, out var definition) && !definition.Durable;

    /// <summary>This node leads the queue.</summary>
    public bool LeadsHere(QueueId queue) => Mirrors.RecordOf(queue) is { } record
        ? record.Leader == Mirrors.Self
        : _definitions.TryGetValue(queue, out var definition) && (definition.Home.Node is null || definition.Home.Node == view.Self);

    /// <summary>The queues of this node can be found.</summary>
    public void Serve(ILocalQueues local) => _local = local;

    /// <inheritdoc/>
    public QueueAccess Open(QueueDefinition queue)
    {
        _definitions[queue.Id] = queue;
        var isAtHome = queue.Home.Node is null || queue.Home.Node == view.Self;
        var record = Mirrors.RecordOf(queue.Id);
        if (record is null && !IsMirrored(queue)) return isAtHome ? QueueAccess.HereOnly : new QueueAccess(IsHere: false, remote.Open(queue));
        var moving = MovingOf(queue);
        if (record is not null && record.Leader.Node != view.Self) moving.Leads(record.Leader.Node, record.Epoch);
        var isHere = record?.Concerns(view.Self) ?? isAtHome;
        if (isHere) Mirrors.Add(queue, moving);
        return new QueueAccess(isHere, moving);
    }

    /// <inheritdoc/>
    public void Opened(QueueDefinition queue)
    {
        if (Mirrors.RecordOf(queue.Id) is null && IsMirrored(queue)) Found(queue);
        Mirrors.Begin(queue);
    }

    /// <inheritdoc/>
    public QueueAccess Follow(QueueDefinition queue)
    {
        _definitions[queue.Id] = queue;
        if (_moving.TryGetValue(queue.Id, out var known))
        {
            known.Definition = queue;
            Want(queue);
            return new QueueAccess(IsHere: false, known);
        }
        if (!IsMirrored(queue))
        {
            remote.Follow(queue);
            return QueueAccess.HereOnly;
        }
        return Begin(queue);
    }

    /// <inheritdoc/>
    public void Close(QueueId queue)
    {
        _definitions.TryRemove(queue, out _);
        if (_moving.TryRemove(queue, out var moving)) moving.Close();
        remote.Close(queue);
        Mirrors.Remove(queue);
        Reports.Forget(queue);
    }

    /// <summary>The members of the cluster are others now: queues that are to be on all nodes, or on as many as there are, are on others.</summary>
    public void MembersChanged()
    {
        foreach (var (queue, _) in _moving)
        {
            if (_definitions.TryGetValue(queue, out var definition)) Want(definition);
        }
    }

    /// <summary>When a copy that is not in sync may lead, if no other is left.</summary>
    public Promotion PromotionOf(QueueId queue) => _definitions.TryGetValue(queue, out var definition) && definition.Settings.Mirrors is { } mirrors
        ? new Promotion(mirrors.PromotesUnsynchronised, mirrors.PromotesUnsynchronisedOnShutdown)
        : default;

    /// <inheritdoc/>
    void ILeaders.Leads(QueueId queue, string node, uint epoch)
    {
        if (_moving.TryGetValue(queue, out var moving)) moving.Leads(node, epoch);
        // A queue that has its first mirrors now, and that this node reached at its home.
        else if (_definitions.TryGetValue(queue, out var definition)) TurnTo(definition).Leads(node, epoch);
    }

    /// <inheritdoc/>
    void ILeaders.LeadsHere(QueueId queue, uint epoch)
    {
        if (_moving.TryGetValue(queue, out var moving)) moving.LeadsHere(epoch);
    }

    /// <inheritdoc/>
    void ILeaders.LeadsNoMore(QueueId queue)
    {
        if (_moving.TryGetValue(queue, out var moving)) moving.LeadsNoMore();
    }

    /// <inheritdoc/>
    bool ILeaders.TryOpenCopy(QueueId queue)
    {
        // A queue that is not known yet is opened with its record.
        if (_local is null || !_definitions.TryGetValue(queue, out var definition)) return true;
        var moving = TurnTo(definition);
        Mirrors.Add(definition, moving);
        if (_local.OpenCopy(definition, moving) is null) return false;
        Mirrors.Begin(definition);
        return true;
    }

    private static bool IsMirrored(QueueDefinition queue) => queue is { Exclusive: false, Exchange: null, Settings.Mirrors: not null };

    /// <summary>A queue that is mirrored, or was, as this node uses it.</summary>
    private MovingQueue MovingOf(QueueDefinition queue) => _moving.GetOrAdd(queue.Id, (_, definition) => new MovingQueue(definition, remote, Mirrors.Self.Boot, id => _local?.Find(id)), queue);

    /// <summary>Users who reached it at its home reach it wherever it is led.</summary>
    private MovingQueue TurnTo(QueueDefinition queue)
    {
        var moving = MovingOf(queue);
        remote.TurnTo(queue.Id, moving);
        return moving;
    }

    /// <summary>A queue that had no mirrors is to have some.</summary>
    private QueueAccess Begin(QueueDefinition queue)
    {
        var moving = TurnTo(queue);
        if (queue.Home.Node is not null && queue.Home.Node != view.Self) return new QueueAccess(IsHere: false, moving);
        Mirrors.Add(queue, moving);
        Found(queue);
        return new QueueAccess(IsHere: true, moving);
    }

    private void Found(QueueDefinition queue)
    {
        var replicas = ReplicasOf(queue, view.Self, []);
        Mirrors.Found(queue.Id, replicas, queue.Settings.Mirrors!.MinInSyncOf(replicas.Length));
    }

    /// <summary>As the policy says, of a queue whose leader is here. One that is to have no mirrors any more stays where it is led.</summary>
    private void Want(QueueDefinition queue)
    {
        if (Mirrors.RecordOf(queue.Id) is not { } record || record.Leader.Node != view.Self) return;
        if (queue.Settings.Mirrors is not { } settings || !IsMirrored(queue))
        {
            Mirrors.Follow(queue, [view.Self], minInSync: 1);
            return;
        }
        var replicas = ReplicasOf(queue, view.Self, record.Replicas);
        Mirrors.Follow(queue, replicas, settings.MinInSyncOf(replicas.Length));
    }

    private ImmutableArray<string> ReplicasOf(QueueDefinition queue, string leader, ImmutableArray<string> present) =>
        queue.Settings.Mirrors!.Replicas(leader, present, view.Nodes, chance: (int)(queue.Id.Value % int.MaxValue));
}
