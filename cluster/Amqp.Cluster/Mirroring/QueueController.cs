using Amqp.Core.Topology;
using Amqp.Replication;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Mirroring;

/// <summary>
/// Gives mirrored queues whose leader is gone another one. Every node could; the first one of those that run does, and the next ones do what it leaves undone: it may be busy with its start. That two do it at
/// once does no harm: the record decides which of them was first. Where a leader has failed and its node runs, only that node knows.
/// </summary>
/// <param name="records">As this node has last heard of them.</param>
/// <param name="failedLeads">Those of queues that this node leads, and that have failed here.</param>
/// <param name="propose">Asks for a change of a record.</param>
/// <param name="promotionOf">When a copy that is not in sync may lead the queue.</param>
/// <param name="wasStoppedInOrder">Whether the node of a leader that is gone was stopped, and has not failed. Asks etcd.</param>
internal sealed partial class QueueController(
    string self, IEnumerable<KeyValuePair<QueueId, QueueConfiguration>> records, IEnumerable<KeyValuePair<QueueId, QueueConfiguration>> failedLeads, Action<QueueChange> propose, Func<QueueId, Promotion> promotionOf, Func<Member, Task<bool>> wasStoppedInOrder, TimeProvider time, ILogger logger)
{
    /// <summary>How long a node leaves it to the one before it.</summary>
    private static readonly TimeSpan Precedence = TimeSpan.FromSeconds(1);

    /// <summary>Nodes behind these do not look: that costs, where there are many queues.</summary>
    private const int NodesMax = 3;

    // Since when there are queues that can be promoted, and queues that perhaps can.
    private long? _undoneSince;
    private long? _doubtfulSince;
    private int _isAsking;

    /// <summary>Looks at all queues.</summary>
    /// <param name="running">Nodes that run at this moment, in the order of their names.</param>
    public void Look(IReadOnlyList<Member> running)
    {
        ReplaceFailed(running);
        var place = running.Index().FirstOrDefault(each => each.Item.Node == self, (Index: NodesMax, default)).Index;
        if (place >= NodesMax) return;
        var there = running.ToHashSet();
        var changes = new List<QueueChange>();
        var without = new List<(QueueId Queue, QueueConfiguration Configuration)>();
        var waiting = 0;
        foreach (var (queue, configuration) in records)
        {
            if (there.Contains(configuration.Leader)) continue;
            if (Election.Choose(configuration, running) is { } next) changes.Add(Change(queue, configuration, next));
            else
            {
                waiting++;
                if (promotionOf(queue) != default) without.Add((queue, configuration));
            }
        }
        if (IsDue(ref _undoneSince, changes.Count, place))
        {
            foreach (var change in changes) propose(change);
            LogPromoted(logger, changes.Count, waiting);
        }
        if (IsDue(ref _doubtfulSince, without.Count, place) && Interlocked.Exchange(ref _isAsking, 1) == 0) _ = PromoteUnsynchronised(without, running);
    }

    /// <summary>The copy that has failed does not count from now on: the others have everything that was confirmed.</summary>
    private void ReplaceFailed(IReadOnlyList<Member> running)
    {
        foreach (var (queue, configuration) in failedLeads)
        {
            var others = configuration with { InSync = configuration.InSync.RemoveAll(member => member.Node == self) };
            if (Election.Choose(others, running) is not { } next) continue;
            LogFailedLead(logger, queue.Value, next.Node);
            propose(Change(queue, others, next));
        }
    }

    /// <summary>Of queues that have no copy in sync: which key of the policy counts depends on how the leader's node has ended. What could not be found out now is looked at again with the rest.</summary>
    private async Task PromoteUnsynchronised(List<(QueueId Queue, QueueConfiguration Configuration)> queues, IReadOnlyList<Member> running)
    {
        try
        {
            foreach (var ofLeader in queues.GroupBy(each => each.Configuration.Leader))
            {
                var wasStopped = await wasStoppedInOrder(ofLeader.Key);
                foreach (var (queue, configuration) in ofLeader)
                {
                    if (!promotionOf(queue).After(wasStopped) || Election.Choose(configuration, running, promotesUnsynchronised: true) is not { } next) continue;
                    LogUnsynchronised(logger, queue.Value, wasStopped ? "ha-promote-on-shutdown" : "ha-promote-on-failure", next.Node);
                    propose(Change(queue, configuration, next));
                }
            }
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException or ObjectDisposedException)
        {
            LogNotKnown(logger, queues.Count, exception.Message);
        }
        finally
        {
            Volatile.Write(ref _isAsking, 0);
        }
    }

    private static QueueChange Change(QueueId queue, QueueConfiguration configuration, Member next) =>
        new(queue, configuration.Revision, Election.Promote(configuration, next, configuration.Epoch + 1));

    /// <summary>There is something to be done, and the nodes before this one had time to do it.</summary>
    private bool IsDue(ref long? since, int count, int place)
    {
        since = count == 0 ? null : since ?? time.GetTimestamp();
        return since is { } began && time.GetElapsedTime(began) >= place * Precedence;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The leaders of {Count} mirrored queues are gone: mirrors are promoted. {Waiting} other queues wait for a node that has a copy in sync")]
    private static partial void LogPromoted(ILogger logger, int count, int waiting);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The copy of queue number {Queue} on this node, which led it, has failed: the one on node {Node} leads from now on")]
    private static partial void LogFailedLead(ILogger logger, long queue, string node);

    [LoggerMessage(Level = LogLevel.Error, Message = "No copy in sync is left of queue number {Queue}, and its policy says {Key}: always. The copy on node {Node} leads from now on; messages that were confirmed and are not on it are lost to the queue. Copies that have them and come back keep them aside, in amq.recovered.<name>")]
    private static partial void LogUnsynchronised(ILogger logger, long queue, string key, string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} mirrored queues have no copy in sync, and etcd does not say whether the nodes of their leaders were stopped or have failed ({Reason}); it is asked again")]
    private static partial void LogNotKnown(ILogger logger, int count, string reason);
}

/// <summary>When a copy that is not in sync may lead a queue, if no other is left.</summary>
/// <param name="OnFailure">The leader's node has failed (<c>ha-promote-on-failure: always</c>).</param>
/// <param name="OnShutdown">It was stopped in order (<c>ha-promote-on-shutdown: always</c>).</param>
internal readonly record struct Promotion(bool OnFailure, bool OnShutdown)
{
    public bool After(bool wasStopped) => wasStopped ? OnShutdown : OnFailure;
}
