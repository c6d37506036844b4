using Amqp.Core.Topology;
using Amqp.Replication;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Mirroring;

/// <summary>
/// Gives mirrored queues whose leader is gone another one. Every node could; the first one of those that run does, and the next ones do what it leaves undone: it may be busy with its start. That two do it at
/// once does no harm: the record decides which of them was first.
/// </summary>
/// <param name="records">As this node has last heard of them.</param>
/// <param name="propose">Asks for a change of a record.</param>
/// <param name="promotesUnsynchronised">Whether a copy that is not in sync may lead the queue, if no other is left.</param>
internal sealed partial class QueueController(
    string self, IEnumerable<KeyValuePair<QueueId, QueueConfiguration>> records, Action<QueueChange> propose, Func<QueueId, bool> promotesUnsynchronised, TimeProvider time, ILogger logger)
{
    /// <summary>How long a node leaves it to the one before it.</summary>
    private static readonly TimeSpan Precedence = TimeSpan.FromSeconds(1);

    /// <summary>Nodes behind these do not look: that costs, where there are many queues.</summary>
    private const int NodesMax = 3;

    private long? _undoneSince;

    /// <summary>Looks at all queues.</summary>
    /// <param name="running">Nodes that run at this moment, in the order of their names.</param>
    public void Look(IReadOnlyList<Member> running)
    {
        var place = running.Index().FirstOrDefault(each => each.Item.Node == self, (Index: NodesMax, default)).Index;
        if (place >= NodesMax) return;
        var there = running.ToHashSet();
        var changes = new List<(QueueId Queue, QueueConfiguration Configuration, Member Next)>();
        var waiting = 0;
        foreach (var (queue, configuration) in records)
        {
            if (there.Contains(configuration.Leader)) continue;
            if (Election.Choose(configuration, running, promotesUnsynchronised(queue)) is { } next) changes.Add((queue, configuration, next));
            else waiting++;
        }
        _undoneSince = changes.Count == 0 ? null : _undoneSince ?? time.GetTimestamp();
        if (_undoneSince is not { } since || time.GetElapsedTime(since) < place * Precedence) return;
        foreach (var (queue, configuration, next) in changes)
        {
            if (!configuration.IsInSync(next)) LogUnsynchronised(logger, queue.Value, next.Node);
            propose(new QueueChange(queue, configuration.Revision, Election.Promote(configuration, next, configuration.Epoch + 1)));
        }
        LogPromoted(logger, changes.Count, waiting);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The leaders of {Count} mirrored queues are gone: mirrors are promoted. {Waiting} other queues wait for a node that has a copy in sync")]
    private static partial void LogPromoted(ILogger logger, int count, int waiting);

    [LoggerMessage(Level = LogLevel.Error, Message = "No copy in sync is left of queue number {Queue}, and its policy says ha-promote-on-failure: always. The copy on node {Node} leads from now on; messages that were confirmed and are not on it are lost to the queue. Copies that have them and come back keep them aside, in amq.recovered.<name>")]
    private static partial void LogUnsynchronised(ILogger logger, long queue, string node);
}
