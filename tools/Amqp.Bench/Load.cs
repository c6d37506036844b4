using System.Text.Json;

namespace Amqp.Bench;

/// <summary>What one run of <c>amqpperf</c> found.</summary>
/// <param name="Seconds">From the end of the warm-up to the last delivery: what was published and waited is in the rate too.</param>
internal sealed record LoadResult(
    double SentPerSecond,
    double ReceivedPerSecond,
    double? ConfirmP50Ms,
    double? ConfirmP99Ms,
    double? DeliveryP50Ms,
    double? DeliveryP99Ms,
    double BrokerCpuSeconds,
    double Seconds)
{
    /// <summary>The broker's processor time for one message.</summary>
    /// <param name="warmUpSeconds">The warm-up's messages are not in the count, and its processor time is: both by the rate.</param>
    public double BrokerCpuSecondsOfOne(int warmUpSeconds) => BrokerCpuSeconds / (ReceivedPerSecond * (Seconds + warmUpSeconds));
}

/// <summary>Runs <c>amqpperf</c> against a broker.</summary>
internal static class Load
{
    public static LoadResult Run(Target target, string arguments)
    {
        var before = target.CpuSeconds;
        using var report = JsonDocument.Parse(BrokerProcess.Output("amqpperf", ["--uri", target.Uri, "--json", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)]));
        var root = report.RootElement;
        return new LoadResult(
            Of(root, "sentPerSecond"),
            Of(root, "receivedPerSecond"),
            Percentile(root, "confirmLatencyMs", "p50"),
            Percentile(root, "confirmLatencyMs", "p99"),
            Percentile(root, "deliveryLatencyMs", "p50"),
            Percentile(root, "deliveryLatencyMs", "p99"),
            target.CpuSeconds - before,
            Of(root, "receiveSeconds"));
    }

    private static double Of(JsonElement root, string name) => root.GetProperty(name).GetDouble();

    private static double? Percentile(JsonElement root, string latencies, string name) =>
        root.TryGetProperty(latencies, out var found) && found.ValueKind == JsonValueKind.Object ? found.GetProperty(name).GetDouble() : null;
}
