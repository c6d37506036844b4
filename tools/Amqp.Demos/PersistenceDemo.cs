using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Spectre.Console;

namespace Amqp.Demos;

/// <summary>What is still there after a crash: transient and persistent messages, in durable and other queues.</summary>
internal sealed class PersistenceDemo : OneBrokerDemo
{
    private const int Messages = 10;
    private const int NotFound = 404;

    public override string Name => "persistence";

    public override string Summary => "what survives a crash: transient and persistent messages, durable and non-durable queues";

    protected override async Task<bool> Run(BrokerProcess broker, IReadOnlyDictionary<string, int> options, CancellationToken cancel)
    {
        broker.MustBeOurs();
        AnsiConsole.Write(new Rule("[bold]What survives a crash[/]").LeftJustified());
        AnsiConsole.MarkupLine(
            $"Four queues, {Messages} messages in each, all confirmed. A queue is durable or not: that is said when it is declared. A message " +
            "is persistent or transient: that is said when it is published. Then the broker is killed (SIGKILL) and started again on the " +
            "same directory.");
        AnsiConsole.WriteLine();

        Case[] cases = [new(true, true), new(true, false), new(false, true), new(false, false)];
        await using (var connection = await broker.Connect("before", cancel))
        {
            foreach (var one in cases) await Fill(connection, one, cancel);
            foreach (var one in cases) one.Before = await Look(connection, one, cancel);
            await broker.Kill();
        }
        AnsiConsole.MarkupLine("[grey]killed[/]   the broker's process is gone; it could say no farewell");
        await broker.Restart(cancel);
        AnsiConsole.MarkupLine("[grey]started[/]  on the same directory");
        AnsiConsole.WriteLine();
        await using (var connection = await broker.Connect("after", cancel))
            foreach (var one in cases) one.After = await Look(connection, one, cancel);
        Show(cases);

        var contradictions = cases.SelectMany(Contradictions).ToList();
        foreach (var contradiction in contradictions) AnsiConsole.MarkupLineInterpolated($"[red]This contradicts the lesson: {contradiction}[/]");
        return contradictions.Count == 0;
    }

    private static async Task Fill(IConnection connection, Case one, CancellationToken cancel)
    {
        await using var channel = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), cancel);
        await channel.QueueDeclareAsync(one.Queue, one.Durable, exclusive: false, autoDelete: false, cancellationToken: cancel);
        for (var number = 1; number <= Messages; number++)
            await channel.BasicPublishAsync("", one.Queue, mandatory: true, new BasicProperties { Persistent = one.Persistent }, QueueReader.Body(number), cancel);
    }

    /// <summary>How many messages the queue has; null: there is no such queue.</summary>
    private static async Task<int?> Look(IConnection connection, Case one, CancellationToken cancel)
    {
        // A queue that is not there costs the channel.
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancel);
        try
        {
            return (int)(await channel.QueueDeclarePassiveAsync(one.Queue, cancel)).MessageCount;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode == NotFound)
        {
            return null;
        }
    }

    private static void Show(Case[] cases)
    {
        var table = new Table().RoundedBorder()
            .AddColumn("[bold]queue[/]").AddColumn("[bold]messages[/]").AddColumn("[bold]before[/]").AddColumn("[bold]after the crash[/]");
        foreach (var one in cases)
        {
            var after = one.After switch
            {
                null => "[red]the queue is gone, and its messages with it[/]",
                0 => "[red]the queue is there, and empty[/]",
                Messages => $"[green]{Messages} messages[/]",
                _ => $"[red]{one.After} messages[/]",
            };
            table.AddRow(one.Durable ? "durable" : "not durable", one.Persistent ? "persistent" : "transient", $"{one.Before} messages", after);
        }
        AnsiConsole.Write(table);
        AnsiConsole.MarkupLine(
            "[bold]It takes both:[/] a durable queue keeps its place on the disk, and a persistent message is written into it. Neither helps " +
            "without the other. What may be gone after a crash anyway is cheaper as a transient message: the disk has nothing to do with it.");
    }

    private static IEnumerable<string> Contradictions(Case one)
    {
        if (one.Before != Messages) yield return $"{one.Queue} had {one.Before} messages before the crash.";
        int? expected = one switch
        {
            { Durable: false } => null,
            { Persistent: true } => Messages,
            _ => 0,
        };
        if (one.After != expected) yield return $"{one.Queue}: {(one.After is { } after ? $"{after} messages" : "vanished")} after the crash.";
    }

    private sealed record Case(bool Durable, bool Persistent)
    {
        public string Queue => $"{(Durable ? "durable" : "non-durable")}.{(Persistent ? "persistent" : "transient")}";

        public int? Before { get; set; }

        public int? After { get; set; }
    }
}
