using System.Globalization;
using Spectre.Console;

namespace Amqp.Bench;

/// <summary>How cost grows: a table for each curve, in which a bend is a leap of the column that compares with the first point.</summary>
internal sealed class CurvesBench(IAnsiConsole console)
{
    private const double BytesPerMegabyte = 1_000_000;
    private const int Width = 200;

    /// <summary>Measures all points of a curve, and prints those that there are when one fails.</summary>
    /// <returns>False if one failed.</returns>
    public bool Run(Target target, Curve curve, int seconds)
    {
        var points = new List<(int Size, Point Point)>();
        string? failure = null;
        try
        {
            curve.Measure(target, curve.Sizes[0], seconds); // what is compiled and allocated the first time is no part of any point
            foreach (var size in curve.Sizes)
            {
                Console.Error.WriteLine($"{curve.Name}: {size.ToString("N0", CultureInfo.InvariantCulture)}");
                points.Add((size, curve.Measure(target, size, seconds)));
            }
        }
        catch (Exception cause)
        {
            failure = cause.Message;
        }
        console.Profile.Width = Width;
        console.WriteLine($"{curve.Name} ({target.Name})");
        console.Write(Table(points));
        if (failure is not null) console.WriteLine($"FAILED at the point behind these: {failure}");
        return failure is null;
    }

    private static Table Table(List<(int Size, Point Point)> points)
    {
        var table = new Table { Border = TableBorder.Markdown }.AddColumns("", "messages/s", "CPU s a million", "against the first", "resident, MB", "made in, s");
        foreach (var (size, point) in points)
        {
            table.AddRow(
                size.ToString("N0", CultureInfo.InvariantCulture),
                point.PerSecond.ToString("N0", CultureInfo.InvariantCulture),
                point.CpuSecondsPerMillion.ToString("0.00", CultureInfo.InvariantCulture),
                (point.CpuSecondsPerMillion / points[0].Point.CpuSecondsPerMillion).ToString("0.0", CultureInfo.InvariantCulture),
                (point.ResidentBytes / BytesPerMegabyte).ToString("N0", CultureInfo.InvariantCulture),
                point.PrepareSeconds.ToString("0.00", CultureInfo.InvariantCulture));
        }
        return table;
    }
}
