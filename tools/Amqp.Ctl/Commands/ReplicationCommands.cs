using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Queues that several nodes have. Some of these commands are RabbitMQ's <c>rabbitmq-queues</c>.</summary>
internal static class ReplicationCommands
{
    public const string SyncCheck = "node-is-mirror-sync-critical";
    public const string QuorumCheck = "node-is-quorum-critical";

    private const string DoesNotApply = "seems to be the only one in a single node cluster, the check does not apply";

    private static readonly TimeSpan RebalanceTime = TimeSpan.FromMinutes(3);

    private static readonly Option<string> VhostPattern = new("--vhost-pattern") { Description = "regular expression to match virtual host names", DefaultValueFactory = _ => ".*" };
    private static readonly Option<string> QueuePattern = new("--queue-pattern") { Description = "regular expression to match queue names", DefaultValueFactory = _ => ".*" };

    public static CommandGroup Group { get; } = new("Replication",
    [
        Act("cancel_sync_queue", "cancel_sync", "Instructs a synchronising mirrored queue to stop synchronising itself: accepted, mirrors catch up while the queue serves", "Stopping synchronising"),
        new("check_if_node_is_mirror_sync_critical", "check_if_node_is_mirror_sync_critical",
            "Health check that exits with a non-zero code if there are classic mirrored queues without online synchronised mirrors (queues that would potentially lose data if the target node is shut down)")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Checking if node {invocation.Node} is critical for data safety of any classic mirrored queues ...",
            Run = invocation => Check(
                invocation, SyncCheck, "classic mirrored queues without online synchronised mirrors", "local classic mirrored queues without online synchronised mirrors",
                queue => queue.TryGetProperty("others_in_sync", out var others) && others.GetInt32() is var left and > 0
                    ? $"{NameOf(queue)} would refuse publishes if node {invocation.Node} is stopped: {left} synchronised replicas would be left, fewer than its ha-min-in-sync"
                    : $"{NameOf(queue)} would lose its only synchronised replica (master) if node {invocation.Node} is stopped"),
        },
        new("check_if_node_is_quorum_critical", "check_if_node_is_quorum_critical",
            "Health check that exits with a non-zero code if there are queues/streams with minimum online quorum (queues/streams that will lose their quorum if the target node shuts down)")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Checking if node {invocation.Node} is critical for quorum of any queues/streams ...",
            Run = invocation => Check(
                invocation, QuorumCheck, "queues/streams with minimum quorum", "local queues with minimum online quorum",
                queue => $"{NameOf(queue)} will become unavailable if node {invocation.Node} stops"),
        },
        new("rebalance", "rebalance < all | classic | quorum | stream > [--vhost-pattern <pattern>] [--queue-pattern <pattern>]", "Re-balances leaders of replicated queues across up-and-running cluster nodes")
        {
            Arguments = 1,
            Options = [VhostPattern, QueuePattern],
            Timeout = RebalanceTime,
            Validate = invocation =>
            {
                if (invocation[0] is not ("all" or "classic" or "quorum" or "stream")) throw BadArguments.Usage($"type {invocation[0]} is not supported. Try one of all, classic, quorum, stream.");
            },
            Banner = invocation => invocation[0] switch
            {
                "all" => "Re-balancing leaders of all replicated queues...",
                "classic" => "Re-balancing leaders of replicated (mirrored, non-exclusive) classic queues...",
                "quorum" => "Re-balancing leaders of quorum queues...",
                _ => "Re-balancing leaders of streams...",
            },
            Run = Rebalance,
        },
        Act("sync_queue", "sync", "Instructs a mirrored queue with unsynchronised mirrors (follower replicas) to synchronise them: they do that by themselves while the queue serves", "Synchronising"),
    ]);

    /// <summary>What a check of this node has found.</summary>
    /// <returns>The queues, or why it does not apply.</returns>
    public static async Task<(IReadOnlyList<JsonElement> Queues, string? Reason)> Find(Invocation invocation, string check)
    {
        var answer = await invocation.Client.Get(Path("health", "checks", check), invocation.Cancel);
        if (answer.Status != System.Net.HttpStatusCode.ServiceUnavailable || !answer.Body.TryGetProperty("queues", out var queues))
            return ([], answer.Good().TryGetProperty("reason", out var reason) ? reason.GetString() : null);
        return ([.. queues.EnumerateArray()], null);
    }

    private static CtlCommand Act(string name, string action, string description, string banner) => new(name, $"{name} [--vhost <vhost>] <queue>", description)
    {
        Arguments = 1,
        Banner = invocation => $"{banner} queue '{invocation[0]}' in vhost '{invocation.VirtualHost}' ...",
        Run = async invocation =>
        {
            var answer = await invocation.Client.Post(Path("queues", invocation.VirtualHost, invocation[0], "actions"), new JsonObject { ["action"] = action }, invocation.Cancel);
            if (answer.IsMissing) throw new Failure(ExitCode.Data, "Object (queue, stream, exchange, etc) was not found");
            answer.Good();
            return Result.Done;
        },
    };

    private static async Task<Result> Check(Invocation invocation, string check, string nothing, string something, Func<JsonElement, string> line)
    {
        var (queues, reason) = await Find(invocation, check);
        var isSilent = invocation.Get(GlobalOptions.Silent);
        if (queues.Count == 0)
        {
            if (isSilent && !invocation.Formatter.IsForPrograms) return Result.Done;
            var json = new JsonObject { ["result"] = "ok" };
            if (reason is null) return new Result.Document($"Node {invocation.Node} reported no {nothing}", json);
            var isMaintenance = reason.Contains("drained", StringComparison.Ordinal);
            json["message"] = isMaintenance ? "Target node seems to be in maintenance mode, the check does not apply" : $"Target node {DoesNotApply}";
            return new Result.Document(isMaintenance ? $"Node {invocation.Node} seems to be in maintenance mode, the check does not apply" : $"Node {invocation.Node} {DoesNotApply}", json);
        }
        var lines = queues.Select(line);
        throw Failure.Error(ExitCode.Unavailable, isSilent ? "" : string.Join('\n', lines), json: $"Node {invocation.Node} reported {something}");
    }

    private static string NameOf(JsonElement queue) => queue.GetProperty("readable_name").GetString()!;

    private static async Task<Result> Rebalance(Invocation invocation)
    {
        var path = $"{Path("rebalance", "queues")}?type={invocation[0]}&vhost-pattern={Uri.EscapeDataString(invocation.Get(VhostPattern)!)}&queue-pattern={Uri.EscapeDataString(invocation.Get(QueuePattern)!)}";
        var nodes = (await invocation.Client.Post(path, new JsonObject(), invocation.Cancel)).Good();
        var rows = new Result.Rows([.. nodes.EnumerateArray().Select(node => new Row(
        [
            ("Node name", new Text(node.GetProperty("node").GetString()!)),
            ("Number of quorum queues", Term.Of(node.GetProperty("quorum"))),
            ("Number of replicated classic queues", Term.Of(node.GetProperty("classic"))),
        ]))]);
        // RabbitMQ draws this one.
        return invocation.IsGiven(GlobalOptions.Formatter) ? rows : new Result.Message(string.Join('\n', Formatter.All["pretty_table"].Lines(rows, invocation.Node, withHeader: true)));
    }
}
