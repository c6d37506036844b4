using System.Collections.Immutable;
using Amqp.Cluster.Membership;
using Amqp.Cluster.Mirroring;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Amqp.Replication;
using Microsoft.Extensions.Logging;
using Polly.CircuitBreaker;

namespace Amqp.Cluster;

/// <content>What operators ask of the cluster.</content>
public sealed partial class JoinedCluster : IClusterOperations
{
    public bool IsDrained
    {
        get => _reports.IsDrained;
        set => _reports.IsDrained = value;
    }

    public Func<ReadOnlyMemory<byte>> Card
    {
        set => _reports.Card = value;
    }

    public Func<ReadOnlyMemory<byte>, Task<ReadOnlyMemory<byte>>> Answerer
    {
        set => _questions.Answerer = value;
    }

    /// <inheritdoc/>
    public ImmutableArray<string> Unreachable =>
        [.. from link in _membership.Links.Status where link.Lane == Links.LinkLane.Control && !link.IsConnected && IsRunning(link.Node) orderby link.Node select link.Node];

    /// <inheritdoc/>
    public Task<ImmutableArray<NodeReply>> Ask(ReadOnlyMemory<byte> question, CancellationToken cancellation) => _questions.Ask(question, cancellation);

    /// <inheritdoc/>
    public QueuePlace PlaceOf(QueueDefinition queue)
    {
        if (_mirrors.RecordOf(queue.Id) is not { } record)
        {
            var home = queue.Home.Node ?? View.Self;
            return new QueuePlace(home, home == View.Self || IsRunning(home));
        }
        var leader = record.Leader.Node;
        ImmutableArray<string> copies = [.. record.Replicas.Concat(record.InSync.Select(member => member.Node)).Prepend(leader).Distinct()];
        return new QueuePlace(leader, _membership.View.Running.Any(node => node.Name == leader && node.Epoch == record.Leader.Boot))
        {
            IsMirrored = queue.Settings.Mirrors is not null,
            Copies = copies,
            InSync = [.. record.InSync.Select(member => member.Node)],
            Online = [.. copies.Where(IsRunning)],
            Progress = leader == View.Self ? _mirrors.ProgressOf(queue.Id) : _reports.Of(queue.Id)?.Mirrors ?? MirrorProgressList.None,
        };
    }

    /// <inheritdoc/>
    public LeaderReport? ReportOf(QueueId queue) => _reports.Of(queue);

    /// <inheritdoc/>
    public NodeCard? CardOf(string node) => _reports.CardOf(node);

    /// <inheritdoc/>
    public async Task<ClusterHealth> Health(CancellationToken cancellation)
    {
        var status = await _membership.Status(cancellation);
        return new ClusterHealth(
            [.. status.Members.Select(member => new MemberHealth(member.Name, member.IsRunning, member.Epoch, member.IsVoter, member.Version, $"{member.Address}"))],
            status.Leader,
            [.. status.Alarms.Select(alarm => $"{alarm.Kind} on {alarm.Node}")],
            status.EtcdFailure,
            status.IsLeaseInDoubt,
            [.. status.Links.Select(link => new LinkHealth(link.Node, LaneName(link.Lane), link.IsConnected, BreakerName(link.Breaker), link.LastFailure, link.WaitingBytes))]);
    }

    /// <inheritdoc/>
    public async Task Forget(string node, CancellationToken cancellation)
    {
        await _membership.Forget(node, cancellation);
        if (await RemoveQueuesOf(node) is { } error) throw new ClusterException($"Node {node} is out of the cluster, but its queues could not be deleted: {error.Text}");
    }

    /// <inheritdoc/>
    public Task<int> HandOver(bool isEnding, CancellationToken patience)
    {
        if (isEnding) _membership.StopsInOrder();
        return _moves.Leave(isEnding, patience);
    }

    /// <inheritdoc/>
    public Task<int> Rebalance(Func<QueueDefinition, bool> which, CancellationToken patience) =>
        _moves.Balance(_queues.Definitions.Where(which).Select(queue => queue.Id), patience);

    private static string LaneName(Links.LinkLane lane) => lane switch
    {
        Links.LinkLane.Control => "control",
        Links.LinkLane.Replication => "replication",
        _ => "clients",
    };

    private static string BreakerName(CircuitState state) => state switch
    {
        CircuitState.Closed => "closed",
        CircuitState.HalfOpen => "half_open",
        _ => "open",
    };

    private static bool IsElsewhere(QueueConfiguration record, string node) =>
        record.Replicas.Any(replica => replica != node) || record.InSync.Any(member => member.Node != node);

    private bool IsRunning(string node)
    {
        foreach (var each in View.Nodes)
        {
            if (each.Name == node) return each.IsRunning;
        }
        return false;
    }

    /// <summary>What a node had that is no member any more is gone: queues that other nodes have too are led by these, and the others are deleted.</summary>
    /// <returns>Why they were not deleted; null: they were.</returns>
    private async Task<BrokerError?> RemoveQueuesOf(string node)
    {
        var records = _mirrors.Records.Where(each => each.Value.Concerns(node)).ToArray();
        ImmutableHashSet<QueueId> lost = [.. records.Where(each => !IsElsewhere(each.Value, node)).Select(each => each.Key)];
        foreach (var (queue, record) in records.Where(each => each.Value.Leader.Node == node && !lost.Contains(each.Key))) Replace(queue, record, node);
        var result = await _change!(new RemoveQueuesOfNode(node) { Kept = [.. _mirrors.Records.Select(each => each.Key).Except(lost)], Lost = lost });
        if (result.Error is null)
        {
            foreach (var queue in lost) _mirrors.RemoveRecord(queue);
        }
        return result.Error;
    }

    /// <summary>The operator has given the leader's node up. If no copy in sync is left, one that is not has to lead: it is all that there is of the queue.</summary>
    private void Replace(QueueId queue, QueueConfiguration record, string forgotten)
    {
        if (record.InSync.Any(member => member.Node != forgotten)) return; // the controller sees to that
        Member[] running = [.. _membership.View.Running.Where(node => node.Name != forgotten).Select(node => new Member(node.Name, node.Directory, node.Epoch))];
        if (Election.Choose(record, running, promotesUnsynchronised: true) is not { } next) return;
        LogGivenUp(_logger, forgotten, queue.Value, next.Node);
        _mirrors.Propose(new QueueChange(queue, record.Revision, Election.Promote(record, next, record.Epoch + 1)));
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Node {Node} was forgotten, and had the only copy in sync of queue number {Queue}: the copy on node {Next} leads from now on, without what only that node had")]
    private static partial void LogGivenUp(ILogger logger, string node, long queue, string next);
}
