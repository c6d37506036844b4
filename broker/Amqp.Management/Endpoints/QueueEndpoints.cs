using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Amqp.Core.Errors;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
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

    private const string Definition = "name,vhost,durable,auto_delete,exclusive,owner_pid,arguments,type,node,pid,state,policy";
    private const string Totals = "messages,messages_ready,messages_unacknowledged";

    /// <summary>Queues by name, of virtual hosts as they are now: there may be many, and pages of them are wanted every few seconds.</summary>
    private static readonly ConditionalWeakTable<ImmutableDictionary<string, QueueDefinition>, QueueDefinition[]> InOrder = [];

    private readonly ConsumerEndpoints _consumers = new(host);

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/queues", (Requester who, HttpRequest request, Past past) => List(who.VhostsInside(host.Node.Topology), request, past))
            .For(Right.InVhost, "Lists the queues of all virtual hosts").WithPages();
        // RabbitMQ's usual list has fewer fields than this one. Here it has them all.
        api.MapGet("/queues/detailed", (Requester who, HttpRequest request, Past past) => List(who.VhostsInside(host.Node.Topology), request, past))
            .For(Right.InVhost, "Lists them with all that is known of them").WithPages();
        api.MapGet("/queues/{vhost}", (PathNames names, HttpRequest request, Past past) =>
            host.Node.Topology.Find(names["vhost"]) is { } vhost ? List([vhost], request, past) : Answer.NotFound)
            .For(Right.InVhost, "Lists the queues of a virtual host").WithPages();
        api.MapGet("/queues/{vhost}/{queue}", async (PathNames names, HttpRequest request, Past past, CancellationToken cancellation) =>
            Answer.OrNotFound(await Find(names, past, cancellation), DefinitionFor(request))).For(Right.InVhost, "Shows a queue and its consumers");
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
        }).For(Right.InVhost, "Shows messages of a queue without taking them (ours)");
        api.MapGet("/queues/{vhost}/{queue}/copy", async (PathNames names) =>
            Answer.OrNotFound(await host.Node.Queues.DigestOfCopy(names["vhost"], names["queue"]) is { } copy ? new { messages = copy.Messages, sha256 = copy.Hash } : null))
            .For(Right.Administrator, "Shows a hash of this node's copy of a queue, to compare it with the others (ours)");
        api.MapPut("/queues/{vhost}/{queue}", Put)
            .For(Right.InVhost, "Declares a queue").WithBody("""{"durable":true,"auto_delete":false,"arguments":{"x-message-ttl":60000}}""");
        api.MapDelete("/queues/{vhost}/{queue}", Delete).For(Right.InVhost, "Deletes a queue with its messages");
        api.MapPost("/queues/{vhost}/{queue}/actions", Act)
            .For(Right.Administrator, "Takes sync and cancel_sync, which have nothing to do: mirrors catch up while the queue serves").WithBody("""{"action":"sync"}""");
        api.MapDelete("/queues/{vhost}/{queue}/contents", Purge).For(Right.InVhost, "Purges a queue");
    }

    private async Task<ShownQueue?> Find(PathNames names, Past past, CancellationToken cancellation)
    {
        if (host.Node.Topology.Find(names["vhost"])?.FindQueue(names["queue"]) is not { } queue) return null;
        var shown = new ShownQueue(host, queue);
        // Most have none, and then no other node has to be asked.
        return new ShownQueue(host, queue) { Past = past, ConsumerDetails = shown.Consumers == 0 ? [] : await _consumers.Of(queue, cancellation) };
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

    private IResult List(IEnumerable<VirtualHost> vhosts, HttpRequest request, Past past) =>
        Answer.Pages(vhosts.SelectMany(vhost => InOrder.GetValue(vhost.Queues, Sort)).Select(queue => new ShownQueue(host, queue) { Past = past }), DefinitionFor(request), isInOrder: true);

    private static QueueDefinition[] Sort(ImmutableDictionary<string, QueueDefinition> queues) => [.. queues.Values.OrderBy(queue => queue.Name, StringComparer.Ordinal)];

    private static string DefinitionFor(HttpRequest request) => request.Query["enable_queue_totals"] == "true" ? $"{Definition},{Totals}" : Definition;
}
