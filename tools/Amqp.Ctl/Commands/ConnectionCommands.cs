using System.CommandLine;
using System.Text.Json;
using System.Text.RegularExpressions;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Ending connections. Clients get connection.close with 320 and the explanation.</summary>
internal static partial class ConnectionCommands
{
    private const string ReasonHeader = "X-Reason";

    private static readonly Option<bool> Global = new("--global") { Description = "consider connections across all virtual hosts" };
    private static readonly Option<int> Limit = new("--limit") { Description = "close up to this many connections; 0: all of them" };
    private static readonly Option<int> Delay = new("--per-connection-delay") { Description = "milliseconds between closures" };

    public static CommandGroup Group { get; } = new("Operations",
    [
        new("close_all_connections", "close_all_connections [--vhost <vhost> --limit <limit>] [-n <node> --global] [--per-connection-delay <delay>] <explanation>",
            "Instructs the broker to close all connections for the specified vhost or entire RabbitMQ node")
        {
            Arguments = 1,
            Options = [Global, Limit, Delay],
            Validate = invocation =>
            {
                if (invocation.Get(Delay) < 0 || invocation.Get(Limit) < 0) throw BadArguments.Argument("--limit and --per-connection-delay are not negative");
            },
            Banner = BannerOfAll,
            Run = CloseAll,
        },
        new("close_all_user_connections", "close_all_user_connections <username> <explanation>", "Instructs the broker to close all connections of the specified user")
        {
            Arguments = 2,
            Banner = invocation => $"Closing connections of user {invocation[0]}, reason: {invocation[1]}...",
            Run = invocation => Close(invocation, Path("connections", "username", invocation[0]), invocation[1]),
        },
        new("close_connection", "close_connection <connection pid> <explanation>", "Instructs the broker to close the connection associated with the Erlang process id")
        {
            Arguments = 2,
            Banner = invocation => $"Closing connection {invocation[0]}, reason: {invocation[1]}...",
            Run = CloseOne,
        },
    ]);

    private static string BannerOfAll(Invocation invocation)
    {
        var limit = invocation.Get(Limit) == 0 ? "all" : $"{invocation.Get(Limit)}";
        return invocation.Get(Global)
            ? $"Closing all connections to node {invocation.Node} (across all vhosts), reason: {invocation[0]}..."
            : $"Closing {limit} connections in vhost {invocation.VirtualHost}, reason: {invocation[0]}...";
    }

    private static async Task<Result> CloseAll(Invocation invocation)
    {
        var connections = await Connections(invocation);
        var chosen = invocation.Get(Global)
            ? connections.Where(connection => connection.GetProperty("node").GetString() == invocation.Node)
            : connections.Where(connection => connection.GetProperty("vhost").GetString() == invocation.VirtualHost).Take(invocation.Get(Limit) is > 0 and var limit ? limit : int.MaxValue);
        var names = chosen.Select(connection => connection.GetProperty("name").GetString()!).ToList();
        foreach (var name in names)
        {
            await Close(invocation, Path("connections", name), invocation[0]);
            await Task.Delay(invocation.Get(Delay), invocation.Cancel);
        }
        return new Result.Message($"Closed {names.Count} connections");
    }

    /// <summary>Since RabbitMQ 3.13 it is no error that there is none with this id (rabbit_networking:close_connection/2).</summary>
    private static async Task<Result> CloseOne(Invocation invocation)
    {
        if (!PidText().IsMatch(invocation[0])) throw Failure.Error(ExitCode.Unavailable, Failure.Term("invalid_pid_syntax", invocation[0]).Message); // RabbitMQ says twice that it is an error
        foreach (var connection in await Connections(invocation))
            if (connection.GetProperty("pid").GetString() == invocation[0]) return await Close(invocation, Path("connections", connection.GetProperty("name").GetString()!), invocation[1]);
        return Result.Done;
    }

    private static async Task<IEnumerable<JsonElement>> Connections(Invocation invocation) =>
        (await invocation.Client.Get(Path("connections"), invocation.Cancel)).Good().EnumerateArray();

    /// <summary>What has ended meanwhile is closed as well.</summary>
    private static async Task<Result> Close(Invocation invocation, string path, string explanation)
    {
        var answer = await invocation.Client.Delete(path, invocation.Cancel, (ReasonHeader, explanation));
        if (!answer.IsMissing) answer.Good();
        return Result.Done;
    }

    [GeneratedRegex(@"^<.*\.[0-9]+\.[0-9]+\.[0-9]+>\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PidText();
}
