using System.CommandLine;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Who belongs to the cluster.</summary>
internal static class ClusterCommands
{
    private static readonly TimeSpan AwaitTime = TimeSpan.FromMinutes(5); // rabbitmqctl's
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(250);

    private static readonly Option<bool> Offline = new("--offline") { Description = "on a node whose app is stopped, when no majority of the nodes is left" };
    private static readonly Option<bool> Disc = new("--disc") { Description = "the node is a disc node; all are" };
    private static readonly Option<bool> Ram = new("--ram") { Description = "accepted, and the node is a disc node all the same" };

    public static CommandGroup Group { get; } = new("Cluster",
    [
        new("await_online_nodes", "await_online_nodes <count>", "Waits for <count> nodes to join the cluster")
        {
            Arguments = 1,
            Needs = _ => Needs.Node,
            Timeout = AwaitTime,
            ShowsTimeout = true,
            Validate = invocation => CountOf(invocation),
            Banner = invocation => $"Will wait for at least {invocation[0]} nodes to join the cluster of {invocation.Node}. Timeout: {(long)invocation.Timeout!.Value.TotalSeconds} seconds.",
            Run = AwaitOnlineNodes,
        },
        new("change_cluster_node_type", "change_cluster_node_type <disc | ram>", "Changes the type of the cluster node")
        {
            Arguments = 1,
            Needs = _ => Needs.StoppedApp,
            Validate = invocation =>
            {
                if (invocation[0] is not ("disc" or "disk" or "ram")) throw BadArguments.Argument("The node type must be either disc or ram.");
            },
            Banner = invocation => $"Turning {invocation.Node} into a {invocation[0]} node",
            Run = invocation => Task.FromResult<Result>(new Result.Message(
                invocation[0] == "ram" ? "All nodes are disc nodes here: each has the definitions on its disk. Nothing was changed" : "Node type is already disc")),
        },
        ClusterStatusCommand.Command,
        new("force_boot", "force_boot", "Forces node to start even if it cannot contact or rejoin any of its previously known peers")
        {
            Needs = _ => Needs.Nothing,
            Run = _ => Task.FromResult<Result>(new Result.Message(
                "Nothing has to be forced here: nodes may be started in any order, and none waits for the one that was stopped last. A node of a cluster starts as soon as a majority of the nodes that run etcd is there, "
                + "and says until then which ones it waits for. If these are gone for good, say so (stop_app, forget_cluster_node --offline, start_app), and it goes on with what it has.")),
        },
        new("force_reset", "force_reset", "Forcefully returns a RabbitMQ node to its virgin state")
        {
            Needs = _ => Needs.StoppedApp,
            Banner = invocation => $"Forcefully resetting node {invocation.Node} ...",
            Run = invocation => Reset(invocation, isForced: true),
        },
        new("forget_cluster_node", "forget_cluster_node [--offline] <existing_cluster_member_node>", "Removes a node from the cluster")
        {
            Arguments = 1,
            Options = [Offline],
            Needs = invocation => invocation.Get(Offline) ? Needs.StoppedApp : Needs.App,
            Banner = invocation => $"Removing node {invocation[0]} from the cluster",
            Run = Forget,
        },
        new("join_cluster", "join_cluster [--disc|--ram] <existing_cluster_member>", "Instructs the node to become a member of the cluster that the specified node is in")
        {
            Arguments = 1,
            Options = [Disc, Ram],
            Needs = _ => Needs.Node,
            Validate = invocation =>
            {
                if (invocation.Get(Disc) && invocation.Get(Ram)) throw BadArguments.Argument("The node type must be either disc or ram.");
            },
            Banner = invocation => $"Clustering node {invocation.Node} with {invocation[0]}",
            Run = Join,
        },
        new("rename_cluster_node", "rename_cluster_node <oldnode1> <newnode1> [oldnode2] [newnode2] ...", "DEPRECATED. Refused: a node keeps its name")
        {
            ArgumentsMin = 2,
            ArgumentsMax = int.MaxValue,
            Needs = _ => Needs.Nothing,
            Run = _ => throw Failure.Error(
                ExitCode.Unavailable,
                "A node cannot be renamed: copies of queues and members of etcd are known by the name of their node. Let a node with the new name join the cluster, wait until it has copies in sync, then stop the old one and forget it (forget_cluster_node)."),
        },
        new("reset", "reset", "Instructs a RabbitMQ node to leave the cluster and return to its virgin state")
        {
            Needs = _ => Needs.StoppedApp,
            Banner = invocation => $"Resetting node {invocation.Node} ...",
            Run = invocation => Reset(invocation, isForced: false),
        },
        new("set_cluster_name", "set_cluster_name <name>", "Sets the cluster name")
        {
            Arguments = 1,
            Banner = invocation => $"Setting cluster name to {invocation[0]} ...",
            Run = async invocation =>
            {
                (await invocation.Client.Put(Path("cluster-name"), new JsonObject { ["name"] = invocation[0] }, invocation.Cancel)).Good();
                return Result.Done;
            },
        },
        new("update_cluster_nodes", "update_cluster_nodes <seed_node>", "DEPRECATED. Refused: nodes follow the members by themselves")
        {
            Arguments = 1,
            Needs = _ => Needs.Nothing,
            Run = _ => throw Failure.Error(
                ExitCode.Unavailable,
                "There is nothing to update: a node that was away asks the others who the members are when it starts. If it finds none of them because all have other addresses by now, give it Cluster:Seeds."),
        },
    ]);

