using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>
/// <c>cluster_status</c>, in RabbitMQ's sections and with its JSON members; behind them what is ours: how etcd is, and the links of the node that was asked.
/// </summary>
internal static class ClusterStatusCommand
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60); // rabbitmqctl's

    public static CtlCommand Command { get; } = new(
        "cluster_status", "cluster_status", "Displays all the nodes in the cluster grouped by node type, together with the currently running nodes")
    {
        Timeout = Timeout,
        ShowsTimeout = true,
        Banner = invocation => $"Cluster status of node {invocation.Node} ...",
        Run = Run,
    };

    private static async Task<Result> Run(Invocation invocation)
    {
        var nodes = (await invocation.Client.Get(Path("nodes"), invocation.Cancel)).Good();
        var cluster = (await invocation.Client.Get(Path("cluster"), invocation.Cancel)).Good();
        var flags = (await invocation.Client.Get(Path("feature-flags"), invocation.Cancel)).Good();
        var status = Status([.. nodes.EnumerateArray()], cluster, flags);
        return new Result.Document(Text(status), status);
    }

    private static JsonObject Status(IReadOnlyList<JsonElement> nodes, JsonElement cluster, JsonElement flags)
    {
        // A node that was started a moment ago may not have told of itself yet.
        var running = nodes.Where(node => node.GetProperty("running").GetBoolean()).ToList();
        var told = running.Where(node => node.TryGetProperty("processors", out _)).ToList();
        return new JsonObject
        {
            ["alarms"] = new JsonArray([
                .. from node in told from resource in StatusCommand.Alarms(node) select new JsonObject { ["node"] = Name(node), ["resource"] = resource, ["type"] = "resource_limit" }]),
            ["cluster_name"] = cluster.GetProperty("cluster_name").GetString(),
            ["cpu_cores"] = ByNode(told, node => node.GetProperty("processors").GetInt32()),
            ["disk_nodes"] = new JsonArray([.. nodes.Select(node => (JsonNode)Name(node))]),
            ["feature_flags"] = JsonNode.Parse(flags.GetRawText()),
            ["listeners"] = ByNode(told, node => new JsonArray([.. node.GetProperty("listeners").EnumerateArray().Select(StatusCommand.Listener)])),
            ["maintenance_status"] = ByNode(told, node => node.GetProperty("being_drained").GetBoolean() ? "marked for maintenance" : "not under maintenance"),
            ["partitions"] = ByNode(
                told.Where(node => node.GetProperty("partitions").GetArrayLength() > 0), node => JsonNode.Parse(node.GetProperty("partitions").GetRawText())),
            ["ram_nodes"] = new JsonArray(),
            ["running_nodes"] = new JsonArray([.. running.Select(node => (JsonNode)Name(node))]),
            ["versions"] = ByNode(told, node => new JsonObject
            {
                ["erlang_version"] = node.GetProperty("platform").GetString(),
                ["rabbitmq_name"] = node.GetProperty("product_name").GetString(),
                // As RabbitMQ shows the product and its version here, wherever it has another name.
                ["rabbitmq_version"] = node.GetProperty("product_version").GetString(),
            }),
            ["etcd"] = JsonNode.Parse(cluster.GetProperty("etcd").GetRawText()),
            ["lease_in_doubt"] = cluster.GetProperty("lease_in_doubt").GetBoolean(),
            ["links"] = JsonNode.Parse(cluster.GetProperty("links").GetRawText()),
        };
    }

    private static string Text(JsonObject status)
    {
        var text = new StringBuilder();
        Section("Basics", [$"Cluster name: {status["cluster_name"]}", $"Total CPU cores available cluster-wide: {Of("cpu_cores").Sum(node => node.Value!.GetValue<int>())}"]);
        Section("Disk Nodes", Names("disk_nodes"));
        Section("Running Nodes", Names("running_nodes"));
        Section("Versions", Of("versions").Select(node => $"{node.Key}: {node.Value!["rabbitmq_name"]} {node.Value["rabbitmq_version"]} on {node.Value["erlang_version"]}"));
        Section("CPU Cores", Of("cpu_cores").Select(node => $"Node: {node.Key}, available CPU cores: {node.Value}"));
        Section("Maintenance status", Of("maintenance_status").Select(node => $"Node: {node.Key}, status: {node.Value}"));
        Section("Alarms", OrNone(status["alarms"]!.AsArray().Select(alarm => $"{(alarm!["resource"]!.ToString() == "memory" ? "Memory" : "Free disk space")} alarm on node {alarm["node"]}")));
        Section("Network Partitions", OrNone(Of("partitions").Select(node => $"Node {node.Key} cannot communicate with {string.Join(", ", node.Value!.AsArray().Select(other => other!.ToString()))}")));
        Section("Listeners", OrNone(
            from node in Of("listeners")
            from listener in node.Value!.AsArray()
            select $"Node: {node.Key}, interface: {listener["interface"]}, port: {listener["port"]}, protocol: {listener["protocol"]}, purpose: {listener["purpose"]}"));
        Section("Feature flags", OrNone(status["feature_flags"]!.AsArray().Select(flag => $"Flag: {flag!["name"]}, state: {flag["state"]}")));
        var (etcd, links) = (status["etcd"]!, status["links"]!.AsArray());
        // A node that is alone has neither.
        if (links.Count > 0 || etcd["leader"] is not null || etcd["failure"] is not null)
        {
            Section("Etcd", [
                $"Leader: {etcd["leader"]?.ToString() ?? "(none)"}",
                .. etcd["failure"] is { } failure ? [$"Failure: {failure}"] : Array.Empty<string>(),
                .. etcd["alarms"]!.AsArray().Select(alarm => $"Alarm: {alarm}"),
                .. status["lease_in_doubt"]!.GetValue<bool>() ? ["The lease of this node is in doubt: its mirrored queues stand still"] : Array.Empty<string>()]);
            Section("Links", OrNone(links.Select(link => $"Node: {link!["node"]}, lane: {link["lane"]}, {(link["connected"]!.GetValue<bool>() ? "connected" : "not connected")}, breaker: {link["breaker"]}"
                + (link["last_failure"] is { } why ? $", last failure: {why}" : ""))));
        }
        return text.ToString();

        void Section(string heading, IEnumerable<string> lines) => text.Append($"{(text.Length > 0 ? "\n\n" : "")}{Help.Bold(heading)}\n\n").AppendJoin('\n', lines);
        JsonObject Of(string section) => status[section]!.AsObject();
        IEnumerable<string> Names(string section) => status[section]!.AsArray().Select(node => node!.ToString()).Order(StringComparer.Ordinal);
        IEnumerable<string> OrNone(IEnumerable<string> lines) => lines.DefaultIfEmpty("(none)");
    }

    private static string Name(JsonElement node) => node.GetProperty("name").GetString()!;

    private static JsonObject ByNode(IEnumerable<JsonElement> nodes, Func<JsonElement, JsonNode?> value)
    {
        var byNode = new JsonObject();
        foreach (var node in nodes) byNode[Name(node)] = value(node);
        return byNode;
    }
}
