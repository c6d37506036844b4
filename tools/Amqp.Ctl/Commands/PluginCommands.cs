using System.CommandLine;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>
/// <c>rabbitmq-plugins</c>, under that name only. What RabbitMQ has in plugins is either part of this broker, and always enabled, or is not there: to enable the former succeeds, as scripts expect, and the
/// latter cannot be enabled.
/// </summary>
internal static class PluginCommands
{
    public const string ProgramName = "rabbitmq-plugins";

    private static readonly Option<bool> Verbose = new("--verbose", "-v") { Description = "output more information" };
    private static readonly Option<bool> Minimal = new("--minimal", "-m") { Description = "only print plugin names" };
    private static readonly Option<bool> Enabled = new("--enabled", "-E") { Description = "only list enabled plugins, which all are" };
    private static readonly Option<bool> Implicitly = new("--implicitly-enabled", "-e") { Description = "include plugins enabled as dependencies of other plugins; there are none" };
    private static readonly Option<bool> Online = new("--online") { Description = "as rabbitmq-plugins; there is nothing to be done to the node" };
    private static readonly Option<bool> Offline = new("--offline") { Description = "as rabbitmq-plugins" };
    private static readonly Option<bool> All = new("--all") { Description = "all plugins that there are" };

    public static CommandGroup Group { get; } = new("Plugin Management",
    [
        new("disable", "disable <plugin>|--all [ --offline] [--online]", "Refused: what RabbitMQ has in plugins is part of this broker")
        {
            ArgumentsMax = int.MaxValue,
            Options = [Online, Offline, All],
            Run = Disable,
        },
        new("enable", "enable <plugin>|--all [--offline] [--online]", "Checks that plugins are part of this broker, where they are enabled always")
        {
            ArgumentsMax = int.MaxValue,
            Options = [Online, Offline, All],
            Banner = invocation => $"Enabling plugins on node {invocation.Node}:\n{string.Join('\n', invocation.Arguments)}",
            Run = Enable,
        },
        new("is_enabled", "is_enabled <plugin1> [ <plugin2>] [--offline] [--online]", "Health check that exits with a non-zero code if provided plugins are not enabled on target node")
        {
            ArgumentsMin = 1,
            ArgumentsMax = int.MaxValue,
            Options = [Online, Offline],
            ShowsTimeout = true,
            Banner = invocation => $"Asking node {invocation.Node} if plugins {string.Join(", ", invocation.Arguments)} are enabled...",
            Run = IsEnabled,
        },
        new("list", "list [pattern] [--verbose] [--minimal] [--enabled] [--implicitly-enabled]", "Lists plugins and their state")
        {
            ArgumentsMax = 1,
            Options = [Verbose, Minimal, Enabled, Implicitly],
            Banner = invocation => $"Listing plugins with pattern \"{Pattern(invocation)}\" ...",
            Run = List,
        },
        new("set", "set <plugin1> [ <plugin2> ...] [--offline] [--online]", "Checks that plugins are part of this broker, as enable does; no others can be left out")
        {
            ArgumentsMax = int.MaxValue,
            Options = [Online, Offline],
            Banner = invocation => $"Enabling plugins on node {invocation.Node}:\n{string.Join('\n', invocation.Arguments)}",
            Run = Enable,
        },
    ]);

    private static string Pattern(Invocation invocation) => invocation.Arguments.Count == 0 ? ".*" : invocation[0];

    private static async Task<string[]> Plugins(Invocation invocation) =>
        [.. (await invocation.Client.Get(Path("nodes", invocation.Node), invocation.Cancel)).Good().GetProperty("enabled_plugins").EnumerateArray().Select(plugin => plugin.GetString()!)];

    private static Failure NotFound(IEnumerable<string> names) =>
        Failure.Error(ExitCode.Unavailable, $"{{:plugins_not_found, [{string.Join(", ", names.Select(name => $":{name}"))}]}}\nThere is nothing in this broker that does what they do.");

    private static async Task<Result> Enable(Invocation invocation)
    {
        var plugins = await Plugins(invocation);
        var missing = invocation.Arguments.Except(plugins).ToArray();
        if (missing.Length > 0) throw NotFound(missing);
        return new Result.Document(
            "Plugin configuration unchanged.", new JsonObject { ["enabled"] = new JsonArray(), ["mode"] = invocation.Get(Offline) ? "offline" : "online", ["set"] = new JsonArray([.. plugins.Select(plugin => JsonValue.Create(plugin))]) });
    }

    private static async Task<Result> Disable(Invocation invocation)
    {
        var present = invocation.Get(All) ? await Plugins(invocation) : invocation.Arguments.Intersect(await Plugins(invocation)).ToArray();
        // What is not there is disabled.
        if (present.Length == 0) return new Result.Message("Plugin configuration unchanged.");
        throw Failure.Error(
            ExitCode.Unavailable,
            $"{string.Join(", ", present)} cannot be disabled: it is part of this broker. The ports of rabbitmq_management and rabbitmq_prometheus are closed with Listeners:Management:Enabled and Listeners:Prometheus:Enabled, and a restart.");
    }

    private static async Task<Result> IsEnabled(Invocation invocation)
    {
        var missing = invocation.Arguments.Except(await Plugins(invocation)).ToArray();
        if (missing.Length > 0)
        {
            throw Failure.Check(
                $"{Named(missing)} not enabled on node {invocation.Node}",
                new JsonObject { ["result"] = "error", ["message"] = $"{Named(missing)} not enabled on node {invocation.Node}" });
        }
        var text = $"{Named(invocation.Arguments)} enabled on node {invocation.Node}";
        return new Result.Document(text, new JsonObject { ["result"] = "ok", ["message"] = text });
    }

    private static string Named(IReadOnlyCollection<string> plugins) => plugins.Count == 1 ? $"Plugin {plugins.First()} is" : $"Plugins {string.Join(", ", plugins)} are";

    private static async Task<Result> List(Invocation invocation)
    {
        var overview = (await invocation.Client.Get(Path("overview"), invocation.Cancel)).Good();
        var version = overview.GetProperty("rabbitmq_version").GetString();
        var pattern = new Regex(Pattern(invocation), RegexOptions.None, TimeSpan.FromSeconds(1));
        var plugins = (await Plugins(invocation)).Where(plugin => pattern.IsMatch(plugin)).ToArray();
        var json = new JsonObject
        {
            ["format"] = invocation.Get(Minimal) ? "minimal" : invocation.Get(Verbose) ? "verbose" : "normal",
            ["plugins"] = new JsonArray([.. plugins.Select(plugin => new JsonObject { ["name"] = plugin, ["enabled"] = "enabled", ["running"] = true, ["version"] = version, ["running_version"] = version })]),
            ["status"] = "running",
        };
        if (invocation.Get(Minimal)) return new Result.Document(string.Join('\n', plugins), json);
        var width = plugins.Select(plugin => plugin.Length).DefaultIfEmpty().Max();
        var lines = plugins.Select(plugin => invocation.Get(Verbose)
            ? $"[E*] {plugin}\n     Version:     \t{version}\n     Dependencies:\t[]\n     Description: \tPart of this broker"
            : $"[E*] {plugin.PadRight(width)} {version}");
        string[] legend = invocation.IsQuiet ? [] : [" Configured: E = explicitly enabled; e = implicitly enabled", $" | Status: * = running on {invocation.Node}", " |/"];
        return new Result.Document(string.Join('\n', legend.Concat(lines)), json);
    }
}
