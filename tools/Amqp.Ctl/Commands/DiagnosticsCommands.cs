using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>How a node is, for people and for probes: RabbitMQ's <c>rabbitmq-diagnostics</c>. A check that fails ends with 69.</summary>
internal static class DiagnosticsCommands
{
    private static readonly Option<string> Unit = new("--unit") { Description = "days, weeks, months or years", DefaultValueFactory = _ => "weeks" };
    private static readonly Option<int> Within = new("--within") { Description = "period of time to check", DefaultValueFactory = _ => 4 };

    private static readonly string[] TimeUnits = ["days", "weeks", "months", "years"];

    /// <summary>Other names of protocols, as the broker's listeners have them.</summary>
    private static readonly Dictionary<string, string> Protocols = new()
    {
        ["amqp091"] = "amqp", ["amqp0.9.1"] = "amqp", ["amqp0-9-1"] = "amqp", ["amqp0_9_1"] = "amqp", ["amqps"] = "amqp/ssl",
        ["http1"] = "http", ["http1.1"] = "http", ["http_api"] = "http", ["management"] = "http", ["management_ui"] = "http", ["ui"] = "http",
        ["cli"] = "clustering", ["distribution"] = "clustering", ["prometheus"] = "http/prometheus",
    };

    public static CommandGroup Group { get; } = new("Observability, monitoring and health checks",
    [
        new("alarms", "alarms", "Lists resource alarms (local or cluster-wide) in effect on the target node")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} to report any known resource alarms ...",
            Run = ListAlarms,
        },
        new("check_alarms", "check_alarms", "Health check that exits with a non-zero code if the target node reports any alarms, local or cluster-wide.")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} to report any local resource alarms ...",
            Run = async invocation => Check(invocation, await Alarms(invocation), $"Node {invocation.Node} reported no alarms, local or clusterwide", isLocal: false),
        },
        new("check_certificate_expiration", "check_certificate_expiration [--within <period>] [--unit <unit>]", "Checks the expiration date on the certificates for every listener configured to use TLS")
        {
            Options = [Unit, Within],
            ShowsTimeout = true,
            Validate = invocation =>
            {
                if (!TimeUnits.Contains(invocation.Get(Unit))) throw BadArguments.Usage($"\"unit '{invocation.Get(Unit)}' is not supported. Please use one of: days, weeks, months, years\"");
            },
            Banner = invocation => $"Checking certificate expiration on node {invocation.Node} ...",
            Run = CheckCertificates,
        },
        new("check_local_alarms", "check_local_alarms", "Health check that exits with a non-zero code if the target node reports any local alarms")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} to report any local resource alarms ...",
            Run = async invocation =>
                Check(invocation, [.. (await Alarms(invocation)).Where(alarm => alarm.Node == invocation.Node)], $"Node {invocation.Node} reported no local alarms", isLocal: true),
        },
        new("check_port_listener", "check_port_listener <port>", "Health check that exits with a non-zero code if target node does not have an active listener for given port")
        {
            Arguments = 1,
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} if there's an active listener on port {invocation[0]} ...",
            Run = CheckPort,
        },
        new("check_protocol_listener", "check_protocol_listener <protocol>", "Health check that exits with a non-zero code if target node does not have an active listener for given protocol")
        {
            Arguments = 1,
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} if there's an active listener for protocol {Protocol(invocation[0])} ...",
            Run = CheckProtocol,
        },
        new("check_running", "check_running", "Health check that exits with a non-zero code if the RabbitMQ app on the target node is not running")
        {
            Needs = _ => Needs.Node,
            ShowsTimeout = true,
            Banner = invocation => $"Checking if RabbitMQ is running on node {invocation.Node} ...",
            Run = async invocation => await IsRunning(invocation) ? new Result.Message(Running(invocation)) : throw Failure.Error(ExitCode.Unavailable, NotRunning(invocation)),
        },
        new("check_virtual_hosts", "check_virtual_hosts", "Health check that checks if all vhosts are running in the target node")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Checking if all vhosts are running on node {invocation.Node} ...",
            // None of them can be down alone.
            Run = invocation => Task.FromResult(Passed(invocation, $"Node {invocation.Node} reported all vhosts as running")),
        },
        new("environment", "environment", "Displays the options of the node and their values")
        {
            Needs = _ => Needs.Node,
            ShowsTimeout = true,
            Banner = invocation => $"Application environment of node {invocation.Node} ...",
            Run = async invocation =>
            {
                var settings = (await invocation.Client.Get(Path("nodes", invocation.Node, "environment"), invocation.Cancel)).Good();
                return new Result.Document(string.Join('\n', settings.EnumerateObject().Select(option => $"{option.Name} = {option.Value.GetString()}")), JsonNode.Parse(settings.GetRawText())!);
            },
        },
        new("erlang_version", "erlang_version", "Displays the version of the runtime, which is .NET, on the target node")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} for its Erlang/OTP version...",
            Run = async invocation => ValueOf((await Overview(invocation)).GetProperty("erlang_full_version").GetString()!),
        },
        ExplainCommand.Command,
        MemoryBreakdownCommand.Command,
        ReportCommand.Command,
        new("is_booting", "is_booting", "Checks if RabbitMQ is still booting on the target node")
        {
            Needs = _ => Needs.Node,
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} for its boot status ...",
            // A node that is starting has no name for the command line yet.
            Run = invocation => Task.FromResult<Result>(Told(isTrue: false, $"RabbitMQ on node {invocation.Node} is fully booted (check with is_running), stopped or has not started booting yet")),
        },
        new("is_running", "is_running", "Checks if RabbitMQ is fully booted and running on the target node")
        {
            Needs = _ => Needs.Node,
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} for its status ...",
            Run = async invocation => await IsRunning(invocation) ? Told(isTrue: true, Running(invocation)) : Told(isTrue: false, NotRunning(invocation)),
        },
        new("list_node_auth_attempt_stats", "list_node_auth_attempts [--by-source]", "Lists authentication attempts on the target node")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Listing authentication\n attempts for node \"{invocation.Node}\" ...",
            Run = ListLogins,
        },
        new("listeners", "listeners", "Lists active connection listeners (bound interface, port, protocol) on the target node")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} to report its protocol listeners ...",
            Run = ListListeners,
        },
        new("server_version", "server_version", "Displays server version on the target node")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} for its RabbitMQ version...",
            Run = async invocation => ValueOf((await Overview(invocation)).GetProperty("rabbitmq_version").GetString()!),
        },
    ]);

    private static string Running(Invocation invocation) => $"RabbitMQ on node {invocation.Node} is fully booted and running";

    private static string NotRunning(Invocation invocation) => $"RabbitMQ on node {invocation.Node} is not running or has not fully booted yet (check with is_booting)";

    /// <summary>A probe that is silent has nothing to say when all is well.</summary>
    private static Result Passed(Invocation invocation, string text) =>
        invocation.Get(GlobalOptions.Silent) && invocation.Formatter is not JsonFormatter ? Result.Nothing : new Result.Document(text, new JsonObject { ["result"] = "ok" });

    private static Result.Document Told(bool isTrue, string text) => new Result.Document(text, new JsonObject { ["result"] = isTrue, ["message"] = text });

    private static Result.Document ValueOf(string value) => new Result.Document(value, new JsonObject { ["result"] = "ok", ["value"] = value });

    private static async Task<bool> IsRunning(Invocation invocation) => (await invocation.Connect()).GetProperty("running").GetBoolean();

    private static async Task<JsonElement> Overview(Invocation invocation) => (await invocation.Client.Get(Path("overview"), invocation.Cancel)).Good();

    private static async Task<JsonNode[]> Listeners(Invocation invocation) =>
        [.. (await Overview(invocation)).GetProperty("listeners").EnumerateArray().Where(listener => listener.GetProperty("node").GetString() == invocation.Node).Select(StatusCommand.Listener)];

    private static async Task<Alarm[]> Alarms(Invocation invocation) =>
    [
        .. from node in (await invocation.Client.Get(Path("nodes"), invocation.Cancel)).Good().EnumerateArray()
           where node.GetProperty("running").GetBoolean() && node.TryGetProperty("mem_alarm", out _)
           from resource in StatusCommand.Alarms(node)
           select new Alarm(node.GetProperty("name").GetString()!, resource),
    ];

    private static Result Check(Invocation invocation, Alarm[] alarms, string passed, bool isLocal)
    {
        if (alarms.Length == 0) return Passed(invocation, passed);
        var told = Describe(invocation, alarms, isLocal ? $"Node {invocation.Node} reported local alarms" : $"Node {invocation.Node} reported alarms", "error");
        if (isLocal) told.Remove("global");
        throw Failure.Check(invocation.Get(GlobalOptions.Silent) ? "" : $"{(isLocal ? "Error:\n" : "")}{Lines(alarms)}", told);
    }

    private static async Task<Result> ListAlarms(Invocation invocation)
    {
        var alarms = await Alarms(invocation);
        return alarms.Length == 0
            ? new Result.Document($"Node {invocation.Node} reported no alarms, local or clusterwide", new JsonObject { ["result"] = "ok", ["node"] = invocation.Node, ["alarms"] = new JsonArray() })
            : new Result.Document(Lines(alarms), Describe(invocation, alarms, $"Node {invocation.Node} reported alarms", "ok"));
    }

    private static string Lines(IEnumerable<Alarm> alarms) => string.Join('\n', alarms.Select(alarm => alarm.Text));

    private static JsonObject Describe(Invocation invocation, Alarm[] alarms, string message, string result) => new()
    {
        ["result"] = result,
        ["local"] = new JsonArray([.. alarms.Where(alarm => alarm.Node == invocation.Node).Select(alarm => JsonValue.Create(alarm.Text))]),
        ["global"] = new JsonArray([.. alarms.Where(alarm => alarm.Node != invocation.Node).Select(alarm => JsonValue.Create(alarm.Text))]),
        ["message"] = message,
    };

    private static async Task<Result> CheckPort(Invocation invocation)
    {
        var (port, listeners) = (invocation[0], await Listeners(invocation));
        if (Array.Exists(listeners, listener => listener["port"]!.ToString() == port))
            return new Result.Document($"A listener for port {port} is running on node {invocation.Node}.", new JsonObject { ["result"] = "ok", ["node"] = invocation.Node, ["port"] = port });
        var ports = listeners.Select(listener => listener["port"]!.GetValue<int>()).Order().ToArray();
        throw Failure.Check(
            $"No listener for port {port} is active on node {invocation.Node}. Found listeners that use the following ports: {string.Join(", ", ports)}",
            new JsonObject { ["result"] = "error", ["missing"] = port, ["ports"] = new JsonArray([.. ports.Select(each => JsonValue.Create(each))]), ["listeners"] = new JsonArray(listeners) });
    }

    private static string Protocol(string name) => Protocols.GetValueOrDefault(name.ToLowerInvariant(), name.ToLowerInvariant());

    private static async Task<Result> CheckProtocol(Invocation invocation)
    {
        var (protocol, listeners) = (Protocol(invocation[0]), await Listeners(invocation));
        if (Array.Exists(listeners, listener => listener["protocol"]!.ToString() == protocol))
            return new Result.Document($"A listener for protocol {protocol} is running on node {invocation.Node}.", new JsonObject { ["result"] = "ok", ["node"] = invocation.Node, ["protocol"] = protocol });
        var protocols = listeners.Select(listener => listener["protocol"]!.ToString()).Order(StringComparer.Ordinal).ToArray();
        throw Failure.Check(
            $"Error:\nNo listener for protocol {protocol} is active on node {invocation.Node}. Found listeners for the following protocols: {string.Join(", ", protocols)}",
            new JsonObject { ["result"] = "error", ["missing"] = protocol, ["protocols"] = new JsonArray([.. protocols.Select(each => JsonValue.Create(each))]), ["listeners"] = new JsonArray(listeners) });
    }

    private static async Task<Result> CheckCertificates(Invocation invocation)
    {
        var (within, unit) = (invocation.Get(Within), invocation.Get(Unit)!);
        var answer = await invocation.Client.Get(Path("health", "checks", "certificate-expiration", within.ToString(CultureInfo.InvariantCulture), unit), invocation.Cancel);
        if (answer.IsGood) return new Result.Document($"No certificates are expiring within {within} {(within == 1 ? unit[..^1] : unit)}.", new JsonObject { ["result"] = "ok" });
        if (answer.Body.ValueKind != JsonValueKind.Object || !answer.Body.TryGetProperty("expired", out var expired)) answer.Good();
        var lines = answer.Body.GetProperty("expired").EnumerateArray().Select(one => string.Join(", ", one.EnumerateObject().Select(member => $"{member.Name}: {member.Value}")));
        throw Failure.Check(string.Join('\n', lines), new JsonObject { ["result"] = "error", ["expired"] = JsonNode.Parse(answer.Body.GetProperty("expired").GetRawText()) });
    }

    private static async Task<Result> ListListeners(Invocation invocation)
    {
        var listeners = await Listeners(invocation);
        var lines = listeners.Select(one => $"Interface: {one["interface"]}, port: {one["port"]}, protocol: {one["protocol"]}, purpose: {one["purpose"]}");
        return new Result.Document(
            listeners.Length == 0 ? $"Node {invocation.Node} reported no enabled listeners." : string.Join('\n', lines),
            new JsonObject { ["result"] = "ok", ["node"] = invocation.Node, ["listeners"] = new JsonArray(listeners) });
    }

    private static async Task<Result> ListLogins(Invocation invocation)
    {
        var attempts = (await invocation.Client.Get(Path("auth", "attempts", invocation.Node), invocation.Cancel)).Good();
        IReadOnlyList<Column> columns = [new("protocol"), new("auth_attempts"), new("auth_attempts_failed"), new("auth_attempts_succeeded")];
        return new Result.Rows([.. attempts.EnumerateArray().Select(protocol => Listing.Row(protocol, columns))], IsStream: false);
    }

    /// <param name="Resource">As <see cref="StatusCommand.Alarms"/> has it.</param>
    private sealed record Alarm(string Node, string Resource)
    {
        public string Text => $"{(Resource == "memory" ? "Memory" : "Free disk space")} alarm on node {Node}";
    }
}
