using Amqp.Broker.Observability;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>RabbitMQ's checks of what would happen if this node was stopped.</summary>
internal sealed class CriticalNodeEndpoints(INodeHost host)
{
    private const string OnlyNode = "single node cluster";
    private const string Maintenance = "node is being drained";

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/health/checks/node-is-mirror-sync-critical", () => Check(IsSyncCritical, "There are classic mirrored queues without online synchronised mirrors"))
            .For(Right.Management, "Fails if a queue would lose its last copy in sync with this node");
        api.MapGet("/health/checks/node-is-quorum-critical", () => Check(IsQuorumCritical, "There are quorum queues that would lose their quorum if the target node is shut down", isOverWhenDrained: true))
            .For(Right.Management, "Fails if a queue, or the cluster, would lose its majority with this node");
    }

    private IResult Check(Func<QueueInfo, bool> isCritical, string reason, bool isOverWhenDrained = false)
    {
        if (host.Node.Cluster.Nodes.Length == 1) return Answer.Of(new { status = "ok", reason = OnlyNode });
        if (isOverWhenDrained && host.IsDrained) return Answer.Of(new { status = "ok", reason = Maintenance });
        var critical = host.Node.Queues.List().Where(isCritical).Select(Show).ToArray();
        return critical.Length == 0 ? Answer.Of(new { status = "ok" }) : Answer.Failed(new { status = "failed", reason, queues = critical });
    }

    private object Show(QueueInfo queue) => new
    {
        readable_name = $"queue '{queue.Definition.Name}' in vhost '{queue.Definition.Vhost}'",
        name = queue.Definition.Name,
        virtual_host = queue.Definition.Vhost,
        type = queue.Definition.Settings.Type.Text(),
        // Ours: how many copies in sync would be left.
        others_in_sync = OthersInSync(queue),
    };

    /// <summary>
    /// This node has it, and without it no copy in sync would be left, or fewer than <c>ha-min-in-sync</c>, so that publishes are refused. If there are not more copies than
    /// that at all, one that is left will do, since no waiting would change that.
    /// </summary>
    private bool IsSyncCritical(QueueInfo queue) =>
        queue is { Definition.Settings: { Type: QueueType.Classic, Mirrors: { } mirrors }, Place.IsMirrored: true } && queue.Place.InSync.Contains(host.Identity.Name)
        && OthersInSync(queue) < Math.Max(1, Math.Min(mirrors.MinInSync, queue.Place.Copies.Length - 1));

    private int OthersInSync(QueueInfo queue) => queue.Place.InSync.Count(node => node != host.Identity.Name && queue.Place.Online.Contains(node));

    /// <summary>Without this node, fewer copies than the majority would run.</summary>
    private bool IsQuorumCritical(QueueInfo queue) =>
        queue is { Definition.Settings.Type: QueueType.Quorum } && queue.Place.Online.Contains(host.Identity.Name)
        && queue.Place.Online.Count(queue.Place.InSync.Contains) - 1 < (queue.Place.Copies.Length / 2) + 1;
}
