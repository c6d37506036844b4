using System.Diagnostics.Metrics;
using Amqp.Management.Prometheus;

namespace Amqp.Host.Telemetry;

/// <summary>The metrics of a node at one moment, by name.</summary>
internal sealed class MetricsReading : IMetricsSink
{
    private readonly Dictionary<string, ReadMetric> _metrics = new(StringComparer.Ordinal);
    private (string Name, string Type, string Help) _current;

    public IReadOnlyCollection<ReadMetric> Metrics => _metrics.Values;

    public IEnumerable<Measurement<double>> Of(string name) => _metrics.TryGetValue(name, out var metric) ? metric.Samples : [];

    public void Begin(string name, string type, string help) => _current = (name, type, help);

    public void Sample(string suffix, ReadOnlySpan<byte> labels, double value)
    {
        if (double.IsNaN(value)) return;
        var name = _current.Name + suffix;
        // What a histogram consists of only grows.
        if (!_metrics.TryGetValue(name, out var metric)) _metrics[name] = metric = new ReadMetric(name, _current.Type is "counter" or "histogram", _current.Help);
        metric.Samples.Add(new Measurement<double>(value, MetricsText.PairsOf(labels)));
    }

    public ValueTask FlushIfMuch(CancellationToken cancellation) => ValueTask.CompletedTask;
}

/// <summary>One metric with its samples.</summary>
/// <param name="IsCounter">It only grows.</param>
internal sealed record ReadMetric(string Name, bool IsCounter, string Help)
{
    public List<Measurement<double>> Samples { get; } = [];
}
