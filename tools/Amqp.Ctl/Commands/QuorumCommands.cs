using System.Globalization;
using System.Text.Json;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Members of quorum queues: RabbitMQ's <c>rabbitmq-queues</c>. The cluster chooses them, so they are looked at here and not set.</summary>
internal static class QuorumCommands
{
    private const string ChosenByCluster =
        "Members of quorum queues are chosen by the cluster here: as many as the policy key target-group-size says (or x-quorum-initial-group-size, or 3), on nodes that run and are not drained. "
        + "To have more or fewer set that key; to empty a node drain it, or take it out of the cluster with forget_cluster_node.";

    public static CommandGroup Group { get; } = new("Quorum queues",
    [
        Refused("add_member", "add_member [--vhost <vhost>] <queue> <node>", arguments: 2),
        Refused("delete_member", "delete_member [--vhost <vhost>] <queue> <node>", arguments: 2),
        Refused("grow", "grow <node> <all | even>", arguments: 2),
        new("quorum_status", "quorum_status [--vhost <vhost>] <queue>", "Displays quorum status of a quorum queue")
        {
            Arguments = 1,
            ShowsTimeout = true,
            Banner = invocation => $"Status of quorum queue {invocation[0]} on node {invocation.Node} ...",
            Run = Status,
        },
        Refused("shrink", "shrink <node>", arguments: 1),
    ]);

    private static CtlCommand Refused(string name, string usage, int arguments) => new(name, usage, "Refused: the cluster chooses the members of quorum queues")
    {
        Arguments = arguments,
        Needs = _ => Needs.Nothing,
        Run = _ => throw Failure.Error(ExitCode.Unavailable, ChosenByCluster),
    };

    private static async Task<Result> Status(Invocation invocation)
    {
        var answer = await invocation.Client.Get(Path("queues", invocation.VirtualHost, invocation[0]), invocation.Cancel);
        if (answer.IsMissing) throw new Failure(ExitCode.Data, "Object (queue, stream, exchange, etc) was not found");
        var queue = answer.Good();
        if (queue.GetProperty("type").GetString() != "quorum") throw Failure.Error(ExitCode.Unavailable, "Cannot get quorum status of a classic queue");
        var online = queue.GetProperty("online").EnumerateArray().Select(node => node.GetString()).ToHashSet();
        return new Result.Rows([.. queue.GetProperty("members").EnumerateArray().Select(member => member.GetString()!).Order(StringComparer.Ordinal).Select(member => Show(queue, member, online.Contains(member)))]);
    }

    /// <summary>How far a member is, is known of those that the leader tells something.</summary>
    private static Row Show(JsonElement queue, string member, bool isOnline)
    {
        var isLeader = queue.GetProperty("leader").GetString() == member;
        var progress = queue.TryGetProperty("mirrors", out var mirrors) && mirrors.ValueKind == JsonValueKind.Array
            ? mirrors.EnumerateArray().FirstOrDefault(mirror => mirror.GetProperty("node").GetString() == member)
            : default;
        var isKnown = progress.ValueKind == JsonValueKind.Object;
        return new Row(
        [
            ("Node Name", new Atom(member)),
            ("Raft State", new Atom(isLeader ? "leader" : isOnline ? "follower" : "noproc")),
            ("Membership", new Atom(isKnown && progress.GetProperty("catching_up").GetBoolean() ? "promotable" : "voter")),
            ("Batches Behind", Behind("batches_behind")),
            ("Bytes Behind", Behind("bytes_behind")),
        ]);

        Term Behind(string name) => isLeader ? new Number("0") : isKnown ? new Number(progress.GetProperty(name).GetInt64().ToString(CultureInfo.InvariantCulture)) : Term.Nothing;
    }
}