    private static int CountOf(Invocation invocation) =>
        int.TryParse(invocation[0], System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var count) && count > 0
            ? count
            : throw BadArguments.Argument("the number of nodes is 1 or more");

    private static async Task<Result> AwaitOnlineNodes(Invocation invocation)
    {
        var count = CountOf(invocation);
        try
        {
            while (true)
            {
                var nodes = (await invocation.Client.Get(Path("nodes"), invocation.Cancel)).Good().EnumerateArray();
                if (nodes.Count(node => node.GetProperty("running").GetBoolean()) >= count) return Result.Done;
                await Task.Delay(RetryInterval, invocation.Cancel);
            }
        }
        catch (OperationCanceledException) when (!invocation.Interrupt.IsCancellationRequested)
        {
            throw Failure.Error(ExitCode.Software, $"Error: timed out while waiting. Not enough nodes joined {invocation.Node}'s cluster.");
        }
    }

    private static async Task<Result> Reset(Invocation invocation, bool isForced)
    {
        (await invocation.Client.Post(Path("nodes", invocation.Node, "reset"), new JsonObject { ["forced"] = isForced }, invocation.Cancel)).Good();
        return Result.Done;
    }

    private static async Task<Result> Forget(Invocation invocation)
    {
        if (invocation.Get(Offline))
        {
            var answer = (await invocation.Client.Post(Path("nodes", invocation.Node, "given-up"), new JsonObject { ["node"] = invocation[0] }, invocation.Cancel)).Good();
            string[] others = [.. answer.GetProperty("others").EnumerateArray().Select(node => node.GetString()!)];
            return others.Length == 0 ? Result.Done : new Result.Message($"To go on alone, node {invocation.Node} has to forget these, too: {string.Join(", ", others)}");
        }
        (await invocation.Client.Delete(Path("nodes", invocation[0]), invocation.Cancel)).Good();
        return Result.Done;
    }

    private static async Task<Result> Join(Invocation invocation)
    {
        var self = (await invocation.Client.Get("/api/node", invocation.Cancel)).Good();
        if (self.GetProperty("running").GetBoolean())
            throw Failure.Error(ExitCode.Software, $"Mnesia is still running on node {invocation.Node}.\nPlease stop RabbitMQ with '{Program.Name} stop_app' first.");
        if (invocation[0] == invocation.Node) throw Failure.Error(ExitCode.Software, $"Error: cannot cluster node with itself: {invocation.Node}");
        var answer = (await invocation.Client.Post(Path("nodes", invocation.Node, "cluster"), new JsonObject { ["node"] = invocation[0] }, invocation.Cancel)).Good();
        return answer.GetProperty("already_member").GetBoolean() ? new Result.Message("The node is already a member of this cluster") : Result.Done;
    }
}
