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

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // nothing here is put into a web page as it is
        Converters = { new FieldTableJson() },
    };

    public static readonly IResult Done = Results.NoContent();

    public static readonly IResult NotFound = Error(StatusCodes.Status404NotFound, "Object Not Found", "Not Found");

    /// <summary>To a PUT with <c>If-None-Match: *</c>.</summary>
    public static readonly IResult Exists = Error(StatusCodes.Status412PreconditionFailed, "precondition_failed", "it exists already");

    public static readonly IResult Stopped = Error(
        StatusCodes.Status503ServiceUnavailable, "not_running", "the node is stopped: start it with start_app");

    /// <summary>The name or the password is wrong; which, is not said.</summary>
    public static readonly IResult NotAuthenticated = Error(StatusCodes.Status401Unauthorized, "not_authorized", "Not_Authorized");

    public static IResult Of(object value) => Results.Json(value, Json, JsonType);

    /// <summary>What would be the body of that.</summary>
    public static byte[] Bytes(object value) => JsonSerializer.SerializeToUtf8Bytes(value, Json);

    /// <summary>A check that has failed, as RabbitMQ's health checks answer: 503 with what was found.</summary>
    public static IResult Failed(object value) => Results.Json(value, Json, JsonType, StatusCodes.Status503ServiceUnavailable);

    /// <summary>The object, or 404.</summary>
    public static IResult OrNotFound(object? value) => value is null ? NotFound : Of(value);

    public static IResult BadRequest(string reason) => Error(StatusCodes.Status400BadRequest, "bad_request", reason);

    /// <summary>The user has logged in, and may not do that. RabbitMQ has the status of one who has not.</summary>
    public static IResult NotAuthorised(string reason) => Error(StatusCodes.Status401Unauthorized, "not_authorised", reason);

    public static IResult Error(BrokerError error) => error.Code switch
    {
        ReplyCode.NotFound => NotFound,
        ReplyCode.AccessRefused => NotAuthorised("Access refused."),
        _ => BadRequest(error.Text),
    };

    /// <summary>What was asked for is on none of the nodes that answer, and may be on one that does not.</summary>
    public static IResult Silent(IEnumerable<NodeReply> nodes) => Error(
        StatusCodes.Status503ServiceUnavailable, "nodes_missing",
        $"it is on none of the nodes that answer, and may be on one that does not: {string.Join("; ", nodes.Select(node => $"{node.Node}: {node.Failure}"))}");

    /// <summary>Something was put there: 201 if it was not there before, else 204.</summary>
    public static IResult Put(bool isNew) => isNew ? Results.Created() : Done;

    /// <summary>What came of a command, for requests that say what they want and not whether it is new.</summary>
    public static async Task<IResult> To(Task<TopologyResult> change) => (await change).Error is { } error ? Error(error) : Done;

    private static IResult Error(int status, string error, string reason) => Results.Json(new { error, reason }, Json, JsonType, status);
}
