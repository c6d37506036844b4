using System.Globalization;
using System.Text;

namespace Amqp.Demos;

/// <summary>The length of a queue over time, drawn with characters.</summary>
internal sealed class PeakChart(int messagesMax)
{
    private const int Columns = 72;
    private const int Rows = 12;
    private const int BarColumns = 40;
    private const string Eighths = " ▁▂▃▄▅▆▇█";

    private readonly List<(double Second, int Length)> _samples = [];

    public int Peak => _samples.Count == 0 ? 0 : _samples.Max(sample => sample.Length);

    public void Add(double second, int length) => _samples.Add((second, length));

    /// <summary>One line for the last sample, for output that only grows.</summary>
    public string Line()
    {
        var (second, length) = _samples[^1];
        return string.Create(CultureInfo.InvariantCulture, $"{second,5:F0} s  {length,9:N0} wait  {Bar((double)length / messagesMax)}");
    }

    /// <summary>
    /// All of it: upward the messages that wait, to the right the time.
    /// </summary>
    public string Picture()
    {
        var picture = new StringBuilder();
        var heights = Heights();
        for (var row = Rows; row >= 1; row--)
        {
            picture.Append(CultureInfo.InvariantCulture, $"{(double)messagesMax * row / Rows,9:N0} │");
            foreach (var height in heights) picture.Append(Eighths[(int)Math.Round(8 * Math.Clamp(height - (row - 1), 0, 1))]);
            picture.AppendLine();
        }
        picture.Append("          └").Append('─', Columns).AppendLine();
        var last = _samples.Count == 0 ? 0 : _samples[^1].Second;
        return picture.Append(CultureInfo.InvariantCulture, $"           0 s{$"{last:F0} s".PadLeft(Columns - 3)}").ToString();
    }

    /// <summary>For each column the height of what was measured last before it, in rows.</summary>
    private double[] Heights()
    {
        var heights = new double[Columns];
        if (_samples.Count == 0) return heights;
        var (span, sample) = (_samples[^1].Second, 0);
        for (var column = 0; column < Columns; column++)
        {
            while (sample < _samples.Count - 1 && _samples[sample + 1].Second <= span * column / (Columns - 1)) sample++;
            heights[column] = (double)Rows * _samples[sample].Length / messagesMax;
        }
        return heights;
    }

    private static string Bar(double part)
    {
        var eighths = (int)Math.Round(Math.Clamp(part, 0, 1) * BarColumns * 8);
        return new string(Eighths[8], eighths / 8) + (eighths % 8 == 0 ? "" : Eighths[eighths % 8].ToString());
    }
}
