using System.Globalization;
using Spectre.Console;

namespace Amqp.Bench;

/// <summary>What each part reaches alone on a piece of work.</summary>
/// <param name="Store">Null for transient messages.</param>
/// <param name="SentPerSecond">By the load generator.</param>
/// <param name="ReceivedPerSecond">Likewise.</param>
internal sealed record WorkLimits(Limit CodecIn, Limit Queue, Limit CodecOut, Limit? Store, Limit Sockets, double SentPerSecond, double ReceivedPerSecond);

/// <summary>The broker beside the limits: what share of each it reaches, and what its processor time goes into.</summary>
internal sealed class LimitTable
{
    private const string Explanation = """
        Rates: in brackets, the broker's rate as a share of what the part reaches when it has nothing else to do. The nearest limit is the lowest.
        Times: processor time of all threads of the part; in brackets, its share of the broker's. The sockets' is that of a process that relays the same bytes
        and does not look at them. "Between them" is the broker's time less all the others: connections, channels, routing, mailboxes, hand-overs between
        threads, confirms, and what asynchronous sockets and smaller writes cost beyond the relay's. The next to improve is the largest, but for the sockets.
        """;

    private readonly Table _rates = new Table { Border = TableBorder.Markdown }
        .AddColumns("messages/s", "broker", "codec in", "queue", "codec out", "store", "sockets", "load sends", "load receives", "nearest limit");

    private readonly Table _times = new Table { Border = TableBorder.Markdown }
        .AddColumns("CPU ns a message", "broker", "codec in", "queue", "codec out", "store", "sockets", "between them", "next to improve");

    public void Add(Work work, Limit broker, WorkLimits limits)
    {
        (string Name, double? PerSecond)[] rates =
        [
            ("codec in", limits.CodecIn.PerSecond), ("queue", limits.Queue.PerSecond), ("codec out", limits.CodecOut.PerSecond), ("store", limits.Store?.PerSecond),
            ("sockets", limits.Sockets.PerSecond), ("load sends", limits.SentPerSecond), ("load receives", limits.ReceivedPerSecond),
        ];
        _rates.AddRow([work.Name, Number(broker.PerSecond), .. rates.Select(rate => Cell(rate.PerSecond, broker.PerSecond / rate.PerSecond)), rates.MinBy(rate => rate.PerSecond).Name]);

        (string Name, double? CpuNs)[] own =
            [("codec in", limits.CodecIn.CpuNs), ("queue", limits.Queue.CpuNs), ("codec out", limits.CodecOut.CpuNs), ("store", limits.Store?.CpuNs)];
        var between = broker.CpuNs - limits.Sockets.CpuNs - own.Sum(part => part.CpuNs ?? 0);
        var largest = own.MaxBy(part => part.CpuNs);
        _times.AddRow(
        [
            work.Name, Number(broker.CpuNs), .. ((double?[])[.. own.Select(part => part.CpuNs), limits.Sockets.CpuNs, between]).Select(time => Cell(time, time / broker.CpuNs)),
            between > largest.CpuNs ? $"between them, then {largest.Name}" : largest.Name,
        ]);
    }

    public void Print(IAnsiConsole console)
    {
        console.Write(_rates);
        console.Write(_times);
        console.WriteLine(Explanation);
    }

    private static string Cell(double? value, double? share) =>
        value is { } number ? $"{Number(number)} ({(share!.Value * 100).ToString("0.#", CultureInfo.InvariantCulture)} %)" : "";

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
