using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>The process of a node, on this host: ending it, and waiting until it serves.</summary>
internal static class ProcessCommands
{
    private static readonly Option<bool> Idempotent = new("--idempotent") { Description = "return success if target node is not running (cannot be contacted)" };
    private static readonly Option<bool> Wait = new("--wait") { Description = "wait for the process to end, which is done anyway" };
    private static readonly Option<bool> NoWait = new("--no-wait") { Description = "if set, will not wait for target node to terminate" };
    private static readonly Option<string?> Pid = new("--pid", "-P") { Description = "operating system PID to monitor" };

    private static readonly TimeSpan ShutdownTime = TimeSpan.FromMinutes(2); // rabbitmqctl's
    private static readonly TimeSpan WaitTime = TimeSpan.FromSeconds(10); // likewise
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(200);

    public static IReadOnlyList<CtlCommand> All { get; } =
    [
        new("shutdown", "shutdown [--wait]", "Stops the node and its process, in order. Monitors progress for local nodes. Does not require a PID file path.")
        {
            Options = [Wait, NoWait],
            Needs = _ => Needs.Node,
            Timeout = ShutdownTime,
            ShowsTimeout = true,
            Run = ShutDown,
        },
        new("stop", "stop [--idempotent] [<pidfile>]", "Stops the node and its process, in order. Requires a local node pid file path to monitor progress.")
        {
            ArgumentsMax = 1,
            Options = [Idempotent],
            Needs = invocation => invocation.Get(Idempotent) ? Needs.Nothing : Needs.Node,
            Banner = invocation => invocation.Arguments.Count > 0
                ? $"Stopping and halting node {invocation.Node} (will monitor pid file {invocation[0]}) ..."
                : $"Stopping and halting node {invocation.Node} ...",
            Run = Stop,
        },
        new("wait", "wait [<pidfile>] [--pid|-P <pid>]", "Waits for node startup by monitoring a local PID file. See also 'await_online_nodes'")
        {
            ArgumentsMax = 1,
            Options = [Pid],
            Needs = _ => Needs.Nothing,
            Timeout = WaitTime,
            ShowsTimeout = true,
            Validate = invocation =>
            {
                if (invocation.Arguments.Count > 0 && invocation.IsGiven(Pid)) throw BadArguments.Usage("\"Cannot specify both pid and pidfile\"");
                if (invocation.Arguments.Count == 0 && !invocation.IsGiven(Pid)) throw BadArguments.Usage("\"No pid or pidfile specified\"");
                if (invocation.Get(Pid) is { } pid && Read(pid) is null) throw BadArguments.Argument("--pid is a number");
            },
            Run = WaitForStart,
        },
    ];

    private static int? Read(string pid) => int.TryParse(pid.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : null;

    private static async Task End(Invocation invocation) => (await invocation.Client.Post(Path("nodes", invocation.Node, "stop"), new JsonObject(), invocation.Cancel)).Good();

    private static async Task<Result> Stop(Invocation invocation)
    {
        var pid = invocation.Arguments.Count > 0 ? ReadFile(invocation[0]) : null;
        try
        {
            if (invocation.Get(Idempotent)) await invocation.Connect();
            await End(invocation);
        }
        catch (Control.UnreachableException) when (invocation.Get(Idempotent))
        {
            return new Result.Message($"Node {invocation.Node} is no longer running");
        }
        if (pid is null) return Result.Done;
        await WaitForEnd(pid.Value, invocation);
        return new Result.Message($"process {pid} (take from pid file {invocation[0]}) is no longer running");
    }

    private static async Task<Result> ShutDown(Invocation invocation)
    {
        var pid = int.Parse((await invocation.Connect()).GetProperty("os_pid").GetString()!, CultureInfo.InvariantCulture);
        if (invocation.Get(NoWait))
        {
            await End(invocation);
            return Result.Done;
        }
        Say(invocation, $"Shutting down RabbitMQ node {invocation.Node} running at PID {pid}");
        await End(invocation);
        Say(invocation, $"Waiting for PID {pid} to terminate");
        await WaitForEnd(pid, invocation);
        return new Result.Message($"RabbitMQ node {invocation.Node} running at PID {pid} successfully shut down");
    }

    private static async Task<Result> WaitForStart(Invocation invocation)
    {
        if (invocation.Arguments.Count > 0) Say(invocation, $"Waiting for pid file '{invocation[0]}' to appear");
        while (invocation.Arguments.Count > 0 && !File.Exists(invocation[0])) await Task.Delay(RetryInterval, invocation.Cancel);
        var pid = invocation.Arguments.Count > 0 ? ReadFile(invocation[0]) : Read(invocation.Get(Pid)!)!.Value;
        if (invocation.Arguments.Count > 0) Say(invocation, $"pid is {pid}");
        Say(invocation, $"Waiting for the control socket of the node while OS process '{pid}' is running");
        while (true)
        {
            if (!IsThere(pid!.Value)) throw Failure.Error(ExitCode.Software, "process_not_running");
            try
            {
                if ((await invocation.Connect()).GetProperty("running").GetBoolean()) break;
            }
            catch (Control.UnreachableException)
            {
                // Not yet.
            }
            await Task.Delay(RetryInterval, invocation.Cancel);
        }
        return invocation.IsQuiet ? new Result.Rows([]) : new Result.Message($"Applications 'rabbit_and_plugins' are running on node '{invocation.Node}'");
    }

    private static void Say(Invocation invocation, string line)
    {
        if (!invocation.IsQuiet && !invocation.Formatter.IsForPrograms) Console.WriteLine(line);
    }

    private static int? ReadFile(string path)
    {
        try
        {
            var text = File.ReadAllText(path);
            return Read(text) ?? throw Failure.Error(ExitCode.Unavailable, $"could not read pid from file {path}. File contents: {text.Trim()}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failure.Error(ExitCode.Unavailable, $"could not read pid from file {path}. Error: {exception.Message}");
        }
    }

    private static async Task WaitForEnd(int pid, Invocation invocation)
    {
        while (IsThere(pid)) await Task.Delay(RetryInterval, invocation.Cancel);
    }

    private static bool IsThere(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
