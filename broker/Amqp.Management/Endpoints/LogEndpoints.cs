using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Amqp.Management.Endpoints;

/// <summary>The log of this node.</summary>
internal sealed class LogEndpoints(INodeHost host)
{
    private const int LinesDefault = 50;

    /// <summary>RabbitMQ's words.</summary>
    private static readonly Dictionary<string, LogLevel> Levels = new()
    {
        ["debug"] = LogLevel.Debug,
        ["info"] = LogLevel.Information,
        ["notice"] = LogLevel.Information,
        ["warning"] = LogLevel.Warning,
        ["error"] = LogLevel.Error,
        ["critical"] = LogLevel.Critical,
        ["alert"] = LogLevel.Critical,
        ["emergency"] = LogLevel.Critical,
        ["none"] = LogLevel.None,
    };

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/nodes/{node}/log", (PathNames names, [FromQuery] int lines = LinesDefault) =>
            names["node"] != host.Identity.Name ? Answer.NotFound
            : lines < 1 ? Answer.BadRequest("lines has to be 1 or more")
            : Answer.Of(new { lines = host.LastLogLines(lines) })).For(Right.Administrator);
        api.MapPut("/nodes/{node}/log-level", (PathNames names, Body body) =>
        {
            if (names["node"] != host.Identity.Name) return Answer.NotFound;
            if (!Levels.TryGetValue(body.Text("level"), out var level)) return Answer.BadRequest($"level {body.Text("level")} is not supported. Try one of debug, info, warning, error, critical, none");
            host.SetLogLevel(level);
            return Answer.Done;
        }).For(Right.Administrator);
    }
}
