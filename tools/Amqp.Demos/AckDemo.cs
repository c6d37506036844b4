using System.Globalization;
using System.Net;
using System.Text;
using RabbitMQ.Client;
using Spectre.Console;

namespace Amqp.Demos;

/// <summary>
/// What a crashed consumer costs, with automatic and with manual acknowledgement: the same orders, the same crash, twice, at the
/// same time.
/// </summary>
internal sealed class AckDemo : OneBrokerDemo
{
    private const int Orders = 24;
    private const int KillAt = 8;
    private const ushort Prefetch = 10;
    private static readonly TimeSpan BrokerLimit = TimeSpan.FromSeconds(5);

    public override string Name => "ack";

    public override string Summary => "what a crashed consumer costs, with automatic and with manual acknowledgement";

    protected override async Task<bool> Run(BrokerProcess process, IReadOnlyDictionary<string, int> options, CancellationToken cancel)
    {
        var broker = process.Address;
        AnsiConsole.Write(new Rule("[bold]What a crashed consumer costs[/]").LeftJustified());
        AnsiConsole.MarkupLine(
            $"{Orders} orders wait in a durable queue. A consumer works on one at a time: it charges the customer's card, then it sends " +
            $"the parcel. Between the two halves of order {KillAt} its process is killed (SIGKILL), and a second consumer takes over. " +
            $"This happens twice at the same time: on the left with automatic acknowledgement, on the right with manual " +
            $"acknowledgement.");
        AnsiConsole.WriteLine();

        await using var connection = await process.Connect("demo", cancel);
        var outcomes = await Task.WhenAll(Play(connection, broker, null, cancel), Play(connection, broker, Prefetch, cancel));
        AnsiConsole.WriteLine();
        Show(outcomes[0], outcomes[1]);

        var contradictions = Contradictions(outcomes[0], outcomes[1]).ToList();
        foreach (var contradiction in contradictions) AnsiConsole.MarkupLineInterpolated($"[red]This contradicts the lesson: {contradiction}[/]");
        return contradictions.Count == 0;
    }

