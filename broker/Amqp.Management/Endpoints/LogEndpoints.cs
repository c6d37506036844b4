using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
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
        // Who comes again with the number of the last line gets those behind it.
        api.MapGet("/nodes/{node}/log", (PathNames names, [FromQuery] int lines = LinesDefault, [FromQuery] long after = 0) =>
            names["node"] != host.Identity.Name ? Answer.NotFound
            : lines < 1 ? Answer.BadRequest("lines has to be 1 or more")
            : Answer.Of(host.LogAfter(after, lines))).For(Right.Administrator, "Shows the last lines of the log of this node (ours)");
        api.MapGet("/nodes/{node}/environment", (PathNames names) => Answer.OrNotFound(names["node"] == host.Identity.Name ? host.Settings : null))
            .For(Right.Administrator, "Shows the options of this node (ours)");
        api.MapPut("/nodes/{node}/log-level", (PathNames names, Body body) =>
        {
            if (names["node"] != host.Identity.Name) return Answer.NotFound;
            if (!Levels.TryGetValue(body.Text("level"), out var level)) return Answer.BadRequest($"level {body.Text("level")} is not supported. Try one of debug, info, warning, error, critical, none");
            host.SetLogLevel(level);
            return Answer.Done;
        }).For(Right.Administrator, "Sets the log level of this node until it is started again (ours)").WithBody("""{"level":"debug"}""");
    }
}
