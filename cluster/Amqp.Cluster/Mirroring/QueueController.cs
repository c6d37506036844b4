using Amqp.Core.Topology;
using Amqp.Replication;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Mirroring;

/// <summary>
/// Gives mirrored queues whose leader is gone another one. Every node could; the first one of those that run does. That two do it at once, for a moment, does no harm: the record decides
/// which of them was first.
/// </summary>
/// <param name="records">As this node has last heard of them.</param>
/// <param name="propose">Asks for a change of a record.</param>
/// <param name="promotesUnsynchronised">Whether a copy that is not in sync may lead the queue, if no other is left.</param>
internal sealed partial class QueueController(
    string self, IEnumerable<KeyValuePair<QueueId, QueueConfiguration>> records, Action<QueueChange> propose, Func<QueueId, bool> promotesUnsynchronised, ILogger logger)
{
    /// <summary>Looks at all queues.</summary>
    /// <param name="running">Nodes that run at this moment, in the order of their names.</param>
    public void Look(IReadOnlyList<Member> running)
    {
        if (running.Count == 0 || running[0].Node != self) return;
        var there = running.ToHashSet();
        var (promoted, waiting) = (0, 0);
        foreach (var (queue, configuration) in records)
        {
            if (there.Contains(configuration.Leader)) continue;
            if (Election.Choose(configuration, running, promotesUnsynchronised(queue)) is not { } next)
            {
                waiting++;
                continue;
            }
            if (!configuration.IsInSync(next)) LogUnsynchronised(logger, queue.Value, next.Node);
            propose(new QueueChange(queue, configuration.Revision, Election.Promote(configuration, next, configuration.Epoch + 1)));
            promoted++;
        }
        if (promoted > 0) LogPromoted(logger, promoted, waiting);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The leaders of {Count} mirrored queues are gone: mirrors are promoted. {Waiting} other queues wait for a node that has a copy in sync")]
    private static partial void LogPromoted(ILogger logger, int count, int waiting);

    [LoggerMessage(Level = LogLevel.Error, Message = "No copy in sync is left of queue number {Queue}, and its policy says ha-promote-on-failure: always. The copy on node {Node} leads from now on; messages that were confirmed and are not on it are lost to the queue. Copies that have them and come back keep them aside, in amq.recovered.<name>")]
    private static partial void LogUnsynchronised(ILogger logger, long queue, string node);
}
