using System.Diagnostics;
using System.Text.RegularExpressions;
using Amqp.Testing;

namespace Amqp.Ctl.Tests.Live;

/// <summary>What a run of the tool came to.</summary>
internal sealed record ToolResult(int Code, string Output, string Error)
{
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public override string ToString() => $"code {Code}\n{Output}{(Error.Length > 0 ? $"error stream:\n{Error}" : "")}";
}

/// <summary>The tool as a process of its own, by either of its names; in oracle mode RabbitMQ's.</summary>
internal static partial class Tool
{
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(60);
    private static readonly string Folder = Repository.PathOf("tools", "Amqp.Ctl", "bin", Repository.Configuration, "net10.0");
    private static readonly Lazy<string> RabbitmqctlCopy = new(() => CopyAs("rabbitmqctl"));
    private static readonly Lazy<string> RabbitmqPluginsCopy = new(() => CopyAs("rabbitmq-plugins"));

    public static string Amqpctl { get; } = Path.Combine(Folder, "amqpctl");

    /// <summary>The same program under the other name, as <c>make build</c> puts it into out/.</summary>
    public static string Rabbitmqctl => Oracle.IsUsed ? Repository.PathOf("tests", "oracle", "ctl.sh") : RabbitmqctlCopy.Value;

    /// <summary>Likewise; under this name it has other commands.</summary>
    public static string RabbitmqPlugins => RabbitmqPluginsCopy.Value;

    /// <param name="line">Words, with quotes around those that have blanks in them or are empty.</param>
    public static IEnumerable<string> Words(string line) => Word().Matches(line).Select(match => match.Value is ['\'' or '"', ..] ? match.Value[1..^1] : match.Value);

    /// <summary>The environment in which the tool finds a broker.</summary>
    public static Dictionary<string, string> BrokerIn(string directory) => new() { ["Storage__Directory"] = directory };

    public static async Task<ToolResult> Run(
        string program, IEnumerable<string> arguments, string input = "", string? directory = null, Dictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? Repository.Root,
        };
        foreach (var (name, value) in environment ?? []) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using var deadline = new CancellationTokenSource(Time);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end within {Time.TotalSeconds} s");
        }
        return new ToolResult(process.ExitCode, await output, await error);
    }

    private static string CopyAs(string name)
    {
        var copy = Path.Combine(Folder, name);
        File.Copy(Amqpctl, copy, overwrite: true);
        return copy;
    }

    [GeneratedRegex("""'[^']*'|"[^"]*"|\S+""", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Word();
}
