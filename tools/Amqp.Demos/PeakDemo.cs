using System.Diagnostics;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Spectre.Console;

namespace Amqp.Demos;

/// <summary>A burst of messages and a consumer that has its own speed: the queue is the buffer between them.</summary>
internal sealed class PeakDemo : OneBrokerDemo
{
    private const int BodyBytes = 100;
    private const ushort Prefetch = 1000;
    private const int AckBatch = 100;
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(1);

    public override string Name => "peak";

    public override string Summary => "a burst of messages, a consumer at its own speed, and the queue between them as a chart";

    public override IReadOnlyList<DemoOption> Options =>
    [
        new("messages", 1_000_000, "how many messages the burst has"),
        new("rate", 25_000, "how many messages a second the consumer works off"),
    ];

    protected override async Task<bool> Run(BrokerProcess broker, IReadOnlyDictionary<string, int> options, CancellationToken cancel)
    {
        var (messages, rate) = (options["messages"], options["rate"]);
        AnsiConsole.Write(new Rule("[bold]The queue as a buffer[/]").LeftJustified());
        AnsiConsole.MarkupLine(
            $"A publisher sends {messages:N0} messages of {BodyBytes} bytes in one burst, as fast as it can: persistent ones, to a durable queue, so " +
            $"that the buffer would even outlive a crash. A consumer works off {rate:N0} a second, never more, with acknowledgements and a " +
            $"prefetch of {Prefetch}. Neither knows of the other.");
        AnsiConsole.WriteLine();

        await using var connection = await broker.Connect("watcher", cancel);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancel);
        var queue = $"peak.{Guid.NewGuid():N}";
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, cancellationToken: cancel);
        try
        {
            var chart = new PeakChart(messages);
            var watch = Stopwatch.StartNew();
            var consuming = Consume(broker, queue, messages, rate, watch, cancel);
            var publishing = Task.Run(() => Publish(broker, queue, messages, watch, cancel), cancel);
            await Watch(channel, queue, chart, watch, Task.WhenAll(consuming, publishing), cancel);
            return Show(chart, messages, rate, await publishing, await consuming);
        }
        finally
        {
            await channel.QueueDeleteAsync(queue, cancellationToken: CancellationToken.None);
        }
    }

    /// <summary>Returns how long it took, up to the broker's last confirm.</summary>
    private static async Task<TimeSpan> Publish(BrokerProcess broker, string queue, int messages, Stopwatch watch, CancellationToken cancel)
    {
        await using var connection = await broker.Connect("burst", cancel);
        await using var channel = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), cancel);
        var confirmed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var confirms = new Confirms();
        channel.BasicAcksAsync += (_, ack) =>
        {
            confirms.Add(ack.DeliveryTag, ack.Multiple);
            if (confirms.Count == messages) confirmed.TrySetResult();
            return Task.CompletedTask;
        };
        var properties = new BasicProperties { Persistent = true };
        for (var number = 1; number <= messages; number++) await channel.BasicPublishAsync("", queue, mandatory: false, properties, QueueReader.Body(number, BodyBytes), cancel);
        await confirmed.Task.WaitAsync(cancel);
        return watch.Elapsed;
    }

    /// <summary>Returns when all messages were worked off, and whether they came in order.</summary>
    private static async Task<(TimeSpan Took, bool InOrder)> Consume(BrokerProcess broker, string queue, int messages, int rate, Stopwatch watch, CancellationToken cancel)
    {
        await using var connection = await broker.Connect("consumer", cancel);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancel);
        await channel.BasicQosAsync(0, Prefetch, global: false, cancel);
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (count, inOrder) = (0, true);
        TimeSpan? began = null;
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            began ??= watch.Elapsed;
            inOrder &= QueueReader.Number(delivery.Body) == ++count;
            if (count % AckBatch != 0 && count < messages) return;
            await channel.BasicAckAsync(delivery.DeliveryTag, multiple: true, cancel);
            // Its work takes time; what it slept too long last time it may make up for.
            var ahead = TimeSpan.FromSeconds((double)count / rate) - (watch.Elapsed - began.Value);
            if (ahead > TimeSpan.Zero) await Task.Delay(ahead, cancel);
            if (count == messages) done.TrySetResult();
        };
        await channel.BasicConsumeAsync(queue, autoAck: false, consumer, cancel);
        await done.Task.WaitAsync(cancel);
        return (watch.Elapsed, inOrder);
    }

    private static async Task Watch(IChannel channel, string queue, PeakChart chart, Stopwatch watch, Task all, CancellationToken cancel)
    {
        async Task Sample() => chart.Add(watch.Elapsed.TotalSeconds, (int)(await channel.QueueDeclarePassiveAsync(queue, cancel)).MessageCount);

        if (Console.IsOutputRedirected)
        {
            do
            {
                await Sample();
                AnsiConsole.WriteLine(chart.Line());
            }
            while (await Task.WhenAny(all, Task.Delay(BetweenLines, cancel)) != all);
            AnsiConsole.WriteLine();
        }
        else
        {
            await AnsiConsole.Live(new Text("")).StartAsync(async live =>
            {
                do
                {
                    await Sample();
                    live.UpdateTarget(new Text($"{chart.Picture()}\n{chart.Line()}"));
                }
                while (await Task.WhenAny(all, Task.Delay(Between, cancel)) != all);
            });
        }
        await all;
    }

    private static bool Show(PeakChart chart, int messages, int rate, TimeSpan published, (TimeSpan Took, bool InOrder) consumed)
    {
        var table = new Table().RoundedBorder().AddColumn("").AddColumn("").HideHeaders();
        table.AddRow("the burst", $"{messages:N0} messages, confirmed after {published.TotalSeconds:F1} s: {messages / published.TotalSeconds:N0} a second");
        table.AddRow("the consumer", $"{messages:N0} messages in {consumed.Took.TotalSeconds:F1} s: {messages / consumed.Took.TotalSeconds:N0} a second");
        table.AddRow("the longest the queue was", $"{chart.Peak:N0} messages");
        AnsiConsole.Write(table);
        AnsiConsole.MarkupLine(
            "[bold]The publisher[/] was done long before the work was, and never waited for the consumer. [bold]The consumer[/] never saw the burst: it " +
            "had its own speed from the first message to the last. [bold]The queue[/] took the difference, and gave it back in order.");

        List<string> contradictions = [];
        if (!consumed.InOrder) contradictions.Add("messages came out of order.");
        if (consumed.Took.TotalSeconds < 0.95 * messages / rate) contradictions.Add("the consumer was faster than it should be.");
        if (published > consumed.Took / 2) contradictions.Add("the publisher took more than half as long as the consumer.");
        foreach (var contradiction in contradictions) AnsiConsole.MarkupLineInterpolated($"[red]This contradicts the lesson: {contradiction}[/]");
        return contradictions.Count == 0;
    }
}
