using Amqp.Broker.Observability;
using Amqp.Core.Topology;
using Amqp.Management.Http;
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
        api.MapGet("/queues", () => Answer.Of(Show(host.Node.Queues.List())));
        api.MapGet("/queues/{vhost}", (PathNames names, [FromQuery(Name = "disable_stats")] bool definitionsOnly = false) =>
        {
            if (host.Node.Topology.Find(names["vhost"]) is not { } vhost) return Answer.NotFound;
            return Answer.Of(definitionsOnly ? vhost.Queues.Values.OrderBy(queue => queue.Name, StringComparer.Ordinal).Select(Show) : Show(host.Node.Queues.List(vhost.Name)));
        });
        api.MapGet("/queues/{vhost}/{queue}", (PathNames names) =>
            Answer.OrNotFound(host.Node.Queues.Find(names["vhost"], names["queue"]) is { } queue ? Show(queue) : null));
        api.MapGet("/queues/{vhost}/{queue}/messages", async (
            PathNames names,
            [FromQuery] long from = 0,
            [FromQuery] int count = BrowseLimits.CountDefault,
            [FromQuery] int truncate = BrowseLimits.TruncateDefault) =>
        {
            if (BrowseLimits.Check(from, count, truncate) is { } mistake) return mistake;
            return Answer.OrNotFound(await host.Node.Queues.Browse(names["vhost"], names["queue"], from, count) is { } part ? MessageJson.Show(part, truncate) : null);
        });
        api.MapDelete("/queues/{vhost}/{queue}", async (
                PathNames names,
                HttpRequest request,
                [FromQuery(Name = "if-unused")] bool ifUnused = false,
                [FromQuery(Name = "if-empty")] bool ifEmpty = false) =>
            Counted(request, await host.Node.Queues.Delete(names["vhost"], names["queue"], ifUnused, ifEmpty)));
        api.MapDelete("/queues/{vhost}/{queue}/contents", async (PathNames names, HttpRequest request) =>
            Counted(request, await host.Node.Queues.Purge(names["vhost"], names["queue"])));
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

    /// <summary>Nodes that have a quorum queue.</summary>
    private string[] Members() => [host.Identity.Name];

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
        node = host.Identity.Name,
    };

    private object Show(QueueInfo queue)
    {
        var (definition, figures) = (queue.Definition, queue.Figures);
        var isQuorum = definition.Settings.Type == QueueType.Quorum;
        return new
        {
            name = definition.Name,
            vhost = definition.Vhost,
            durable = definition.Durable,
            auto_delete = definition.AutoDelete,
            exclusive = definition.Exclusive,
            arguments = definition.Arguments,
            type = definition.Settings.Type.Text(),
            node = host.Identity.Name,
            leader = isQuorum ? host.Identity.Name : null,
            members = isQuorum ? Members() : null,
            online = isQuorum ? Members() : null,
            state = queue.State,
            pid = host.Node.Pids.Of(definition.Id),
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
            head_message_timestamp = figures.Head?.Properties.Timestamp,
            disk_reads = queue.MessagesRead,
            disk_writes = queue.MessagesWritten,
            message_stats = MessageStats.OfQueue(queue.Meter),
        };
    }
}
