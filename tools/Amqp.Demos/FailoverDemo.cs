using System.Diagnostics;
using System.Globalization;
using System.Net;
using RabbitMQ.Client.Exceptions;
using Spectre.Console;

namespace Amqp.Demos;

/// <summary>What becomes of a queue when its node is killed: with mirrors on other nodes, and without.</summary>
internal sealed class FailoverDemo : Demo
{
    private const string Mirrored = "orders.mirrored";
    private const string Plain = "orders.plain";
    private const string Policy = """{"ha-mode":"all","ha-min-in-sync":2}""";

    /// <summary>The node that leads both queues, and is killed; and the one that the publishers use.</summary>
    private const int Home = 1;
    private const int Edge = 2;

    private const int Some = 1000;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    public override string Name => "failover";

    public override string Summary => "what becomes of a queue when its node is killed: with mirrors on other nodes, and without";

    public override async Task<bool> Run(IPEndPoint? given, IReadOnlyDictionary<string, int> options, CancellationToken cancel)
    {
        if (given is not null) throw new DemoException("This demo kills a node, so it needs a cluster of its own: leave out --broker.");
        AnsiConsole.Write(new Rule("[bold]What becomes of a queue when its node is killed[/]").LeftJustified());
        AnsiConsole.MarkupLine(
            "Three nodes, n1, n2 and n3, are one cluster. Two durable queues are led by n1: one has a mirror on each other node, the other is on n1 " +
            "alone. Two publishers use n2, one for each queue: they publish persistent messages, count what is confirmed, and send again what is " +
            "refused (basic.nack). Then n1 is killed (SIGKILL).");
        AnsiConsole.WriteLine();

        var begun = Stopwatch.GetTimestamp();
        await using var cluster = await DemoCluster.Start(cancel);
        await cluster[Home].Rabbitmqctl(["set_policy", "ha", $"^{Mirrored}$", Policy], cancel);
        await using (var connection = await cluster[Home].Connect("declares", cancel))
        await using (var channel = await connection.CreateChannelAsync(cancellationToken: cancel))
            foreach (var queue in (string[])[Mirrored, Plain]) await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, cancellationToken: cancel);
        Tell("started", $"three nodes, in {Stopwatch.GetElapsedTime(begun).TotalSeconds:F1} s; rabbitmqctl set_policy ha \"^{Mirrored}$\" '{Policy}'");

        await using var mirroredPublisher = await SteadyPublisher.Begin(cluster[Edge], Mirrored, cancel);
        await using var plainPublisher = await SteadyPublisher.Begin(cluster[Edge], Plain, cancel);
        var (mirrored, plain) = (new Outcome(mirroredPublisher), new Outcome(plainPublisher));
        foreach (var outcome in (Outcome[])[mirrored, plain]) await Until(() => outcome.Publisher.Confirmed >= Some, "confirms of messages", cancel);

        await Kill(cluster, mirrored, plain, cancel);
        await Return(cluster, mirrored, plain, cancel);
        Show(mirrored, plain);

