using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Broker.Observability;
using Amqp.Core.Queues;
using Amqp.Management.Clients;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>What became of a message, of all nodes together. RabbitMQ has nothing like it.</summary>
internal sealed class TraceEndpoints(INodeHost host)
{
    private const string MessageId = "message_id";
    private const string CorrelationId = "correlation_id";

    private readonly OtherNodes _others = new(host);

    public void Map(IEndpointRouteBuilder api) => api.MapGet("/trace/{vhost}", Find)
        .For(Right.Monitoring, "Shows what became of messages with an id, where it is kept (ours)");

    /// <summary>Of this node.</summary>
    public IEnumerable<object> Here(ClientQuestion question) => host.Node.Trails(question.Vhost!, question.Name!).Select(Show);

    /// <summary>With <c>id</c> either id will do.</summary>
    private async Task<IResult> Find(HttpContext context, PathNames names, CancellationToken cancellation)
    {
        if (host.Node.Topology.Find(names["vhost"]) is not { } vhost) return Answer.NotFound;
        var asked = Array.Find(["id", MessageId, CorrelationId], name => context.Request.Query[name] is [{ Length: > 0 }]);
        if (asked is null) return Answer.BadRequest($"say which message: id, {MessageId} or {CorrelationId}");
        var question = new ClientQuestion(ClientQuestion.Trails, Name: context.Request.Query[asked], Vhost: vhost.Name);
        var others = await _others.Ask(question, cancellation);
        var trails = JsonSerializer.SerializeToElement(Here(question), Answer.Json).EnumerateArray().Concat(others.Items)
            .Where(trail => asked == "id" || Fields.Text(trail, asked) == question.Name)
            .GroupBy(trail => (Fields.Text(trail, MessageId), Fields.Text(trail, CorrelationId)))
            .Select(Join);
        return new PartialResult(Answer.Of(trails.ToArray()), others.Silent);
    }

    /// <summary>What several nodes say of one message.</summary>
    private static JsonObject Join(IEnumerable<JsonElement> parts)
    {
        var trail = JsonObject.Create(parts.First())!;
        trail["events"] = new JsonArray([.. parts.SelectMany(part => part.GetProperty("events").EnumerateArray()).OrderBy(each => each.GetProperty("at").GetInt64()).Select(each => JsonObject.Create(each))]);
        trail["events_forgotten"] = parts.Sum(part => part.GetProperty("events_forgotten").GetInt32());
        return trail;
    }

    private object Show(MessageTrail trail) => new
    {
        vhost = trail.Vhost,
        message_id = trail.MessageId,
        correlation_id = trail.CorrelationId,
        events = trail.Events.Select(Show),
        events_forgotten = trail.Forgotten,
    };

    /// <summary>Without what does not belong to the step.</summary>
    private Dictionary<string, object> Show(TraceEvent happened)
    {
        var shown = new Dictionary<string, object> { ["at"] = happened.AtMs, ["node"] = host.Identity.Name, ["step"] = NameOf(happened.Step) };
        foreach (var (name, value) in new (string, object?)[]
        {
            ("exchange", happened.Exchange), ("routing_key", happened.RoutingKey), ("queues", happened.Queues), ("queue", happened.Queue), ("dead_letter_exchange", happened.DeadLetterExchange),
            ("user", happened.User), ("connection", happened.Connection), ("channel", happened.Channel), ("consumer_tag", happened.ConsumerTag), ("redelivered", happened.Redelivered),
        })
        {
            if (value is not null) shown[name] = value;
        }
        return shown;
    }

    private static string NameOf(TraceStep step) => step switch
    {
        TraceStep.Published => "published",
        TraceStep.Unroutable => "unroutable",
        TraceStep.Entered => "entered",
        TraceStep.Refused => "refused",
        TraceStep.Duplicate => "duplicate",
        TraceStep.Delivered => "delivered",
        TraceStep.Got => "got",
        TraceStep.Returned => "requeued",
        TraceStep.Acknowledged => "acknowledged",
        TraceStep.Rejected => "rejected",
        TraceStep.Expired => "expired",
        TraceStep.BeyondLength => "maxlen",
        TraceStep.DeliveryLimit => "delivery_limit",
        TraceStep.Due => "due",
        TraceStep.Purged => "purged",
        TraceStep.Damaged => "damaged",
        TraceStep.QueueDeleted => "queue_deleted",
        _ => throw new InvalidOperationException($"unknown step {step}"),
    };
}
