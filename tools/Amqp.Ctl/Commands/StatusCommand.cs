using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>
/// <c>status</c>, in RabbitMQ's sections and with its JSON members as far as there is something to say; what is Erlang's alone
/// (schedulers, atoms, plug-ins, the cookie) is left out.
/// </summary>
internal static class StatusCommand
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60); // rabbitmqctl's
    private static readonly Option<string> Unit = new("--unit") { Description = "byte multiple to use: bytes, kb, mb, gb, tb, pb, or ki, mi, gi, ti, pi for powers of 1024", DefaultValueFactory = _ => "gb" };

    private static readonly Dictionary<string, double> Units = new(StringComparer.OrdinalIgnoreCase)
    {
        ["bytes"] = 1,
        ["k"] = 1e3, ["kb"] = 1e3, ["kilobytes"] = 1e3, ["ki"] = 1L << 10, ["kib"] = 1L << 10,
        ["m"] = 1e6, ["mb"] = 1e6, ["megabytes"] = 1e6, ["mi"] = 1L << 20, ["mib"] = 1L << 20,
        ["g"] = 1e9, ["gb"] = 1e9, ["gigabytes"] = 1e9, ["gi"] = 1L << 30, ["gib"] = 1L << 30,
        ["t"] = 1e12, ["tb"] = 1e12, ["terabytes"] = 1e12, ["ti"] = 1L << 40, ["tib"] = 1L << 40,
        ["p"] = 1e15, ["pb"] = 1e15, ["petabytes"] = 1e15, ["pi"] = 1L << 50, ["pib"] = 1L << 50,
    };

    public static CtlCommand Command { get; } = new("status", "status [--unit <unit>]", "Displays status of a node")
    {
        Options = [Unit],
        Timeout = Timeout,
        ShowsTimeout = true,
        Validate = invocation =>
        {
            if (!Units.ContainsKey(invocation.Get(Unit)!)) throw BadArguments.Usage($"\"unit '{invocation.Get(Unit)}' is not supported. Please use one of: bytes, mb, mib, gb, gib, tb, tib\"");
        },
        Banner = invocation => $"Status of node {invocation.Node} ...",
        Run = Run,
    };

    private static async Task<Result> Run(Invocation invocation)
    {
        var node = (await invocation.Client.Get(Path("nodes", invocation.Node), invocation.Cancel)).Good();
        var overview = (await invocation.Client.Get(Path("overview"), invocation.Cancel)).Good();
        var virtualHosts = (await invocation.Client.Get(Path("vhosts"), invocation.Cancel)).Good().GetArrayLength();
        var status = Status(invocation.Node, node, overview, virtualHosts);
        return new Result.Document(Text(status, invocation.Node, invocation.Get(Unit)!), status);
    }

    private static JsonObject Status(string name, JsonElement node, JsonElement overview, int virtualHosts)
    {
        JsonNode? Of(JsonElement parent, string member) => parent.TryGetProperty(member, out var value) && value.ValueKind != JsonValueKind.Null ? JsonNode.Parse(value.GetRawText()) : null;
        var totals = overview.GetProperty("object_totals");
        return new JsonObject
        {
            ["alarms"] = new JsonArray([.. Alarms(node).Select(resource => new JsonObject { ["node"] = name, ["resource"] = resource, ["type"] = "resource_limit" })]),
            ["config_files"] = Of(node, "config_files") ?? new JsonArray(),
            ["data_directory"] = Of(node, "data_directory"),
            ["disk_free"] = Of(node, "disk_free"),
            ["disk_free_limit"] = Of(node, "disk_free_limit"),
            ["file_descriptors"] = new JsonObject
            {
                ["sockets_limit"] = Of(node, "sockets_total"), ["sockets_used"] = Of(node, "sockets_used"), ["total_limit"] = Of(node, "fd_total"), ["total_used"] = Of(node, "fd_used"),
            },
            ["is_under_maintenance"] = node.TryGetProperty("being_drained", out var drained) && drained.GetBoolean(),
            ["listeners"] = new JsonArray([.. overview.GetProperty("listeners").EnumerateArray().Select(Listener)]),
            ["memory"] = new JsonObject { ["accounted"] = Of(node, "mem_used"), ["total"] = new JsonObject { ["rss"] = Of(node, "memory_resident") } },
            ["os"] = RuntimeInformation.OSDescription,
            ["pid"] = int.Parse(node.GetProperty("os_pid").GetString()!, CultureInfo.InvariantCulture),
            ["product_name"] = Of(overview, "product_name"),
            ["product_version"] = Of(overview, "product_version"),
            ["rabbitmq_version"] = Of(overview, "rabbitmq_version"),
            ["storage_engine"] = Of(node, "engine"),
            ["totals"] = new JsonObject { ["connection_count"] = Of(totals, "connections"), ["queue_count"] = Of(totals, "queues"), ["virtual_host_count"] = virtualHosts },
            ["uptime"] = node.GetProperty("uptime").GetInt64() / 1000,
            ["vm_memory_high_watermark_limit"] = Of(node, "mem_limit"),
            ["vm_memory_high_watermark_setting"] = Of(node, "memory_high_watermark") is { } share ? new JsonObject { ["relative"] = share } : new JsonObject { ["absolute"] = Of(node, "mem_limit") },
        };
    }

    /// <summary>Of what the node is short: memory, disk.</summary>
    public static IEnumerable<string> Alarms(JsonElement node)
    {
        if (node.GetProperty("mem_alarm").GetBoolean()) yield return "memory";
        if (node.GetProperty("disk_free_alarm").GetBoolean()) yield return "disk";
    }

    public static JsonNode Listener(JsonElement listener)
    {
        var (address, protocol) = (listener.GetProperty("ip_address").GetString()!, listener.GetProperty("protocol").GetString()!);
        return new JsonObject
        {
            ["interface"] = address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address,
            ["node"] = listener.GetProperty("node").GetString(),
            ["port"] = listener.GetProperty("port").GetInt32(),
            ["protocol"] = protocol,
            ["purpose"] = protocol switch { "amqp" => "AMQP 0-9-1", "amqp/ssl" => "AMQP 0-9-1 over TLS", "http" => "HTTP API", "https" => "HTTP API over TLS (HTTPS)", "http/prometheus" => "Prometheus exporter API over HTTP", "https/prometheus" => "Prometheus exporter API over TLS (HTTPS)", "clustering" => "inter-node and CLI tool communication", _ => protocol },
        };
    }

    private static string Text(JsonObject status, string node, string unit)
    {
        var text = new StringBuilder();
        void Section(string heading, params IEnumerable<string> lines) => text.Append($"{(text.Length > 0 ? "\n\n" : "")}{Help.Bold(heading)}\n\n").AppendJoin('\n', lines);
        string Bytes(JsonNode? bytes) => bytes is null ? "(not available)" : $"{Amount(bytes.GetValue<double>(), unit)} {unit}";
        IEnumerable<string> OrNone(IReadOnlyList<string> lines) => lines.Count > 0 ? lines : ["(none)"];

        var (descriptors, totals, watermark) = (status["file_descriptors"]!, status["totals"]!, status["vm_memory_high_watermark_setting"]!);
        Section(
            "Runtime",
            $"OS PID: {status["pid"]}", $"OS: {status["os"]}", $"Uptime (seconds): {status["uptime"]}", $"Is under maintenance?: {(status["is_under_maintenance"]!.GetValue<bool>() ? "true" : "false")}",
            $"Product name: {status["product_name"]}", $"Product version: {status["product_version"]}", $"RabbitMQ version: {status["rabbitmq_version"]}", $"Node name: {node}");
        Section("Data directory", $"Node data directory: {status["data_directory"]}", $"Storage engine: {status["storage_engine"]}");
        Section("Config files", status["config_files"]!.AsArray().Select(path => $" * {path}"));
        Section("Alarms", OrNone([.. status["alarms"]!.AsArray().Select(alarm => $"{(alarm!["resource"]!.ToString() == "memory" ? "Memory" : "Free disk space")} alarm on node {node}")]));
        Section(
            "Memory",
            $"Total memory used: {Bytes(status["memory"]!["total"]!["rss"])}", $"Counted for messages: {Bytes(status["memory"]!["accounted"])}",
            $"Memory high watermark setting: {(watermark["relative"] is { } share ? $"{share} of available memory" : Bytes(watermark["absolute"]))}, computed to: {Bytes(status["vm_memory_high_watermark_limit"])}");
        Section(
            "File Descriptors",
            [$"Total: {descriptors["total_used"]}, limit: {descriptors["total_limit"]}", .. descriptors["sockets_used"] is { } sockets ? [$"Sockets: {sockets}, limit: {descriptors["sockets_limit"]}"] : Array.Empty<string>()]);
        Section("Free Disk Space", $"Low free disk space watermark: {Bytes(status["disk_free_limit"])}", $"Free disk space: {Bytes(status["disk_free"])}");
        Section("Totals", $"Connection count: {totals["connection_count"]}", $"Queue count: {totals["queue_count"]}", $"Virtual host count: {totals["virtual_host_count"]}");
        Section("Listeners", OrNone([.. status["listeners"]!.AsArray().Select(one => $"Interface: {one!["interface"]}, port: {one["port"]}, protocol: {one["protocol"]}, purpose: {one["purpose"]}")]));
        return text.ToString();
    }

    /// <summary>Four digits behind the point, as Elixir rounds and writes them.</summary>
    private static string Amount(double bytes, string unit) =>
        unit.Equals("bytes", StringComparison.OrdinalIgnoreCase) ? bytes.ToString("0", CultureInfo.InvariantCulture) : (bytes / Units[unit]).ToString("0.0###", CultureInfo.InvariantCulture);
}
