using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Before and after a node is stopped for a while: RabbitMQ's <c>rabbitmq-upgrade</c>.</summary>
internal static class MaintenanceCommands
{
    private static readonly TimeSpan AwaitTime = TimeSpan.FromMinutes(2); // rabbitmqctl's
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    public static CommandGroup Group { get; } = new("Upgrade",
    [
        Await("await_online_quorum_plus_one", ReplicationCommands.QuorumCheck,
            "Waits for all quorum queues and streams to have an above minimum online quorum. This makes sure that no queues/streams would lose their quorum if the target node is shut down",
            "Will wait for a quorum + 1 of nodes to be online for all quorum queues and streams for",
            "time is up, no quorum + 1 online replicas came online for at least some quorum queues or streams"),
        Await("await_online_synchronized_mirror", ReplicationCommands.SyncCheck,
            "Waits for all classic mirrored queues hosted on the target node to have at least one synchronized mirror online. This makes sure that if target node is shut down, there will be an up-to-date mirror to promote.",
            "Will wait for a synchronised mirror be online for all classic mirrored queues for",
            "time is up, no synchronised mirror came online for at least some classic mirrored queues"),
        new("drain", "drain", "Puts the node in maintenance mode. Such nodes will not serve any client traffic or host any primary queue replicas")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Will put node {invocation.Node} into maintenance mode. The node will no longer serve any client traffic!",
            Run = invocation => Set(invocation, isDrained: true),
        },
        new("post_upgrade", "post_upgrade", "Runs post-upgrade tasks: leaders of replicated queues are spread over the nodes again")
        {
            Banner = _ => "Executing post upgrade tasks...\nRebalancing queue masters...",
            Run = async invocation =>
            {
                (await invocation.Client.Post(Path("rebalance", "queues"), new JsonObject(), invocation.Cancel)).Good();
                return Result.Done;
            },
        },
        new("revive", "revive", "Puts the node out of maintenance and into regular operating mode. Such nodes will again serve client traffic and host primary queue replicas")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Will put node {invocation.Node} back into regular operating mode. The node will again serve client traffic and host primary queue replicas.",
            Run = invocation => Set(invocation, isDrained: false),
        },
    ]);

    private static async Task<Result> Set(Invocation invocation, bool isDrained)
    {
        (await invocation.Client.Put(Path("nodes", invocation.Node, "maintenance"), new JsonObject { ["drained"] = isDrained }, invocation.Cancel)).Good();
        return Result.Done;
    }

    private static CtlCommand Await(string name, string check, string description, string banner, string failure) => new(name, name, description)
    {
        Timeout = AwaitTime,
        ShowsTimeout = true,
        Banner = invocation => $"{banner} {Math.Round(invocation.Timeout!.Value.TotalSeconds)} seconds...",
        Run = async invocation =>
        {
            try
            {
                while (true)
                {
                    var (queues, reason) = await ReplicationCommands.Find(invocation, check);
                    if (queues.Count > 0)
                    {
                        await Task.Delay(RetryInterval, invocation.Cancel);
                        continue;
                    }
                    return reason is null || invocation.IsQuiet ? Result.Done : new Result.Message("Target node seems to be the only one in a single node cluster, the command does not apply");
                }
            }
            catch (OperationCanceledException) when (!invocation.Interrupt.IsCancellationRequested)
            {
                throw Failure.Error(ExitCode.Unavailable, failure);
            }
        },
    };
}
