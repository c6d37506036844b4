using System.Diagnostics;
using AMQP.Net;
using Amqp.Ctl.Control;
using Amqp.Ctl.Output;

namespace Amqp.Ctl.Commands;

/// <summary>Whether a broker is there: over its control socket, or in AMQP where an address or a port is given.</summary>
internal static class ProbeCommands
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PingTime = TimeSpan.FromSeconds(60); // rabbitmqctl's
    private static readonly TimeSpan StartupTime = TimeSpan.FromMinutes(5); // likewise
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(200);

    public static CommandGroup Group { get; } = new("Probes",
    [
        new("await_startup", "await_startup", "Waits for the RabbitMQ application to start on the target node")
        {
            Options = AmqpOptions.All,
            Needs = _ => Needs.Nothing,
            Timeout = StartupTime,
            Run = AwaitStartup,
        },
        new("check_port_connectivity", "check_port_connectivity [--address <address>] [--port <port>]", "Connects to the AMQP listener and prints what the broker says of itself")
        {
            Options = AmqpOptions.All,
            Needs = _ => Needs.Nothing,
            Timeout = AnswerTime,
            ShowsTimeout = true,
            Banner = invocation => $"Testing the AMQP listener at {AmqpOptions.Target(invocation)} ...",
            Run = CheckPortConnectivity,
        },
        new("ping", "ping", "Checks that the node OS process is up and answers on its control socket, or in AMQP")
        {
            Options = AmqpOptions.All,
            Needs = invocation => AmqpOptions.AreGiven(invocation) ? Needs.Nothing : Needs.Node,
            Timeout = PingTime,
            ShowsTimeout = true,
            Banner = invocation => AmqpOptions.AreGiven(invocation)
                ? $"Will ping {AmqpOptions.Target(invocation)}. This only checks that the broker answers in AMQP."
                : $"Will ping {invocation.Node}. This only checks if the OS process is running and answers on its control socket. Timeout: {invocation.TimeoutText} ms.",
            Run = Ping,
        },
    ]);

    private static async Task<Result> Ping(Invocation invocation)
    {
        if (AmqpOptions.AreGiven(invocation)) await Greet(invocation);
        return new Result.Message("Ping succeeded");
    }

    private static async Task<Result> CheckPortConnectivity(Invocation invocation)
    {
        var greeting = await Greet(invocation);
        var capabilities = greeting.Properties.TryGet("capabilities", out var value) && value.Type == FieldType.Table
            ? value.AsTable.Where(capability => capability.Value is { Type: FieldType.Bool, AsBool: true }).Select(capability => capability.Key)
            : [];
        var words = ((string Name, string Value)[])
        [
            ("product", greeting["product"]), ("version", greeting["version"]), ("platform", greeting["platform"]),
            ("cluster_name", greeting["cluster_name"]), ("mechanisms", greeting.Mechanisms), ("capabilities", string.Join(' ', capabilities)),
        ];
        return new Result.Message(string.Join('\n', words.Where(word => word.Value.Length > 0).Select(word => $"{word.Name}\t{word.Value}")));
    }

    /// <summary>Unlike RabbitMQ's it waits for a process that does not run yet, too.</summary>
    private static async Task<Result> AwaitStartup(Invocation invocation)
    {
        var waiting = Stopwatch.StartNew();
        var time = invocation.Timeout!.Value;
        while (true)
        {
            try
            {
                if (await IsUp(invocation, time - waiting.Elapsed)) return Result.Done;
            }
            catch (Exception e) when (e is UnavailableException or Control.UnreachableException)
            {
                if (waiting.Elapsed + RetryInterval >= time) throw new Failure(ExitCode.Timeout, $"Error: the broker did not start within {time.TotalSeconds:0.###} s: {e.Message}");
            }
            await Task.Delay(RetryInterval, invocation.Cancel);
        }
    }

    private static async Task<bool> IsUp(Invocation invocation, TimeSpan left)
    {
        if (!AmqpOptions.AreGiven(invocation)) return (await invocation.Connect()).GetProperty("running").GetBoolean();
        await AmqpOptions.Target(invocation).Greet(left > RetryInterval ? left : RetryInterval, invocation.Cancel);
        return true;
    }

    private static async Task<Greeting> Greet(Invocation invocation)
    {
        var target = AmqpOptions.Target(invocation);
        try
        {
            return await target.Greet(invocation.Timeout!.Value, invocation.Interrupt);
        }
        catch (UnavailableException e)
        {
            throw new Failure(ExitCode.Unavailable, $"Error: no broker at {target}: {e.Message}");
        }
    }
}
