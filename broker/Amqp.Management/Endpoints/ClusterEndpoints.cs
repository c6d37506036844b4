using System.Text.Json;
using System.Text.RegularExpressions;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>The cluster: its name, how it is, who belongs to it no more, and where queues are led.</summary>
internal sealed class ClusterEndpoints(INodeHost host)
{
    private static readonly TimeSpan PatienceToForget = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PatienceToRebalance = TimeSpan.FromMinutes(2);

    /// <summary>For a pattern of an operator on one name.</summary>
    private static readonly TimeSpan PatienceToMatch = TimeSpan.FromMilliseconds(100);

    private static readonly string[] Types = ["all", "classic", "quorum", "stream"];

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/cluster-name", () => Answer.Of(new { name = host.Node.ClusterName })).For(Right.Management, "Shows the name of the cluster");
        api.MapPut("/cluster-name", (Body body, Requester who) => Answer.To(who.Change(
            host.Node, new SetGlobalParameter(TopologySnapshot.ClusterNameParameter, JsonSerializer.SerializeToElement(body.Text("name"))))))
            .For(Right.Administrator, "Sets the name of the cluster").WithBody("""{"name":"orders"}""");
        api.MapGet("/cluster", Show).For(Right.Monitoring, "Shows the nodes of the cluster, their links and what holds if they part (ours)");
        api.MapDelete("/nodes/{node}", Forget).For(Right.Administrator, "Removes a stopped node from the cluster (ours; as forget_cluster_node)");
        api.MapPost("/rebalance/queues", Rebalance).For(Right.Administrator, "Spreads the leaders of queues with mirrors over the nodes");
    }

    private async Task<IResult> Show(CancellationToken cancellation)
    {
        var health = await host.Node.Operations.Health(cancellation);
        return Answer.Of(new
        {
            cluster_name = host.Node.ClusterName,
            members = health.Members.Select(member => new
            {
                name = member.Name,
                running = member.IsRunning,
                epoch = member.Epoch,
                voter = member.IsVoter,
                version = member.Version,
                address = member.Address,
            }),
            lease_in_doubt = health.IsLeaseInDoubt,
            etcd = new { leader = health.EtcdLeader, alarms = health.EtcdAlarms, failure = health.EtcdFailure },
            links = health.Links.Select(link => new
            {
                node = link.Node,
                lane = link.Lane,
                connected = link.IsConnected,
                breaker = link.Breaker,
                last_failure = link.LastFailure,
                waiting_bytes = link.WaitingBytes,
            }),
        });
    }

    private async Task<IResult> Forget(PathNames names, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(PatienceToForget);
        try
        {
            await host.Node.Operations.Forget(names["node"], patience.Token);
            return Answer.Done;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return Answer.BadRequest($"The other nodes did not agree within {PatienceToForget.TotalSeconds} s: a majority of the nodes that run etcd has to be there. Try again when they are");
        }
    }

    private async Task<IResult> Rebalance(
        [FromQuery(Name = "type")] string type = "all",
        [FromQuery(Name = "vhost-pattern")] string vhosts = ".*",
        [FromQuery(Name = "queue-pattern")] string queues = ".*",
        CancellationToken cancellation = default)
    {
        if (!Types.Contains(type)) return Answer.BadRequest($"type {type} is not supported. Try one of all, classic, quorum, stream.");
        if (Pattern(vhosts) is not { } ofVhosts || Pattern(queues) is not { } ofQueues) return Answer.BadRequest("a pattern is not a regular expression");
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(PatienceToRebalance);
        await host.Node.Operations.Rebalance(IsWanted, patience.Token);
        var rows = host.Node.Topology.VirtualHosts.Values.SelectMany(vhost => vhost.Queues.Values).Where(IsWanted)
            .Select(queue => (Place: host.Node.Operations.PlaceOf(queue), queue.Settings.Type)).Where(queue => queue.Place.IsMirrored)
            .GroupBy(queue => queue.Place.Leader).OrderBy(node => node.Key, StringComparer.Ordinal)
            .Select(node => new
            {
                node = node.Key,
                classic = node.Count(queue => queue.Type == QueueType.Classic),
                quorum = node.Count(queue => queue.Type == QueueType.Quorum),
            });
        return Answer.Of(rows);

        bool IsWanted(QueueDefinition queue) => (type == "all" || queue.Settings.Type.Text() == type) && ofVhosts.IsMatch(queue.Vhost) && ofQueues.IsMatch(queue.Name);
    }

    /// <returns>Null: it is none.</returns>
    private static Regex? Pattern(string text)
    {
        try
        {
            return new Regex(text, RegexOptions.CultureInvariant, PatienceToMatch);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
