using System.Globalization;
using Spectre.Console;

namespace Amqp.Bench;

/// <summary>
/// Two brokers on the same work, in turns: this one, the other, the other, this one, and so on, so that what the machine does
/// meanwhile meets both. The ratio of a round is how many times better this one was; of the rounds the median counts.
/// </summary>
/// <param name="ours">The broker that all work is done on but what asks for one of its own.</param>
/// <param name="start">Starts such a one, with these options.</param>
internal sealed class Comparison(Target ours, Target other, Func<string[], BrokerProcess> start, IAnsiConsole console)
{
    private const int Width = 300; // a line of the table stays a line

    private readonly Dictionary<string, Row> _rows = [];
    private readonly List<string> _failures = [];

    /// <summary>Does the work and prints the table, with what was measured when something failed as well.</summary>
    /// <returns>False if something failed.</returns>
    public bool Run(IEnumerable<Scenario> scenarios, int rounds, int seconds)
    {
        Measure(Scenarios.WarmUp, ours, rounds: 1, seconds);
        foreach (var scenario in scenarios)
        {
            using var own = scenario.OwnBroker is { } options ? start(options) : null;
            Measure(scenario, own?.Target ?? ours, rounds, seconds);
            if (ours.IsRunning && other.IsRunning) continue;
            _failures.Add($"{(ours.IsRunning ? other : ours).Name} is gone, and what follows {scenario.Name} was not done");
            break;
        }
        console.Profile.Width = Width;
        console.WriteLine(Machine.Description);
        console.WriteLine($"Median of {rounds} rounds of {seconds} s each, brokers in turns; brokers, load and disk on this machine.");
        console.WriteLine("Publishers of both put as many publishes into a socket write as are due, up to 64 KiB; the table says how many that were on average.");
        console.WriteLine();
        console.Write(Table());
        foreach (var failure in _failures) console.WriteLine($"FAILED: {failure}");
        return _failures.Count == 0;
    }

    /// <summary>After a failure there are no more rounds of it: the brokers' figures would not be of the same rounds any more.</summary>
    private void Measure(Scenario scenario, Target mine, int rounds, int seconds)
    {
        for (var round = 0; round < rounds; round++)
        {
            Console.Error.WriteLine($"{scenario.Name}, round {round + 1} of {rounds}");
            foreach (var target in round % 2 == 0 ? (Target[])[mine, other] : [other, mine])
            {
                try
                {
                    foreach (var metric in scenario.Measure(target, seconds)) RowOf(metric).Of(target == mine).Add(metric);
                }
                catch (Exception failure)
                {
                    _failures.Add($"{scenario.Name}, round {round + 1}, {target.Name}: {failure.Message}");
                    return;
                }
            }
        }
    }

    private Row RowOf(Metric metric)
    {
        if (!_rows.TryGetValue(metric.Name, out var row)) _rows.Add(metric.Name, row = new Row(metric.Aim, metric.LessIsBetter));
        return row;
    }

    private Table Table()
    {
        var table = new Table { Border = TableBorder.Markdown }.AddColumns("work", ours.Name, other.Name, "times better (from, to)", "aim", "publishes a write");
        foreach (var (name, row) in _rows)
        {
            var (mine, its) = (row.Of(isOurs: true), row.Of(isOurs: false));
            table.AddRow(
                name.EscapeMarkup(),
                Number(Median(mine.Select(metric => metric.Value))),
                Number(Median(its.Select(metric => metric.Value))),
                Ratios(row),
                row.Aim.ToString(CultureInfo.InvariantCulture),
                mine.Concat(its).Any(metric => metric.PublishesPerWrite > 0) ? $"{PerWrite(mine)}, {PerWrite(its)}" : "");
        }
        return table;
    }

    private static string Ratios(Row row)
    {
        var ratios = row.Ratios;
        if (ratios.Count == 0) return "-";
        var median = Median(ratios);
        return string.Create(CultureInfo.InvariantCulture, $"{median:0.0} ({ratios.Min():0.0}, {ratios.Max():0.0}){(median < row.Aim ? " below" : "")}");
    }

    private static string PerWrite(IEnumerable<Metric> metrics) => Number(Median(metrics.Select(metric => Math.Round(metric.PublishesPerWrite, 1))));

    /// <summary>Not a number if there are none.</summary>
    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        if (sorted.Count == 0) return double.NaN;
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }

    private static string Number(double value) => double.IsNaN(value) ? "-" : value.ToString(value >= 100 ? "N0" : "0.###", CultureInfo.InvariantCulture);

    private sealed record Row(double Aim, bool LessIsBetter)
    {
        private readonly List<Metric> _ours = [];
        private readonly List<Metric> _other = [];

        public IReadOnlyList<double> Ratios => [.. _ours.Zip(_other, (one, another) => LessIsBetter ? another.Value / one.Value : one.Value / another.Value)];

        public List<Metric> Of(bool isOurs) => isOurs ? _ours : _other;
    }
}
