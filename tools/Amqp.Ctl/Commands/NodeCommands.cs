using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Letting clients in and out, and how the node is.</summary>
internal static class NodeCommands
{
    public static CommandGroup Group { get; } = new("Nodes",
    [
        EvalCommand.Command,
        new("start_app", "start_app", "Starts the node again that stop_app has ended")
        {
            Needs = _ => Needs.Node,
            Banner = invocation => $"Starting node {invocation.Node} ...",
            Run = invocation => Run(invocation, true),
        },
        StatusCommand.Command,
        new("stop_app", "stop_app", "Ends all connections and the node, as a restart would, leaving the process running")
        {
            Needs = _ => Needs.Node,
            Banner = invocation => $"Stopping rabbit application on node {invocation.Node} ...",
            Run = invocation => Run(invocation, false),
        },
        new("node_health_check", "node_health_check", "DEPRECATED. Checks no more than that the node answers and serves clients. See https://www.rabbitmq.com/monitoring.html#health-checks")
        {
            ShowsTimeout = true,
            Banner = _ => "This command is DEPRECATED and is a no-op. It will be removed in a future version. \nUse one of the options covered in https://www.rabbitmq.com/monitoring.html#health-checks instead.",
            Run = _ => Task.FromResult(Result.Done),
        },
        .. ProcessCommands.All,
    ]);

    private static async Task<Result> Run(Invocation invocation, bool running)
    {
        (await invocation.Client.Put(Path("nodes", invocation.Node, "app"), new JsonObject { ["running"] = running }, invocation.Cancel)).Good();
        return Result.Done;
    }
}
