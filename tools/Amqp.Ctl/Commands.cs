using System.CommandLine;
using System.Diagnostics;
using System.Reflection;
using AMQP.Net;

namespace Amqp.Ctl;

/// <summary>The commands, named as in RabbitMQ's command-line tools where those have them.</summary>
internal static class Commands
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StartupTime = TimeSpan.FromMinutes(5); // rabbitmqctl's
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(200);

    public static IEnumerable<Command> All =>
    [
        Version(),
        Talking("ping", "Check that the broker answers in AMQP", AnswerTime, Ping),
        Talking("check_port_connectivity", "Connect to the AMQP listener and print what the broker says of itself", AnswerTime, CheckPortConnectivity),
        Talking("await_startup", "Wait until the broker answers", StartupTime, AwaitStartup),
        StoreCommands.Store(),
    ];

    private static Command Version()
    {
        var command = new Command("version", "Print the version of this tool");
        command.SetAction(_ => Console.WriteLine(typeof(Commands).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0]));
        return command;
    }

    private static async Task<int> Ping(Target target, CancellationToken cancel)
    {
        target.Say($"Will ping {target}. This only checks that the broker answers in AMQP.");
        await target.Greet(cancel);
        Console.WriteLine("Ping succeeded");
        return ExitCode.Ok;
    }

    private static async Task<int> CheckPortConnectivity(Target target, CancellationToken cancel)
    {
        target.Say($"Testing the AMQP listener at {target} ...");
        var greeting = await target.Greet(cancel);
        target.Say($"Successfully connected to {target}.");

        var capabilities = greeting.Properties.TryGet("capabilities", out var value) && value.Type == FieldType.Table
            ? value.AsTable.Where(capability => capability.Value is { Type: FieldType.Bool, AsBool: true }).Select(capability => capability.Key)
            : [];
        foreach (var (name, text) in ((string, string)[])
                 [
                     ("product", greeting["product"]), ("version", greeting["version"]), ("platform", greeting["platform"]),
                     ("cluster_name", greeting["cluster_name"]), ("mechanisms", greeting.Mechanisms), ("capabilities", string.Join(' ', capabilities)),
                 ])
            if (text.Length > 0) Console.WriteLine($"{name}\t{text}");
        return ExitCode.Ok;
    }

    private static async Task<int> AwaitStartup(Target target, CancellationToken cancel)
    {
        target.Say($"Waiting for {target} ...");
        var waiting = Stopwatch.StartNew();
        while (true)
        {
            var left = target.Timeout - waiting.Elapsed;
            try
            {
                await (target with { Timeout = left > RetryInterval ? left : RetryInterval }).Greet(cancel);
                return ExitCode.Ok;
            }
            catch (UnavailableException e) when (waiting.Elapsed + RetryInterval >= target.Timeout)
            {
                Program.Fail($"{target} did not start within {target.Timeout.TotalSeconds:0.###} s: {e.Message}");
                return ExitCode.Timeout;
            }
            catch (UnavailableException)
            {
                await Task.Delay(RetryInterval, cancel);
            }
        }
    }

    private static Command Talking(string name, string description, TimeSpan timeout, Func<Target, CancellationToken, Task<int>> run)
    {
        var command = new Command(name, description);
        var options = new BrokerOptions(timeout);
        options.AddTo(command);
        command.SetAction(async (result, cancel) =>
        {
            var target = options.From(result);
            try
            {
                return await run(target, cancel);
            }
            catch (UnavailableException e)
            {
                Program.Fail($"no broker at {target}: {e.Message}");
                return ExitCode.Unavailable;
            }
        });
        return command;
    }
}
