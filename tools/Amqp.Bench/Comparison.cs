using System.Globalization;
using Spectre.Console;

namespace Amqp.Bench;

/// <summary>
/// Two brokers on the same work, in turns: this one, the other, the other, this one, and so on, so that what the machine does
/// meanwhile meets both. The ratio of a round is how many times better this one was; of the rounds the median counts.
/// </summary>
internal sealed class Comparison(Target ours, Target other, IAnsiConsole console)
{
    private readonly Dictionary<string, Row> _rows = [];

    public void Run(IEnumerable<Scenario> scenarios, int rounds, int seconds)
    {
        foreach (var scenario in scenarios)
        {
            for (var round = 0; round < rounds; round++)
            {
                Console.Error.WriteLine($"{scenario.Name}, round {round + 1} of {rounds}");
                foreach (var target in round % 2 == 0 ? (Target[])[ours, other] : [other, ours])
                {
                    foreach (var metric in scenario.Measure(target, seconds)) RowOf(metric).Of(target == ours).Add(metric.Value);
                }
            }
        }
        Print();
    }

    private Row RowOf(Metric metric)
    {
        if (!_rows.TryGetValue(metric.Name, out var row)) _rows.Add(metric.Name, row = new Row(metric.Aim, metric.LessIsBetter));
        return row;
    }

    private void Print()
    {
        var table = new Table { Border = TableBorder.Markdown }.AddColumns("work", ours.Name, other.Name, "times better (from, to)", "aim");
        foreach (var (name, row) in _rows)
        {
            var ratios = row.Ratios;
            table.AddRow(
                name.EscapeMarkup(),
                Number(Median(row.Of(isOurs: true))),
                Number(Median(row.Of(isOurs: false))),
                string.Create(CultureInfo.InvariantCulture, $"{Median(ratios):0.0} ({ratios.Min():0.0}, {ratios.Max():0.0}){(Median(ratios) < row.Aim ? " below" : "")}"),
                row.Aim.ToString(CultureInfo.InvariantCulture));
        }
        console.Profile.Width = 200;
        console.Write(table);
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }

    private static string Number(double value) => value.ToString(value >= 100 ? "N0" : "0.###", CultureInfo.InvariantCulture);

    private sealed record Row(double Aim, bool LessIsBetter)
    {
        private readonly List<double> _ours = [];
        private readonly List<double> _other = [];

        public IReadOnlyList<double> Ratios => [.. _ours.Zip(_other, (one, another) => LessIsBetter ? another / one : one / another)];

        public List<double> Of(bool isOurs) => isOurs ? _ours : _other;
    }
}
