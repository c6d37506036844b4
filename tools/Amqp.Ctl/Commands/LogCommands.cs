using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>The log of a node, which goes to its standard output.</summary>
internal static class LogCommands
{
    private const string Location = "<stdout>"; // as RabbitMQ has it in containers

    private static readonly Option<int> Number = new("--number", "-N") { Description = "number of lines to print", DefaultValueFactory = _ => 50 };
    private static readonly Option<bool> All = new("--all", "-a") { Description = "all locations; there is one" };

    private static readonly Option<int?> Duration = new("--duration", "-d") { Description = "seconds; without it, until it is interrupted" };

    private static readonly Option<string> Pattern = new("--pattern") { Description = "regular expression to pick events", DefaultValueFactory = _ => ".*" };

    /// <summary>From one look at the log to the next.</summary>
    private static readonly TimeSpan StreamInterval = TimeSpan.FromMilliseconds(250);

    private static readonly string[] Levels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency", "none"];

    public static IReadOnlyList<CtlCommand> Commands { get; } =
    [
        new("log_location", "log_location [--all|-a]", "Shows log file location(s) on target node: the standard output")
        {
            Options = [All],
            ShowsTimeout = true,
            Banner = invocation => $"Log file location(s) on node {invocation.Node} ...",
            Run = invocation => Task.FromResult<Result>(new Result.Document(Location, new JsonObject { ["result"] = "ok", ["node_name"] = invocation.Node, ["paths"] = new JsonArray(Location) })),
        },
        new("log_tail", "log_tail [--number|-N <number>]", "Prints the last N lines of the log on the node; it keeps a thousand")
        {
            Options = [Number],
            Needs = _ => Needs.Node,
            ShowsTimeout = true,
            Validate = invocation =>
            {
                if (invocation.Get(Number) < 1) throw BadArguments.Argument("--number is 1 or more");
            },
            Banner = invocation => $"Last {invocation.Get(Number)} log lines on node {invocation.Node} ...",
            Run = Tail,
        },
        new("log_tail_stream", "log_tail_stream [--duration|-d <seconds>]", "Streams the log of the node, as it goes on")
        {
            Options = [Duration],
            Needs = _ => Needs.Node,
            ShowsTimeout = true,
            Validate = CheckDuration,
            Banner = invocation => invocation.Get(Duration) is { } seconds ? $"Streaming logs from node {invocation.Node} for {seconds} seconds ..." : $"Streaming logs from node {invocation.Node} ...",
            Run = Stream,
        },
        new("consume_event_stream", "consume_event_stream [--duration|-d <seconds>] [--pattern <pattern>]", "Streams internal events from a running node. Output is jq-compatible.")
        {
            Options = [Duration, Pattern],
            ShowsTimeout = true,
            Validate = CheckDuration,
            Run = Events,
        },
        new("rotate_logs", "rotate_logs", "Does nothing [deprecated]")
        {
            Needs = _ => Needs.Nothing,
            Run = _ => throw Failure.Error(ExitCode.Unavailable, "This command does not rotate logs anymore [deprecated]"),
        },
        new("set_log_level", "set_log_level <log_level>", "Sets log level in the running node")
        {
            Arguments = 1,
            Needs = _ => Needs.Node,
            Validate = invocation =>
            {
                if (!Levels.Contains(invocation[0])) throw Failure.Error(ExitCode.Usage, $"level {invocation[0]} is not supported. Try one of debug, info, warning, error, critical, none");
            },
            Banner = invocation => $"Setting log level to \"{invocation[0]}\" ...",
            Run = async invocation =>
            {
                (await invocation.Client.Put(Path("nodes", invocation.Node, "log-level"), new JsonObject { ["level"] = invocation[0] }, invocation.Cancel)).Good();
                return Result.Done;
            },
        },
    ];

    private static async Task<Result> Tail(Invocation invocation)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"{Path("nodes", invocation.Node, "log")}?lines={invocation.Get(Number)}");
        var lines = (await invocation.Client.Get(path, invocation.Cancel)).Good().GetProperty("lines").EnumerateArray().Select(line => line.GetString()!).ToArray();
        return new Result.Document(string.Join('\n', lines), new JsonArray([.. lines.Select(line => JsonValue.Create(line))]));
    }

    private static void CheckDuration(Invocation invocation)
    {
        if (invocation.Get(Duration) is < 1) throw BadArguments.Argument("--duration is 1 or more");
    }

    private static async Task<Result> Events(Invocation invocation)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(invocation.Cancel);
        if (invocation.Get(Duration) is { } seconds) over.CancelAfter(TimeSpan.FromSeconds(seconds));
        try
        {
            await foreach (var line in invocation.Client.Lines($"{Path("nodes", invocation.Node, "events")}?pattern={Uri.EscapeDataString(invocation.Get(Pattern)!)}", over.Token))
                Console.WriteLine(line);
        }
        catch (OperationCanceledException) when (!invocation.Cancel.IsCancellationRequested)
        {
            // It was to be so long.
        }
        return Result.Nothing;
    }

    private static async Task<Result> Stream(Invocation invocation)
    {
        var last = (await Part(1, after: 0)).GetProperty("last").GetInt64();
        var begun = Stopwatch.GetTimestamp();
        while (invocation.Get(Duration) is not { } seconds || Stopwatch.GetElapsedTime(begun).TotalSeconds < seconds)
        {
            await Task.Delay(StreamInterval, invocation.Cancel);
            var part = await Part(int.MaxValue, last);
            foreach (var line in part.GetProperty("lines").EnumerateArray()) Console.WriteLine(line.GetString());
            last = part.GetProperty("last").GetInt64();
        }
        return Result.Nothing;

        async Task<JsonElement> Part(int lines, long after) => (await invocation.Client.Get(
            string.Create(CultureInfo.InvariantCulture, $"{Path("nodes", invocation.Node, "log")}?lines={lines}&after={after}"), invocation.Cancel)).Good();
    }
}
