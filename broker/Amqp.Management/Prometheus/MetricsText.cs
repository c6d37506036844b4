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
public sealed class MetricsText(PipeWriter output) : IMetricsSink
{
    internal const string ContentType = "text/plain; version=0.0.4";

    /// <summary>Bytes from which on they are sent before more are made.</summary>
    private const int FlushBytes = 64 << 10;

    /// <summary>A number takes less.</summary>
    private const int NumberBytes = 32;

    /// <summary>Larger whole numbers than that are not exact any more.</summary>
    private const double WholeMax = 1L << 53;

    private byte[] _name = [];

    /// <inheritdoc/>
    public void Begin(string name, string type, string help)
    {
        _name = Encoding.UTF8.GetBytes(name);
        output.Write(Encoding.UTF8.GetBytes($"# TYPE {name} {type}\n# HELP {name} {help}\n"));
    }

    /// <inheritdoc/>
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

    /// <summary>The other way round.</summary>
    public static List<KeyValuePair<string, object?>> PairsOf(ReadOnlySpan<byte> labels)
    {
        var pairs = new List<KeyValuePair<string, object?>>();
        var rest = Encoding.UTF8.GetString(labels).AsSpan();
        while (rest.Length > "{}".Length)
        {
            // Behind the brace, or a comma.
            var name = rest[1..rest.IndexOf('=')].ToString();
            rest = rest[(name.Length + 3)..];
            var value = new StringBuilder();
            for (; rest[0] != '"'; rest = rest[1..])
            {
                var isEscaped = rest[0] == '\\';
                if (isEscaped) rest = rest[1..];
                value.Append(isEscaped && rest[0] == 'n' ? '\n' : rest[0]);
            }
            pairs.Add(KeyValuePair.Create<string, object?>(name, value.ToString()));
            rest = rest[1..];
        }
        return pairs;
    }

    private static string Escape(string value) => value.AsSpan().IndexOfAny('\\', '"', '\n') < 0
        ? value
        : value.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);

    /// <inheritdoc/>
    public void Sample(string suffix, ReadOnlySpan<byte> labels, double value)
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
