using System.Collections.Immutable;
using Amqp.Broker.Observability;
using Amqp.Core.Errors;
using Amqp.Core.Queues;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Queues and their messages.</summary>
internal sealed class QueueEndpoints(INodeHost host)
{
    /// <summary>Ours: with this header the answer to a deletion says how many messages went.</summary>
    private const string CountHeader = "X-Count";

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/queues", (Requester who) => Answer.Of(who.VhostsInside(host.Node.Topology).SelectMany(vhost => Show(host.Node.Queues.List(vhost.Name))))).For(Right.InVhost);
        api.MapGet("/queues/{vhost}", (PathNames names, [FromQuery(Name = "disable_stats")] bool definitionsOnly = false) =>
        {
            if (host.Node.Topology.Find(names["vhost"]) is not { } vhost) return Answer.NotFound;
            return Answer.Of(definitionsOnly ? vhost.Queues.Values.OrderBy(queue => queue.Name, StringComparer.Ordinal).Select(Show) : Show(host.Node.Queues.List(vhost.Name)));
        }).For(Right.InVhost);
        api.MapGet("/queues/{vhost}/{queue}", (PathNames names) =>
            Answer.OrNotFound(host.Node.Queues.Find(names["vhost"], names["queue"]) is { } queue ? Show(queue) : null)).For(Right.InVhost);
        api.MapGet("/queues/{vhost}/{queue}/messages", async (
            PathNames names,
            Requester who,
            [FromQuery] long from = 0,
            [FromQuery] int count = BrowseLimits.CountDefault,
            [FromQuery] int truncate = BrowseLimits.TruncateDefault) =>
        {
            if (BrowseLimits.Check(from, count, truncate) is { } mistake) return mistake;
            Check(names, who, Access.Read);
            return Answer.OrNotFound(await host.Node.Queues.Browse(names["vhost"], names["queue"], from, count) is { } part ? MessageJson.Show(part, truncate) : null);
        }).For(Right.InVhost);
        api.MapGet("/queues/{vhost}/{queue}/copy", async (PathNames names) =>
            Answer.OrNotFound(await host.Node.Queues.DigestOfCopy(names["vhost"], names["queue"]) is { } copy ? new { messages = copy.Messages, sha256 = copy.Hash } : null)).For(Right.Administrator);
        api.MapPut("/queues/{vhost}/{queue}", Put).For(Right.InVhost);
        api.MapDelete("/queues/{vhost}/{queue}", Delete).For(Right.InVhost);
        api.MapPost("/queues/{vhost}/{queue}/actions", Act).For(Right.Administrator);
        api.MapDelete("/queues/{vhost}/{queue}/contents", Purge).For(Right.InVhost);
    }

    private async Task<IResult> Put(PathNames names, Body body, Requester who)
    {
        if (host.Node.Topology.Find(names["vhost"]) is not { } vhost) return Answer.NotFound;
        var name = ShortText.Of("queue name", Names.Strip(names["queue"]));
        var node = body.TextOrNull("node");
        if (node is not null && !host.Node.Cluster.Nodes.Any(each => each.IsRunning && each.Name == node)) return Answer.BadRequest($"Node {node} could not be contacted");
        var declare = new DeclareQueue(
            vhost.Name, name, body.FlagOrText("durable"), body.FlagOrText("auto_delete"), Exclusive: false, FieldTableJson.Of(body.ValueOrNull("arguments")), Requester: null, User: who.Name)
        {
            Node = node,
        };
        var result = await who.Change(host.Node, declare);
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(result.Changed);
    }

    private async Task<IResult> Delete(
        PathNames names, HttpRequest request, Requester who, [FromQuery(Name = "if-unused")] bool ifUnused = false, [FromQuery(Name = "if-empty")] bool ifEmpty = false)
    {
        Check(names, who, Access.Configure);
        return Counted(request, await host.Node.Queues.Delete(names["vhost"], names["queue"], ifUnused, ifEmpty, who.Name));
    }

    private async Task<IResult> Purge(PathNames names, HttpRequest request, Requester who)
    {
        Check(names, who, Access.Read);
        return Counted(request, await host.Node.Queues.Purge(names["vhost"], names["queue"]));
    }

    /// <exception cref="BrokerException">403: the user has no permission for that. 405: the queue is another connection's own.</exception>
    private void Check(PathNames names, Requester who, Access access)
    {
        if (who.IsOperatorOfHost || host.Node.Topology.Find(names["vhost"]) is not { } vhost) return;
        who.Check(vhost, access, Resource.Queue(vhost.Name, names["queue"]));
        if (vhost.FindQueue(names["queue"]) is { Owner: not null }) throw new BrokerException(BrokerError.QueueLocked(vhost.Name, names["queue"]));
    }

    /// <summary>Mirrors catch up by themselves while the queue serves, so there is nothing to begin or to end.</summary>
    private IResult Act(PathNames names, Body body)
    {
        var action = body.Text("action");
        if (action is not ("sync" or "cancel_sync")) return Answer.BadRequest($"not an action: {action}");
        if (host.Node.Queues.Find(names["vhost"], names["queue"]) is not { } queue) return Answer.NotFound;
        if (queue.Definition.Settings.Type == QueueType.Quorum) return Answer.BadRequest("quorum_queue_not_supported");
        return queue.Place.IsMirrored ? Answer.Done : Answer.BadRequest("not_mirrored");
    }

    private static IResult Counted(HttpRequest request, int? count)
    {
        if (count is not { } messages) return Answer.NotFound;
        return request.Headers.ContainsKey(CountHeader) ? Answer.Of(new { message_count = messages }) : Answer.Done;
    }

    private IEnumerable<object> Show(IEnumerable<QueueInfo> queues) => queues
        .OrderBy(queue => queue.Definition.Vhost, StringComparer.Ordinal)
        .ThenBy(queue => queue.Definition.Name, StringComparer.Ordinal)
        .Select(Show);

    private string[]? PidsOf(QueueId queue, string[]? nodes) => nodes is null ? null : Array.ConvertAll(nodes, node => host.Node.Pids.Of(queue, node));

    /// <summary>Ours: how far a mirror is.</summary>
    private static object Show(MirrorProgress mirror) => new
    {
        node = mirror.Node,
        catching_up = !mirror.IsComplete,
        messages_told = mirror.MessagesTold,
        batches_behind = mirror.BatchesBehind,
        bytes_behind = mirror.BytesBehind,
    };

    /// <summary>Without asking the queue.</summary>
    private object Show(QueueDefinition definition) => new
    {
        name = definition.Name,
        vhost = definition.Vhost,
        durable = definition.Durable,
        auto_delete = definition.AutoDelete,
        exclusive = definition.Exclusive,
        arguments = definition.Arguments,
        type = definition.Settings.Type.Text(),
        node = host.Node.Operations.PlaceOf(definition).Leader,
    };

    private object Show(QueueInfo queue)
    {
        var (definition, figures, place) = (queue.Definition, queue.Figures, queue.Place);
        var isQuorum = definition.Settings.Type == QueueType.Quorum;
        // Of a classic queue RabbitMQ calls them mirrors, and leaves the leader out.
        var mirrors = !isQuorum && place.IsMirrored ? place.Copies.Where(node => node != place.Leader).ToArray() : null;
        var online = mirrors?.Where(place.Online.Contains).ToArray();
        var synchronised = online?.Where(place.InSync.Contains).ToArray();
        return new
        {
            name = definition.Name,
            vhost = definition.Vhost,
            durable = definition.Durable,
            auto_delete = definition.AutoDelete,
            exclusive = definition.Exclusive,
            arguments = definition.Arguments,
            type = definition.Settings.Type.Text(),
            node = place.Leader,
            leader = isQuorum ? place.Leader : null,
            members = isQuorum ? place.Copies : (ImmutableArray<string>?)null,
            online = isQuorum ? place.Online : (ImmutableArray<string>?)null,
            slave_nodes = online,
            synchronised_slave_nodes = synchronised,
            recoverable_slaves = mirrors,
            slave_pids = PidsOf(definition.Id, online),
            synchronised_slave_pids = PidsOf(definition.Id, synchronised),
            mirrors = place.IsMirrored ? place.Progress.Items.Select(Show) : null,
            sync_messages = queue.State == QueueInfo.Syncing ? place.Progress.Items.Where(mirror => !mirror.IsComplete).Min(mirror => mirror.MessagesTold) : (long?)null,
            state = queue.State,
            pid = host.Node.Pids.Of(definition.Id, place.Leader),
            owner_pid = definition.Owner is { } owner ? host.Node.Pids.Of(owner) : null,
            policy = definition.Policies.Policy?.Name,
            operator_policy = definition.Policies.OperatorPolicy?.Name,
            effective_policy_definition = definition.Policies.Effective.ToDictionary(),
            consumers = queue.Consumers,
            exclusive_consumer_pid = queue.ExclusiveConsumer is { } alone ? host.Node.Pids.Of(alone) : null,
            exclusive_consumer_tag = queue.ExclusiveConsumer?.Tag,
            single_active_consumer_pid = queue.SingleActiveConsumer is { } active ? host.Node.Pids.Of(active) : null,
            single_active_consumer_tag = queue.SingleActiveConsumer?.Tag,
            memory = figures.MemoryBytes,
            messages = figures.Ready + figures.Unacked,
            messages_ready = figures.Ready,
            messages_unacknowledged = figures.Unacked,
            messages_ram = figures.ReadyInMemory + figures.UnackedInMemory,
            messages_ready_ram = figures.ReadyInMemory,
            messages_unacknowledged_ram = figures.UnackedInMemory,
            messages_persistent = figures.Persistent,
            message_bytes = figures.ReadyBytes + figures.UnackedBytes,
            message_bytes_ready = figures.ReadyBytes,
            message_bytes_unacknowledged = figures.UnackedBytes,
            message_bytes_ram = figures.BytesInMemory,
            message_bytes_persistent = figures.PersistentBytes,
            head_message_timestamp = queue.HeadTimestamp,
            disk_reads = queue.MessagesRead,
            disk_writes = queue.MessagesWritten,
            message_stats = MessageStats.OfQueue(queue.Reading),
        };
    }
}
