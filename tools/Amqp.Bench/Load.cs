using System.Globalization;
using System.Text.Json;

namespace Amqp.Bench;

/// <summary>What one run of <c>amqpperf</c> found.</summary>
/// <param name="DeclareSeconds">Before it, for queues and bindings.</param>
/// <param name="CpuSecondsPerMillion">The broker's, for a million messages received; for a million sent if nothing consumes.</param>
/// <param name="ResidentBytes">The broker's, when publishing ended.</param>
internal sealed record LoadResult(
    double DeclareSeconds,
    double SentPerSecond,
    double ReceivedPerSecond,
    double PublishesPerWrite,
    double? ConfirmP50Ms,
    double? ConfirmP99Ms,
    double? DeliveryP50Ms,
    double? DeliveryP99Ms,
    double CpuSecondsPerMillion,
    long ResidentBytes);

/// <summary>Runs <c>amqpperf</c> against a broker.</summary>
internal static class Load
{
    public static LoadResult Run(Target target, string arguments)
    {
        string[] broker = ["--uri", target.Uri, "--broker-pid", target.ProcessId.ToString(CultureInfo.InvariantCulture), "--json"];
        using var report = JsonDocument.Parse(BrokerProcess.Output("amqpperf", [.. broker, .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)]));
        var root = report.RootElement;
        var (sent, received) = (Of(root, "sent"), Of(root, "received"));
        return new LoadResult(
            Of(root, "declareSeconds"),
            Of(root, "sentPerSecond"),
            Of(root, "receivedPerSecond"),
            Of(root, "publishesPerWrite"),
            Percentile(root, "confirmLatencyMs", "p50"),
            Percentile(root, "confirmLatencyMs", "p99"),
            Percentile(root, "deliveryLatencyMs", "p50"),
            Percentile(root, "deliveryLatencyMs", "p99"),
            Of(root, "brokerCpuSeconds") * 1_000_000 / (received > 0 ? received : sent),
            (long)Of(root, "brokerResidentBytes"));
    }

    private static double Of(JsonElement root, string name) => root.GetProperty(name).GetDouble();

    private static double? Percentile(JsonElement root, string latencies, string name) =>
        root.TryGetProperty(latencies, out var found) && found.ValueKind == JsonValueKind.Object ? found.GetProperty(name).GetDouble() : null;
}
