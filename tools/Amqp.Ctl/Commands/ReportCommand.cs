using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary><c>report</c>: what all other commands say of a node, for a person who is to help from afar.</summary>
internal static class ReportCommand
{
    private static readonly string[] OfNode = ["status", "cluster_status", "environment", "list_connections", "list_channels", "memory_breakdown", "alarms"];

    private static readonly string[] OfVhost = ["list_queues", "list_exchanges", "list_bindings", "list_permissions", "list_policies", "list_operator_policies", "list_parameters"];

    public static CtlCommand Command { get; } = new("report", "report", "Generate a server status report containing a concatenation of all server status information for support purposes")
    {
        ShowsTimeout = true,
        Validate = invocation =>
        {
            if (invocation.IsGiven(GlobalOptions.Formatter)) throw BadArguments.Argument("Only report formatter is supported");
        },
        Banner = invocation => $"Reporting server status of node {invocation.Node} ...\n",
        Run = Run,
    };

    private static async Task<Result> Run(Invocation invocation)
    {
        var vhosts = (await invocation.Client.Get(Path("vhosts"), invocation.Cancel)).Good().EnumerateArray().Select(vhost => vhost.GetProperty("name").GetString()!).ToArray();
        foreach (var command in OfNode) await Tell(invocation, command);
        await Tell(invocation, "list_global_parameters");
        foreach (var vhost in vhosts)
        {
            foreach (var command in OfVhost) await Tell(invocation, command, "--vhost", vhost);
        }
        return Result.Nothing;
    }

    /// <summary>Runs a command against the same node; one that fails says so, and the others follow.</summary>
    private static async Task Tell(Invocation invocation, string command, params string[] more)
    {
        // All columns that there are, as in RabbitMQ.
        var columns = command is "list_queues" or "list_exchanges" or "list_connections" or "list_channels" ? Program.CommandOf(command)!.Columns : [];
        await Program.Main([command, .. columns, .. invocation.WhichNode, .. more]);
        Console.WriteLine();
    }
}
