using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Unicode;

namespace Amqp.Management.Prometheus;

/// <summary>
/// Writes Prometheus' text format (version 0.0.4). Pages are made while they are sent, and nothing is kept between two of them: a broker with 100,000 queues has
/// millions of lines to tell.
/// </summary>
internal sealed class MetricsText(PipeWriter output)
{
    public const string ContentType = "text/plain; version=0.0.4";

    /// <summary>Bytes from which on they are sent before more are made.</summary>
    private const int FlushBytes = 64 << 10;

    /// <summary>A number takes less.</summary>
    private const int NumberBytes = 32;

    /// <summary>Larger whole numbers than that are not exact any more.</summary>
    private const double WholeMax = 1L << 53;

    private byte[] _name = [];

    /// <summary>The lines that follow are samples of this metric.</summary>
    /// <param name="type"><c>counter</c>, <c>gauge</c>, <c>histogram</c> or <c>untyped</c>.</param>
    /// <param name="help">One line, without backslashes.</param>
    public void Begin(string name, string type, string help)
    {
        _name = Encoding.UTF8.GetBytes(name);
        output.Write(Encoding.UTF8.GetBytes($"# TYPE {name} {type}\n# HELP {name} {help}\n"));
    }

    /// <param name="labels">As <see cref="LabelsOf"/> makes them; none.</param>
    /// <param name="value">Not written if it is no number.</param>
    public void Sample(ReadOnlySpan<byte> labels, double value) => Sample("", labels, value);

    /// <summary>How often values were how large.</summary>
    /// <param name="labels">Besides the bounds.</param>
    public void Samples(Core.Metrics.Histogram histogram, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        var count = 0L;
        for (var bucket = 0; bucket < histogram.Bounds.Length; bucket++)
        {
            count += histogram.CountIn(bucket);
            Sample("_bucket", LabelsOf([.. labels, ("le", histogram.Bounds[bucket].ToString(CultureInfo.InvariantCulture))]), count);
        }
        count += histogram.CountIn(histogram.Bounds.Length);
        Sample("_bucket", LabelsOf([.. labels, ("le", "+Inf")]), count);
        var own = labels.IsEmpty ? [] : LabelsOf(labels);
        Sample("_count", own, count);
        Sample("_sum", own, histogram.Sum);
    }

    /// <summary>Completes at once if there is not much that was not sent yet.</summary>
    public async ValueTask FlushIfMuch(CancellationToken cancellation)
    {
        if (output.UnflushedBytes >= FlushBytes) await output.FlushAsync(cancellation);
    }

    /// <summary>Labels in braces, in UTF-8.</summary>
    public static byte[] LabelsOf(params ReadOnlySpan<(string Name, string Value)> labels)
    {
        var text = new StringBuilder("{");
        foreach (var (name, value) in labels)
        {
            if (text.Length > 1) text.Append(',');
            text.Append(name).Append("=\"").Append(Escape(value)).Append('"');
        }
        return Encoding.UTF8.GetBytes(text.Append('}').ToString());
    }

    private static string Escape(string value) => value.AsSpan().IndexOfAny('\\', '"', '\n') < 0
        ? value
        : value.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);

    private void Sample(string suffix, ReadOnlySpan<byte> labels, double value)
    {
        if (double.IsNaN(value)) return;
        var line = output.GetSpan(_name.Length + suffix.Length + labels.Length + NumberBytes);
        _name.CopyTo(line);
        var length = _name.Length;
        length += Encoding.UTF8.GetBytes(suffix, line[length..]);
        labels.CopyTo(line[length..]);
        length += labels.Length;
        line[length++] = (byte)' ';
        length += Write(value, line[length..]);
        line[length++] = (byte)'\n';
        output.Advance(length);
    }

    private static int Write(double value, Span<byte> destination)
    {
        int length;
        if (Math.Abs(value) < WholeMax && Math.Floor(value) == value) Utf8.TryWrite(destination, CultureInfo.InvariantCulture, $"{(long)value}", out length);
        else Utf8.TryWrite(destination, CultureInfo.InvariantCulture, $"{value:R}", out length);
        return length;
    }
}
