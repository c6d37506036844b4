using Amqp.Cluster.Links;
using Amqp.Cluster.Membership;
using Amqp.Cluster.Mirroring;
using Amqp.Core.Topology;
using Amqp.Replication;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Operations;

/// <summary>Moves leaders of mirrored queues to other nodes, as operators want it: off a node that is drained or stopped, or evenly over all nodes. Only copies in sync take over, by a hand-over.</summary>
/// <param name="isDrained">Whether a node is to get no leaders.</param>
/// <param name="promotesOnShutdown">Whether a copy that is not in sync may lead the queue, when its leader is stopped and no other copy is there.</param>
internal sealed partial class LeaderMoves(
    ClusterView view, NodeLinks links, Mirrors mirrors, Func<string, bool> isDrained, Func<QueueId, bool> promotesOnShutdown, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan PauseBetweenLooks = TimeSpan.FromMilliseconds(50);

    /// <summary>A hand-over that has not happened by then was given up, and is asked for again.</summary>
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(3_500);

    /// <summary>Hand-overs that are under way at once: their queues stand still meanwhile.</summary>
    private const int AtOnceMax = 500;

    /// <summary>Hands over all queues that this node leads and that another node can lead.</summary>
    /// <returns>How many of these are left.</returns>
    public async Task<int> Leave(bool isEnding, CancellationToken patience)
    {
        var asked = new Dictionary<QueueId, long>();
        while (true)
        {
            var left = AskToLeave(isEnding, asked);
            if (left == 0 || patience.IsCancellationRequested)
            {
                if (asked.Count > 0) LogHandedOver(logger, asked.Count, left);
                return left;
            }
            await Task.Delay(PauseBetweenLooks, time, patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Has leaders move until no node has more of these queues than it has to.</summary>
    /// <returns>How many have moved.</returns>
    public async Task<int> Balance(IEnumerable<QueueId> queues, CancellationToken patience)
    {
        var targets = LeaderBalance.Plan([.. queues.Select(queue => (queue, Record: mirrors.RecordOf(queue))).Where(each => each.Record is not null).Select(each => Placed(each.queue, each.Record!))], Targets());
        var moved = 0;
        foreach (var some in targets.Chunk(AtOnceMax))
        {
            var asked = new Dictionary<QueueId, long>();
            while (true)
            {
                var waiting = some.Where(move => mirrors.RecordOf(move.Queue) is { } record && record.Leader.Node == move.From).ToArray();
                if (waiting.Length == 0 || patience.IsCancellationRequested) break;
                foreach (var move in waiting) Ask(move, asked);
                await Task.Delay(PauseBetweenLooks, time, patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            moved += some.Count(move => mirrors.RecordOf(move.Queue) is { } record && record.Leader.Node == move.To);
        }
        LogBalanced(logger, moved, targets.Count);
        return moved;
    }

    private int AskToLeave(bool isEnding, Dictionary<QueueId, long> asked)
    {
        var targets = Targets().Where(node => node != view.Self).ToHashSet();
        var leads = targets.ToDictionary(node => node, _ => 0);
        foreach (var (_, record) in mirrors.Records)
        {
            if (leads.TryGetValue(record.Leader.Node, out var count)) leads[record.Leader.Node] = count + 1;
        }
        var (left, now, underWay) = (0, time.GetTimestamp(), 0);
        foreach (var (queue, record) in mirrors.Records)
        {
            if (record.Leader.Node != view.Self) continue;
            var next = record.InSync.Select(member => member.Node).Where(targets.Contains).MinBy(node => leads[node]);
            if (next is null)
            {
                if (isEnding && promotesOnShutdown(queue)) Promote(queue, record, asked);
                continue;
            }
            left++;
            if (asked.TryGetValue(queue, out var at) && time.GetElapsedTime(at, now) < AskAgainAfter) underWay++;
            else if (underWay < AtOnceMax)
            {
                asked[queue] = now;
                leads[next]++;
                underWay++;
                mirrors.HandOver(queue, next);
            }
        }
        return left;
    }

    /// <summary>No copy in sync is left but the one here, and its policy wants another one to lead all the same.</summary>
    private void Promote(QueueId queue, QueueConfiguration record, Dictionary<QueueId, long> asked)
    {
        Member[] others = [.. view.Running.Where(node => node.Name != view.Self).Select(node => new Member(node.Name, node.Directory, node.Epoch))];
        if (!asked.TryAdd(queue, time.GetTimestamp()) || Election.Choose(record, others, promotesUnsynchronised: true) is not { } next) return;
        LogUnsynchronised(logger, queue.Value, next.Node);
        mirrors.Propose(new QueueChange(queue, record.Revision, Election.Promote(record, next, record.Epoch + 1)));
    }

    private void Ask(LeaderMove move, Dictionary<QueueId, long> asked)
    {
        var now = time.GetTimestamp();
        if (asked.TryGetValue(move.Queue, out var at) && time.GetElapsedTime(at, now) < AskAgainAfter) return;
        asked[move.Queue] = now;
        if (move.From == view.Self) mirrors.HandOver(move.Queue, move.To);
        else links.Post(move.From, LinkLane.Control, new MoveFrame(move.Queue, move.To));
    }

    private string[] Targets() => [.. view.Nodes.Where(node => node.IsRunning && !isDrained(node.Name)).Select(node => node.Name)];

    private static LedQueue Placed(QueueId queue, QueueConfiguration record) => new(queue, record.Leader.Node, [.. record.InSync.Select(member => member.Node)]);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Count} mirrored queues are handed over to other nodes; {Left} of them were not in time")]
    private static partial void LogHandedOver(ILogger logger, int count, int left);

    [LoggerMessage(Level = LogLevel.Information, Message = "Leaders of mirrored queues are spread over the nodes: {Moved} of {Planned} have moved")]
    private static partial void LogBalanced(ILogger logger, int moved, int planned);

    [LoggerMessage(Level = LogLevel.Warning, Message = "This node is stopped, no copy in sync of queue number {Queue} is on another node, and its policy says ha-promote-on-shutdown: always. The copy on node {Node} leads from now on; what is only here is kept aside when this node comes back, in amq.recovered.<name>")]
    private static partial void LogUnsynchronised(ILogger logger, long queue, string node);
}
