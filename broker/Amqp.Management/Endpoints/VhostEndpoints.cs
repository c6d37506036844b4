using Amqp.Core.Metrics;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Virtual hosts.</summary>
internal sealed class VhostEndpoints(INodeHost host)
{
    /// <summary>What RabbitMQ says of a queue type that is not set, and takes for one.</summary>
    private const string Undefined = "undefined";

    /// <summary>Ours: all policies that match act together.</summary>
    private const string PolicyMerge = "policy-merge";

    private const string Definition = "name,description,tags,metadata,default_queue_type,tracing,cluster_state";

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/vhosts", (Requester who, Past past) => Answer.Pages(host.Node.Topology.VirtualHosts.Values.Where(who.Sees).Select(vhost => Show(vhost, past)), Definition))
            .For(Right.Management, "Lists virtual hosts").WithPages();
        api.MapGet("/vhosts/{vhost}", (PathNames names, Past past) => Answer.OrNotFound(host.Node.Topology.Find(names["vhost"]) is { } vhost ? Show(vhost, past) : null, Definition))
            .For(Right.Administrator, "Shows a virtual host");
        api.MapPut("/vhosts/{vhost}", Put)
            .For(Right.Administrator, "Adds a virtual host, or sets what is given of one").WithBody("""{"description":"...","tags":"production","default_queue_type":"classic","tracing":false}""");
        api.MapDelete("/vhosts/{vhost}", async (PathNames names, Requester who) =>
            host.Node.Topology.Find(names["vhost"]) is { } vhost ? await Answer.To(who.Change(host.Node, new DeleteVhost(vhost.Name))) : Answer.NotFound)
            .For(Right.Administrator, "Deletes a virtual host with all that is in it");
        // It runs wherever its node does, so there is nothing to start.
        api.MapPost("/vhosts/{vhost}/start/{node}", (PathNames names) =>
            host.Node.Topology.Find(names["vhost"]) is null ? Answer.NotFound
            : host.Node.Cluster.Nodes.Any(node => node.IsRunning && node.Name == names["node"]) ? Answer.Done
            : Answer.BadRequest($"Request to node {names["node"]} failed with {{badrpc,nodedown}}"))
            .For(Right.Administrator, "Starts a virtual host on a node, where it runs already");
    }

    /// <summary>As it is in definitions.</summary>
    public static object Define(VirtualHost vhost) => new
    {
        name = vhost.Name,
        description = vhost.Metadata.Description,
        tags = vhost.Metadata.Tags,
        metadata = Show(vhost.Metadata),
    };

    private object Show(VirtualHost vhost, Past past) => Show(vhost, host.Node.MeterOf(vhost), past);

    /// <param name="meter">Null: nothing has happened in it.</param>
    private object Show(VirtualHost vhost, Meter? meter, Past past) => new
    {
        name = vhost.Name,
        description = vhost.Metadata.Description,
        tags = vhost.Metadata.Tags,
        metadata = Show(vhost.Metadata),
        default_queue_type = vhost.Metadata.DefaultQueueType?.Text() ?? Undefined,
        tracing = host.Node.IsTraced(vhost.Name),
        messages = (meter?[Measure.Ready] + meter?[Measure.Unacked]) ?? 0,
        messages_details = Past.Details(meter, past.Lengths, Measure.Ready, Measure.Unacked),
        messages_ready = meter?[Measure.Ready] ?? 0,
        messages_ready_details = Past.Details(meter, past.Lengths, Measure.Ready),
        messages_unacknowledged = meter?[Measure.Unacked] ?? 0,
        messages_unacknowledged_details = Past.Details(meter, past.Lengths, Measure.Unacked),
        recv_oct = meter?[Measure.BytesReceived] ?? 0,
        recv_oct_details = Past.Details(meter, past.DataRates, Measure.BytesReceived),
        send_oct = meter?[Measure.BytesSent] ?? 0,
        send_oct_details = Past.Details(meter, past.DataRates, Measure.BytesSent),
        message_stats = MessageStats.OfClient(meter, past),
        cluster_state = new Dictionary<string, string> { [host.Identity.Name] = "running" },
    };

    private async Task<IResult> Put(PathNames names, Body body, HttpRequest request, Requester who)
    {
        var name = names["vhost"];
        var before = host.Node.Topology.Find(name);
        if (before is not null && request.Headers.IfNoneMatch == "*") return Answer.Exists;
        var (metadata, traces) = (Change(before?.Metadata ?? VhostMetadata.None, body), body.FlagOrTextOrNull("tracing"));
        var result = await who.Change(host.Node, before is null ? new AddVhost(name, metadata) : new DescribeVhost(name, metadata));
        if (result.Error is { } error) return Answer.Error(error);
        if (traces is { } isTraced && isTraced != host.Node.IsTraced(name)) host.Node.Trace(name, isTraced);
        return Answer.Put(isNew: before is null);
    }

    private static Dictionary<string, object> Show(VhostMetadata metadata)
    {
        var shown = new Dictionary<string, object> { ["description"] = metadata.Description, ["tags"] = metadata.Tags };
        if (metadata.DefaultQueueType is { } type) shown["default_queue_type"] = type.Text();
        if (metadata.MergesPolicies) shown[PolicyMerge] = true;
        return shown;
    }

    /// <summary>Takes what the request says, and keeps the rest.</summary>
    /// <exception cref="BadRequestException">Something is not of its type, or no queue type.</exception>
    public static VhostMetadata Change(VhostMetadata metadata, Body body)
    {
        if (body.TextOrNull("description") is { } description) metadata = metadata with { Description = description };
        if (body.Words("tags") is { } tags) metadata = metadata with { Tags = [.. tags] };
        if (body.FlagOrNull(PolicyMerge) is { } merges) metadata = metadata with { MergesPolicies = merges };
        // The second name is the one that it had in RabbitMQ 3.11.
        if ((body.TextOrNull("default_queue_type") ?? body.TextOrNull("defaultqueuetype")) is not { } text) return metadata;
        if (text == Undefined) return metadata with { DefaultQueueType = null };
        return QueueTypes.TryParse(text, out var type)
            ? metadata with { DefaultQueueType = type }
            : throw new BadRequestException($"unsupported default queue type '{text}': it must be one of quorum, stream, classic");
    }
}
