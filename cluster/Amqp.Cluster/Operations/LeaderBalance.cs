using Amqp.Core.Topology;

namespace Amqp.Cluster.Operations;

/// <summary>A mirrored queue, for the question where it is to be led.</summary>
/// <param name="InSync">Nodes that can lead it.</param>
internal sealed record LedQueue(QueueId Queue, string Leader, IReadOnlyList<string> InSync);

/// <summary>A leader that is to move.</summary>
internal readonly record struct LeaderMove(QueueId Queue, string From, string To);

/// <summary>Which leaders have to move so that each node leads as many queues as others, or nearly.</summary>
internal static class LeaderBalance
{
    /// <summary>As few moves as it takes, one queue at most once.</summary>
    /// <param name="nodes">Those that may lead. What is led by others is left where it is, unless one of these can take it.</param>
    public static IReadOnlyList<LeaderMove> Plan(IReadOnlyCollection<LedQueue> queues, IReadOnlyCollection<string> nodes)
    {
        var counts = nodes.ToDictionary(node => node, node => queues.Count(queue => queue.Leader == node));
        var moves = new List<LeaderMove>();
        foreach (var queue in queues.OrderBy(queue => queue.Queue.Value))
        {
            var to = queue.InSync.Where(counts.ContainsKey).Where(node => node != queue.Leader).OrderBy(node => counts[node]).ThenBy(node => node, StringComparer.Ordinal).FirstOrDefault();
            if (to is null) continue;
            // To move it must lessen the difference between the two, and not only turn it round.
            if (counts.TryGetValue(queue.Leader, out var has))
            {
                if (has - counts[to] < 2) continue;
                counts[queue.Leader] = has - 1;
            }
            counts[to]++;
            moves.Add(new LeaderMove(queue.Queue, queue.Leader, to));
        }
        return moves;
    }
}