    private static async Task<Outcome> Play(IConnection connection, IPEndPoint broker, ushort? prefetch, CancellationToken cancel)
    {
        var side = prefetch is null ? "automatic" : "manual";
        var queue = $"orders.{side}.{Guid.NewGuid():N}";
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancel);
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, cancellationToken: cancel);
        try
        {
            for (var order = 1; order <= Orders; order++)
            {
                var body = Encoding.UTF8.GetBytes(order.ToString(CultureInfo.InvariantCulture));
                await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { Persistent = true }, body, cancel);
            }
            await Waiting(channel, queue, count => count == Orders, cancel);
            Tell(side, $"{Orders} orders are in the queue; the first consumer starts");

            var first = await WorkerProcess.Run(broker, queue, prefetch, KillAt, cancel);
            // With manual acknowledgement the broker puts back what the dead consumer held as soon as it sees the connection break.
            var left = await Waiting(channel, queue, count => prefetch is null || count > Orders - KillAt, cancel);
            Tell(side, $"the first consumer was killed at order {KillAt}: {first.Done.Count} done, {left} in the queue; the second one starts");

            var second = await WorkerProcess.Run(broker, queue, prefetch, killAt: null, cancel);
            Tell(side, $"the second consumer found nothing more to do: {second.Done.Count} done");
            return new Outcome(first, second, left);
        }
        finally
        {
            await channel.QueueDeleteAsync(queue, cancellationToken: CancellationToken.None);
        }
    }

    /// <summary>The number of messages that wait in the queue, once it is as expected or the time for that is over.</summary>
    private static async Task<uint> Waiting(IChannel channel, string queue, Predicate<uint> expected, CancellationToken cancel)
    {
        var deadline = Environment.TickCount64 + (long)BrokerLimit.TotalMilliseconds;
        while (true)
        {
            var count = (await channel.QueueDeclarePassiveAsync(queue, cancel)).MessageCount;
            if (expected(count) || Environment.TickCount64 > deadline) return count;
            await Task.Delay(20, cancel);
        }
    }

    private static void Tell(string side, string what) => AnsiConsole.MarkupLineInterpolated($"[grey]{side,9}[/]  {what}");

    private static void Show(Outcome automatic, Outcome manual)
    {
        var table = new Table().RoundedBorder()
            .AddColumn("").AddColumn("[bold]automatic[/]").AddColumn($"[bold]manual, prefetch {Prefetch}[/]");
        void Row(string title, Func<Outcome, string> cell) => table.AddRow(title, cell(automatic), cell(manual));

        Row("done by the first consumer", outcome => Numbers(outcome.First.Done));
        Row("held by it when it was killed", outcome => Numbers(outcome.Held));
        Row("in the queue after the crash", outcome => outcome.LeftInQueue == 0 ? "nothing" : $"{outcome.LeftInQueue} orders");
        Row("done by the second consumer", outcome => Numbers(outcome.Second.Done));
        Row("[green]saved[/]: held by it, then redelivered", outcome => Coloured("green", outcome.Saved));
        Row("[yellow]worked on twice[/]: card charged again", outcome => Coloured("yellow", outcome.Twice));
        Row("[red]lost[/]: never done, and gone", outcome => Coloured("red", outcome.Lost));
        AnsiConsole.Write(table);

        AnsiConsole.MarkupLine(
            "[bold]Automatic:[/] the broker forgets an order as soon as it has sent it, so every order that the crashed consumer had " +
            "received and not finished is [red]lost[/].");
        AnsiConsole.MarkupLine(
            "[bold]Manual:[/] the broker keeps an order until the consumer says that it is done, so [green]nothing is lost[/], but an order " +
            "that was under way comes a [yellow]second time[/], marked as redelivered, and the work must bear that.");
    }

    private static IEnumerable<string> Contradictions(Outcome automatic, Outcome manual)
    {
        if (automatic.Lost.Count == 0) yield return "automatic acknowledgement lost nothing.";
        if (automatic.Second.Redelivered.Count > 0) yield return "automatic acknowledgement redelivered orders.";
        if (manual.Lost.Count > 0) yield return $"manual acknowledgement lost the orders {Numbers(manual.Lost)}.";
        if (manual.Held.Except(manual.Second.Redelivered).ToList() is { Count: > 0 } unmarked)
            yield return $"the orders {Numbers(unmarked)} came again without being marked as redelivered.";
        if (manual.Second.Redelivered.Count > Prefetch) yield return $"more than {Prefetch} orders were redelivered.";
        if (manual.First.Done.Intersect(manual.Second.Received).ToList() is { Count: > 0 } again)
            yield return $"the acknowledged orders {Numbers(again)} came again.";
    }

    private static string Coloured(string colour, List<int> orders) => orders.Count == 0 ? "none" : $"[{colour}]{Numbers(orders)}[/]";

    /// <summary>How many orders and which: "10 (8-17)".</summary>
    private static string Numbers(List<int> orders)
    {
        if (orders.Count == 0) return "none";
        var runs = new List<(int From, int To)>();
        foreach (var order in orders.Order())
        {
            if (runs.Count > 0 && runs[^1].To == order - 1) runs[^1] = (runs[^1].From, order);
            else runs.Add((order, order));
        }
        return $"{orders.Count} ({string.Join(", ", runs.Select(run => run.From == run.To ? $"{run.From}" : $"{run.From}-{run.To}"))})";
    }

    /// <summary>What became of the orders on one side.</summary>
    private sealed record Outcome(WorkerProcess First, WorkerProcess Second, uint LeftInQueue)
    {
        public List<int> Held => First.Received.Except(First.Done).ToList();

        public List<int> Saved => Held.Intersect(Second.Done).ToList();

        public List<int> Twice => First.Charged.Intersect(Second.Charged).ToList();

        public List<int> Lost => Enumerable.Range(1, Orders).Except(First.Done).Except(Second.Done).ToList();
    }
}
