using System.Globalization;

namespace Amqp.Perf;

/// <summary>One line each second, to be read while the run goes on.</summary>
internal sealed class ProgressLines(PerfOptions options, TextWriter? output)
{
    private int _lines;

    public void Show(Figures total, Figures second, long nanoseconds, bool warmsUp, string? blocked)
    {
        if (output is null) return;
        if (_lines++ % 20 == 0) output.WriteLine(Header());
        var seconds = (double)nanoseconds / Clock.Second;
        var line = string.Create(CultureInfo.InvariantCulture, $"{_lines,4} s {second.Sent / seconds,10:N0} {second.Received / seconds,10:N0}");
        if (options.ConfirmWindow > 0) line += string.Create(CultureInfo.InvariantCulture, $" {second.Confirmed / seconds,11:N0}  {Latency(second.Confirm)}");
        if (options.MeasuresDelivery) line += $"  {Latency(second.Delivery)}";
        if (options.Publishers > 0 && options.Consumers > 0) line += string.Create(CultureInfo.InvariantCulture, $" {((total.Sent - total.Rejected) * options.FanOut) - total.Received,12:N0}");
        if (warmsUp) line += "  warm-up";
        if (blocked is not null) line += $"  blocked by the broker: {blocked}";
        output.WriteLine(line);
    }

    private string Header()
    {
        var header = $"{"time",6} {"sent/s",10} {"received/s",10}";
        if (options.ConfirmWindow > 0) header += $" {"confirmed/s",11}  {"confirm p50/p99/max ms",24}";
        if (options.MeasuresDelivery) header += $"  {"delivery p50/p99/max ms",24}";
        if (options.Publishers > 0 && options.Consumers > 0) header += $" {"under way",12}";
        return header;
    }

    private static string Latency(Histogram latency) =>
        $"{Milliseconds(latency, 0.5)}/{Milliseconds(latency, 0.99)}/{Milliseconds(latency, 1)}".PadLeft(24);

    private static string Milliseconds(Histogram latency, double share) =>
        ((double)latency.Percentile(share) / Clock.Millisecond).ToString("0.00", CultureInfo.InvariantCulture);
}