        var contradictions = Contradictions(mirrored, plain).ToList();
        foreach (var contradiction in contradictions) AnsiConsole.MarkupLineInterpolated($"[red]This contradicts the lesson: {contradiction}[/]");
        return contradictions.Count == 0;
    }

    /// <summary>Kills n1, and looks at both queues while it is down.</summary>
    private static async Task Kill(DemoCluster cluster, Outcome mirrored, Outcome plain, CancellationToken cancel)
    {
        foreach (var outcome in (Outcome[])[mirrored, plain]) outcome.Publisher.WatchSilence();
        await cluster[Home].Kill();
        mirrored.Before = mirrored.Publisher.Confirmed;
        Tell("killed", $"n1 is gone; it could say no farewell");

        await Until(() => mirrored.Publisher.Confirmed >= mirrored.Before + Some, $"confirms in {Mirrored} after the kill", cancel);
        mirrored.Silence = mirrored.Publisher.LongestSilence;
        Tell("mirrored", $"no confirm for {mirrored.Silence.TotalSeconds:F1} s, then {Some:N0} more: another node leads, and the publisher was told nothing");
        await Until(() => plain.Publisher.Refusals > 0, $"refusals in {Plain} after the kill", cancel);
        // What n1 had said before its end was on its way until then.
        plain.Before = plain.Publisher.Confirmed;
        Tell("not mirrored", $"no confirm any more: what is published is refused, and the publisher has to try again");

        foreach (var (outcome, queue) in ((Outcome, string)[])[(mirrored, Mirrored), (plain, Plain)])
            await Until(async () => (outcome.Standing = await cluster.Standing(queue, Edge, cancel)) is { State: "down" } or { Leader: not null and not Home }, $"word of {queue} on n2", cancel);
        plain.WhileDown = plain.Publisher.Confirmed - plain.Before;
        mirrored.Believed = await mirrored.Publisher.Finish();
        mirrored.WhileDown = mirrored.Publisher.Confirmed - mirrored.Before;
        (mirrored.FoundWhileDown, _) = await Read(cluster, Mirrored, cancel);
        (plain.FoundWhileDown, plain.Refusal) = await Read(cluster, Plain, cancel);
        Tell("mirrored", $"a consumer on n2 has read the queue to its end: {mirrored.FoundWhileDown!.Count:N0} messages");
        Tell("not mirrored", $"a consumer that asks for the queue gets: {plain.Refusal ?? "the queue"}");
    }

    /// <summary>Starts n1 again, on its directory, and looks at the queue that only it has.</summary>
    private static async Task Return(DemoCluster cluster, Outcome mirrored, Outcome plain, CancellationToken cancel)
    {
        await cluster[Home].Restart(cancel);
        Tell("started", $"n1 again, on the same directory");
        await Until(() => plain.Publisher.Confirmed >= plain.Before + plain.WhileDown + Some, $"confirms in {Plain} after the restart", cancel);
        plain.Silence = plain.Publisher.LongestSilence;
        plain.Believed = await plain.Publisher.Finish();
        (plain.FoundAfter, _) = await Read(cluster, Plain, cancel);
        (mirrored.FoundAfter, _) = await Read(cluster, Mirrored, cancel);
        Tell("not mirrored", $"confirms are back after {plain.Silence.TotalSeconds:F1} s; a consumer on n2 has read the queue to its end: {plain.FoundAfter?.Count ?? 0:N0} messages");
        AnsiConsole.WriteLine();
    }

    /// <summary>Takes all that is in a queue, by n2.</summary>
    /// <returns>The messages, or why there are none.</returns>
    private static async Task<(List<int>? Messages, string? Refusal)> Read(DemoCluster cluster, string queue, CancellationToken cancel)
    {
        await using var connection = await cluster[Edge].Connect($"reader of {queue}", cancel);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancel);
        try
        {
            return (await QueueReader.TakeAll(channel, queue, cancel), null);
        }
        catch (OperationInterruptedException refused)
        {
            return (null, refused.ShutdownReason?.ReplyText);
        }
    }

    private static void Show(Outcome mirrored, Outcome plain)
    {
        var table = new Table().RoundedBorder().AddColumn("").AddColumn(new TableColumn("[bold]mirrored[/]").RightAligned()).AddColumn(new TableColumn("[bold]not mirrored[/]").RightAligned());
        void Row(string title, Func<Outcome, string> say) => table.AddRow(title, say(mirrored), say(plain));

        Row("confirmed before the kill", outcome => Count(outcome.Before));
        Row("confirmed while n1 was down", outcome => Count(outcome.WhileDown));
        Row("refused, and sent again", outcome => Count(outcome.Publisher.Refusals));
        Row("longest time without a confirm", outcome => string.Create(CultureInfo.InvariantCulture, $"{outcome.Silence.TotalSeconds:F1} s"));
        Row("led while n1 was down by", outcome => outcome.Standing?.Leader is { } leader ? string.Create(CultureInfo.InvariantCulture, $"[green]n{leader}[/]") : "[red]no node[/]");
        Row("read while n1 was down", outcome => outcome.FoundWhileDown is { } found ? $"[green]{Count(found.Count)}[/]" : "[red]nothing[/]");
        Row("read after n1 was back", outcome => Count(outcome.FoundAfter?.Count ?? 0));
        Row("[red]lost[/]: confirmed, and never read", outcome => outcome.Lost is var lost and > 0 ? $"[red]{Count(lost)}[/]" : "[green]0[/]");
        Row("[yellow]twice[/]: read more than once", outcome => outcome.Twice is var twice and > 0 ? $"[yellow]{Count(twice)}[/]" : "0");
        AnsiConsole.Write(table);

        AnsiConsole.MarkupLine(
            "[bold]With mirrors[/] a message is confirmed when it is on the disks of the leader and of its mirrors. When the leader's node is gone, a mirror " +
            "that has everything leads: publishers and consumers of other nodes go on, and wait for a moment.");
        AnsiConsole.MarkupLine(
            "[bold]Without mirrors[/] the queue waits for its node: nothing can be written, nothing can be read. When the node is back, [green]everything " +
            "that was confirmed is there[/]. If its disk is gone, the queue is gone. What was on its way when n1 ended is refused, though n1 may have it on its " +
            "disk: sent again, it is there [yellow]twice[/].");

        static string Count(int number) => number == 0 ? "none" : number.ToString("N0", CultureInfo.InvariantCulture);
    }

    private static IEnumerable<string> Contradictions(Outcome mirrored, Outcome plain)
    {
        foreach (var (outcome, queue) in ((Outcome, string)[])[(mirrored, Mirrored), (plain, Plain)])
        {
            if (outcome.Lost > 0) yield return $"{outcome.Lost} confirmed messages of {queue} were lost.";
        }
        if (mirrored.Standing?.Leader is null or Home) yield return $"no other node leads {Mirrored}.";
        if (plain.Standing?.Leader is { } leader) yield return $"n{leader} leads {Plain}, which only n1 has.";
        if (plain.WhileDown > 0) yield return $"{plain.WhileDown} messages of {Plain} were confirmed while its only node was down.";
        if (plain.FoundWhileDown is not null) yield return $"{Plain} could be read while its only node was down.";
    }

    private static void Tell(string what, FormattableString text) =>
        AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[grey]{what,12}[/]  {text.ToString(CultureInfo.InvariantCulture)}");

    private static Task Until(Func<bool> condition, string what, CancellationToken cancel) => Until(() => Task.FromResult(condition()), what, cancel);

    private static async Task Until(Func<Task<bool>> condition, string what, CancellationToken cancel)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(begun) > Limit) throw new DemoException($"Waited for {Limit.TotalSeconds} s in vain: {what}.");
            await Task.Delay(Poll, cancel);
        }
    }

    /// <summary>What became of one of the queues.</summary>
    private sealed class Outcome(SteadyPublisher publisher)
    {
        public SteadyPublisher Publisher => publisher;

        /// <summary>Confirmed until n1 was gone.</summary>
        public int Before { get; set; }

        public int WhileDown { get; set; }

        public TimeSpan Silence { get; set; }

        /// <summary>What n2 said of the queue while n1 was down.</summary>
        public QueueStanding? Standing { get; set; }

        /// <summary>Why nothing could be read while n1 was down.</summary>
        public string? Refusal { get; set; }

        /// <summary>The numbers of all that was confirmed.</summary>
        public IReadOnlySet<int> Believed { get; set; } = new HashSet<int>();

        public List<int>? FoundWhileDown { get; set; }

        public List<int>? FoundAfter { get; set; }

        public int Lost => Believed.Except(Found).Count();

        public int Twice => Found.Count() - Found.Distinct().Count();

        private IEnumerable<int> Found => [.. FoundWhileDown ?? [], .. FoundAfter ?? []];
    }
}
