using System.Collections.Immutable;
using System.Text.Json;
using Amqp.Core.Ports;
using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Http;

/// <summary>An answer in which nodes may be missing: a header names them, with the reason, as a JSON array in ASCII.</summary>
internal sealed class PartialResult(IResult result, ImmutableArray<NodeReply> silent) : IResult
{
    /// <summary>Of nodes that run and have not answered. Without it, all have.</summary>
    public const string Header = "X-Missing-Nodes";

    public Task ExecuteAsync(HttpContext httpContext)
    {
        if (!silent.IsEmpty) httpContext.Response.Headers[Header] = JsonSerializer.Serialize(silent.Select(reply => new { node = reply.Node, reason = reply.Failure }));
        return result.ExecuteAsync(httpContext);
    }
}
