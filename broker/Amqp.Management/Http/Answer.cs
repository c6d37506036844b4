using System.Text.Encodings.Web;
using System.Text.Json;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using AMQP.Net;
using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Http;

/// <summary>The answers there are, in the shapes of RabbitMQ's HTTP API.</summary>
internal static class Answer
{
    // Without a charset, as in RabbitMQ: tools compare it.
    private const string JsonType = "application/json";

    /// <summary>How what is shown becomes JSON.</summary>
    internal static readonly JsonSerializerOptions Json = NewOptions();

    public static readonly IResult Done = Results.NoContent();

    public static readonly IResult NotFound = Error(StatusCodes.Status404NotFound, "Object Not Found", "Not Found");

    /// <summary>To a PUT with <c>If-None-Match: *</c>.</summary>
    public static readonly IResult Exists = Error(StatusCodes.Status412PreconditionFailed, "precondition_failed", "it exists already");

    public static readonly IResult Stopped = Error(
        StatusCodes.Status503ServiceUnavailable, "not_running", "the node is stopped: start it with start_app");

    /// <summary>The name or the password is wrong; which, is not said.</summary>
    public static readonly IResult NotAuthenticated = Error(StatusCodes.Status401Unauthorized, "not_authorized", "Not_Authorized");

    /// <param name="definition">Which of its fields are no statistics: see <see cref="Columns.In"/>.</param>
    public static IResult Of(object shown, string? definition = null) => new ShownResult(shown, definition);

    /// <summary>A list, sorted by virtual host and name; null: 404.</summary>
    public static IResult List(IEnumerable<object>? shown, string? definition = null) => shown is null ? NotFound : new ListResult(shown, hasPages: false, definition);

    /// <summary>A list of which clients may want a page; null: 404.</summary>
    /// <param name="isInOrder">It is sorted by virtual host and name already.</param>
    public static IResult Pages(IEnumerable<object>? shown, string? definition = null, bool isInOrder = false) =>
        shown is null ? NotFound : new ListResult(shown, hasPages: true, definition, isInOrder);

    /// <summary>What would be the body of that.</summary>
    public static byte[] Bytes(object value) => JsonSerializer.SerializeToUtf8Bytes(value, Json);

    /// <summary>A check that has failed, as RabbitMQ's health checks answer: 503 with what was found.</summary>
    public static IResult Failed(object value) => Results.Json(value, Json, JsonType, StatusCodes.Status503ServiceUnavailable);

    /// <summary>The object, or 404.</summary>
    public static IResult OrNotFound(object? shown, string? definition = null) => shown is null ? NotFound : Of(shown, definition);

    public static IResult BadRequest(string reason, string error = BadRequestException.Usual) => Error(StatusCodes.Status400BadRequest, error, reason);

    /// <summary>The user has logged in, and may not do that. RabbitMQ has the status of one who has not.</summary>
    public static IResult NotAuthorised(string reason) => Error(StatusCodes.Status401Unauthorized, "not_authorised", reason);

    public static IResult Error(BrokerError error) => error.Code switch
    {
        ReplyCode.NotFound => NotFound,
        ReplyCode.AccessRefused => NotAuthorised("Access refused."),
        _ => BadRequest(error.Text),
    };

    /// <summary>Why the broker has closed a channel, in the status and words that RabbitMQ's HTTP API has for it.</summary>
    public static IResult Closed(ReplyCode code, string text) => code switch
    {
        ReplyCode.NotFound => Error(StatusCodes.Status404NotFound, "not_found", text),
        ReplyCode.AccessRefused => NotAuthorised(text),
        ReplyCode.NotAllowed => NotAuthorised("Access refused."),
        ReplyCode.ResourceError => Unavailable(text),
        _ => BadRequest($"{(int)code} {text}"),
    };

    /// <summary>It may be possible later.</summary>
    public static IResult Unavailable(string reason) => Error(StatusCodes.Status503ServiceUnavailable, "service_unavailable", reason);

    /// <summary>What was asked for is on none of the nodes that answer, and may be on one that does not.</summary>
    public static IResult Silent(IEnumerable<NodeReply> nodes) => Error(
        StatusCodes.Status503ServiceUnavailable, "nodes_missing",
        $"it is on none of the nodes that answer, and may be on one that does not: {string.Join("; ", nodes.Select(node => $"{node.Node}: {node.Failure}"))}");

    /// <summary>Something was put there: 201 if it was not there before, else 204.</summary>
    public static IResult Put(bool isNew) => isNew ? Results.Created() : Done;

    /// <summary>What came of a command, for requests that say what they want and not whether it is new.</summary>
    public static async Task<IResult> To(Task<TopologyResult> change) => (await change).Error is { } error ? Error(error) : Done;

    /// <summary>Writes what is shown as it is.</summary>
    public static Task Write(HttpContext context, object shown)
    {
        context.Response.Headers.CacheControl = "no-cache";
        return Results.Json(shown, Json, JsonType).ExecuteAsync(context);
    }

    private static JsonSerializerOptions NewOptions()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // nothing here is put into a web page as it is
            Converters = { new FieldTableJson() },
        };
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    private static IResult Error(int status, string error, string reason) => Results.Json(new { error, reason }, Json, JsonType, status);
}
