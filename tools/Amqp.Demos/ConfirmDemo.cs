using System.Globalization;
using Spectre.Console;

namespace Amqp.Demos;

/// <summary>What a publisher may believe when its broker crashes: without confirms, with confirms, with transactions.</summary>
internal sealed class ConfirmDemo : OneBrokerDemo
{
    private static readonly TimeSpan Span = TimeSpan.FromSeconds(3);

    public override string Name => "confirm";

    public override string Summary => "what a publisher may believe when its broker crashes: without confirms, with confirms, with tx";

    protected override async Task<bool> Run(BrokerProcess broker, IReadOnlyDictionary<string, int> options, CancellationToken cancel)
    {
        broker.MustBeOurs();
        AnsiConsole.Write(new Rule("[bold]What a publisher may believe[/]").LeftJustified());
        AnsiConsole.MarkupLine(
            $"A publisher sends persistent messages to a durable queue, as fast as it can. After a few seconds the broker is killed " +
            "(SIGKILL) and started again on the same directory. Then everything that is in the queue is counted and held against what " +
            "the publisher believed. Three times: without confirms, with confirms, with transactions.");
        AnsiConsole.WriteLine();

        List<Outcome> outcomes = [];
        foreach (var publisher in (CrashedPublisher[])[new HopefulPublisher("hopeful"), new ConfirmingPublisher("confirmed"), new TransactionalPublisher("tx")])
            outcomes.Add(await Crash(broker, publisher, cancel));
        AnsiConsole.WriteLine();
        Show(outcomes);

        var contradictions = Contradictions(outcomes[0], outcomes[1], outcomes[2]).ToList();
        foreach (var contradiction in contradictions) AnsiConsole.MarkupLineInterpolated($"[red]This contradicts the lesson: {contradiction}[/]");
        return contradictions.Count == 0;
    }

    private static async Task<Outcome> Crash(BrokerProcess broker, CrashedPublisher publisher, CancellationToken cancel)
    {
        await publisher.Run(broker, Span, cancel);
        await broker.Restart(cancel);
        await using var connection = await broker.Connect("count", cancel);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancel);
        var outcome = new Outcome(publisher, publisher.Safe, (await QueueReader.TakeAll(channel, publisher.Queue, cancel)).ToHashSet());
        AnsiConsole.MarkupLineInterpolated(
            CultureInfo.InvariantCulture,
            $"[grey]{publisher.Title,24}[/]  {publisher.HandedOver:N0} handed over, broker killed and restarted, {outcome.Found.Count:N0} in the queue");
        return outcome;
    }

    private static void Show(List<Outcome> outcomes)
    {
        var table = new Table().RoundedBorder().AddColumn("");
        foreach (var outcome in outcomes) table.AddColumn(new TableColumn($"[bold]{outcome.Publisher.Title}[/]").RightAligned());
        void Row(string title, Func<Outcome, int> count, string colour = "default") =>
            table.AddRow([title, .. outcomes.Select(outcome => count(outcome) is var number and > 0 ? $"[{colour}]{number:N0}[/]" : "none")]);

        Row("handed to the client library", outcome => outcome.Publisher.HandedOver);
        Row("believed to be safe", outcome => outcome.Safe.Count);
        Row("in the queue after the crash", outcome => outcome.Found.Count);
        Row("[green]saved[/]: believed, and there", outcome => outcome.Saved, "green");
        Row("[red]lost[/]: believed, and gone", outcome => outcome.Lost, "red");
        Row("[yellow]in doubt[/]: no answer came", outcome => outcome.InDoubt, "yellow");
        Row("  of these there after all", outcome => outcome.InDoubtAndThere, "yellow");
        Row("its speed, messages a second", outcome => (int)outcome.Publisher.Rate);
        AnsiConsole.Write(table);

        AnsiConsole.MarkupLine(
            "[bold]Without confirms[/] the publisher is told nothing. What was in its own buffers, in the sockets, or in the broker's memory " +
            "is [red]lost[/], and it cannot know.");
        AnsiConsole.MarkupLine(
            "[bold]With confirms[/] it goes on publishing, and hears of each message when that is on disk: [green]nothing it believes in is " +
            "lost[/]. What is [yellow]in doubt[/] it sends again, and some of that may then be there twice.");
        AnsiConsole.MarkupLine(
            $"[bold]With tx[/] it believes as safely, and {TransactionalPublisher.Batch} messages are there together or not at all. But it waits for " +
            "every commit, and does nothing meanwhile.");
    }

    private static IEnumerable<string> Contradictions(Outcome hopeful, Outcome confirmed, Outcome transactional)
    {
        if (hopeful.Lost == 0) yield return "nothing was lost without confirms.";
        if (confirmed.Lost > 0) yield return $"{confirmed.Lost} confirmed messages were lost.";
        if (transactional.Lost > 0) yield return $"{transactional.Lost} committed messages were lost.";
        foreach (var outcome in new[] { hopeful, confirmed, transactional }.Where(outcome => outcome.Safe.Count == 0))
            yield return $"{outcome.Publisher.Title}: nothing was believed to be safe.";
        if (transactional.Found.Count % TransactionalPublisher.Batch != 0) yield return "a part of a transaction is there.";
    }

    private sealed record Outcome(CrashedPublisher Publisher, IReadOnlySet<int> Safe, IReadOnlySet<int> Found)
    {
        public int Saved => Safe.Count(Found.Contains);

        public int Lost => Safe.Count - Saved;

        public int InDoubt => Publisher.HandedOver - Safe.Count;

        public int InDoubtAndThere => Found.Count(number => !Safe.Contains(number));
    }
}
