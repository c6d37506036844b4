using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary><c>memory_breakdown</c>: what the memory of a node is for.</summary>
internal static class MemoryBreakdownCommand
{
    private static readonly Dictionary<string, double> Units = new() { ["bytes"] = 1, ["mb"] = 1e6, ["gb"] = 1e9 };

    private static readonly Option<string> Unit = new("--unit") { Description = "byte multiple (bytes, megabytes, gigabytes) to use: bytes, mb, gb", DefaultValueFactory = _ => "gb" };

    public static CtlCommand Command { get; } = new("memory_breakdown", "memory_breakdown [--unit <unit>]", "Provides a memory usage breakdown on the target node.")
    {
        Options = [Unit],
        ShowsTimeout = true,
        Validate = invocation =>
        {
            if (!Units.ContainsKey(invocation.Get(Unit)!)) throw BadArguments.Usage($"unit '{invocation.Get(Unit)}' is not supported. Please use one of: bytes, mb, gb");
        },
        Banner = invocation => $"Reporting memory breakdown on node {invocation.Node}...",
        Run = Run,
    };

    private static async Task<Result> Run(Invocation invocation)
    {
        var memory = (await invocation.Client.Get(Path("nodes", invocation.Node, "memory"), invocation.Cancel)).Good().GetProperty("memory");
        var parts = memory.EnumerateObject().Where(part => part.Name is not ("total" or "strategy")).Select(part => (part.Name, Bytes: part.Value.GetInt64())).OrderByDescending(part => part.Bytes).ToList();
        var total = Math.Max(1, parts.Sum(part => part.Bytes));
        var unit = invocation.Get(Unit)!;
        var text = parts.Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Name}: {Math.Round(part.Bytes / Units[unit], 4)} {unit} ({Share(part.Bytes)}%)"));
        return new Result.Document(
            string.Join('\n', text), new JsonObject(parts.Select(part => KeyValuePair.Create<string, JsonNode?>(part.Name, new JsonObject { ["bytes"] = part.Bytes, ["percentage"] = Share(part.Bytes) }))));

        double Share(long bytes) => Math.Round(bytes * 100.0 / total, 2);
    }
}
