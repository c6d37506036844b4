using System.Globalization;
using Amqp.Core.Metrics;

namespace Amqp.Management.Prometheus;

/// <summary>Takes metrics while they are read, one after another.</summary>
public interface IMetricsSink
{
    /// <summary>The samples that follow are of this metric.</summary>
    /// <param name="type"><c>counter</c>, <c>gauge</c>, <c>histogram</c> or <c>untyped</c>.</param>
    /// <param name="help">One line, without backslashes.</param>
    void Begin(string name, string type, string help);

    /// <param name="suffix">Behind the name: <c>_bucket</c>, <c>_count</c> or <c>_sum</c> of a histogram; else empty.</param>
    /// <param name="labels">As <see cref="MetricsText.LabelsOf"/> makes them; none.</param>
    /// <param name="value">It does not count if it is no number.</param>
    void Sample(string suffix, ReadOnlySpan<byte> labels, double value);

    /// <summary>Called now and then: time to pass on what was taken. Completes at once if there is not much.</summary>
    ValueTask FlushIfMuch(CancellationToken cancellation);
}

/// <summary>Shorter ways to give them.</summary>
internal static class MetricsSinks
{
    public static void Sample(this IMetricsSink sink, ReadOnlySpan<byte> labels, double value) => sink.Sample("", labels, value);

    /// <summary>How often values were how large.</summary>
    /// <param name="labels">Besides the bounds.</param>
    public static void Samples(this IMetricsSink sink, Histogram histogram, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        var count = 0L;
        for (var bucket = 0; bucket < histogram.Bounds.Length; bucket++)
        {
            count += histogram.CountIn(bucket);
            sink.Sample("_bucket", MetricsText.LabelsOf([.. labels, ("le", histogram.Bounds[bucket].ToString(CultureInfo.InvariantCulture))]), count);
        }
        count += histogram.CountIn(histogram.Bounds.Length);
        sink.Sample("_bucket", MetricsText.LabelsOf([.. labels, ("le", "+Inf")]), count);
        var own = labels.IsEmpty ? [] : MetricsText.LabelsOf(labels);
        sink.Sample("_count", own, count);
        sink.Sample("_sum", own, histogram.Sum);
    }
}
