using System.Diagnostics;
using System.Globalization;
using Amqp.Perf;
using AMQP.Net;

namespace Amqp.Bench;

/// <summary>One figure of a scenario.</summary>
/// <param name="Aim">How many times better than the other broker it should be.</param>
/// <param name="LessIsBetter">Of times and memory.</param>
/// <param name="PublishesPerWrite">How many publishes its load put into a socket write on average; 0 where that says nothing.</param>
internal sealed record Metric(string Name, double Value, double Aim, bool LessIsBetter = false, double PublishesPerWrite = 0);

/// <summary>A piece of work that is the same for every broker.</summary>
/// <param name="Measure">Does it once; its second argument says how long, in seconds.</param>
internal sealed record Scenario(string Name, Func<Target, int, IEnumerable<Metric>> Measure)
{
    /// <summary>It is part of the short comparison.</summary>
    public bool IsQuick { get; init; }

    /// <summary>Options of a broker that is started for this alone; null: it is done on the one that has done the rest.</summary>
    public string[]? OwnBroker { get; init; }
}

/// <summary>The work that brokers are compared by.</summary>
internal static class Scenarios
{
    private const int ConnectionsOpened = 400;
    private const int IdleConnections = 4_000;
    private const int IdleQueues = 5_000;
    private const int MessagesInFront = 500_000;
    private const int MessagesWeighed = 1_000_000;
    private const string SmallCache = "128000000";

    /// <summary>Measures nothing: a broker that was just started compiles first what it runs often.</summary>
    public static Scenario WarmUp { get; } = new("warm-up", (target, _) =>
    {
        Load.Run(target, "--auto-ack -d 3");
        return [];
    });

    public static IReadOnlyList<Scenario> All { get; } =
    [
        Throughput("transient 16 B, auto-ack", "-s 16 --auto-ack", aim: 5, cpuAim: 10) with { IsQuick = true },
        Throughput("transient 1 KiB, auto-ack", "-s 1024 --auto-ack", aim: 3),
        Throughput("transient 64 KiB, auto-ack", "-s 65536 --auto-ack", aim: 1.3),
        Throughput("transient 1 MiB, auto-ack", "-s 1048576 --auto-ack", aim: 1),
        Throughput("transient 16 B, prefetch 100, ack each", "-s 16 --prefetch 100", aim: 5, cpuAim: 10) with { IsQuick = true },
        Throughput("transient 16 B, prefetch 100, ack every 50", "-s 16 --prefetch 100 --ack-batch 50", aim: 5),
        Throughput("transient 16 B, confirm window 100", "-s 16 -c 100 --auto-ack", aim: 5),
        Throughput("transient 16 B, confirm window 1000", "-s 16 -c 1000 --auto-ack", aim: 6) with { IsQuick = true },
        Throughput("persistent 1 KiB, confirm window 1", "-s 1024 --persistent --durable -c 1 --prefetch 100", aim: 1),
        Throughput("persistent 1 KiB, confirm window 100", "-s 1024 --persistent --durable -c 100 --prefetch 100", aim: 3, cpuAim: 6) with { IsQuick = true },
        Throughput("persistent 1 KiB, confirm window 1000", "-s 1024 --persistent --durable -c 1000 --prefetch 100", aim: 5),
        Throughput("tx, persistent 1 KiB, 1 a commit", "-s 1024 --persistent --durable --tx 1 --prefetch 100", aim: 1),
        Throughput("tx, persistent 1 KiB, 100 a commit", "-s 1024 --persistent --durable --tx 100 --prefetch 100", aim: 3) with { IsQuick = true },
        Throughput("100 publishers, 100 consumers, 100 queues, 16 B", "-x 100 -y 100 -q 100 -s 16 --auto-ack", aim: 5) with { IsQuick = true },
        Throughput("fanout to 10 queues, out, 16 B", "--exchange-type fanout -q 10 -y 10 -s 16 --auto-ack", aim: 4),
        Throughput("topic with 1,000 bindings, 16 B", "--exchange-type topic --idle-bindings 1000 -s 16 --auto-ack", aim: 5),
        Throughput("10 priorities, 16 B, auto-ack", "-s 16 --auto-ack --priorities 10 -a x-max-priority=10", aim: 3),
        Full("queue of at most 1,000, the oldest dropped, 16 B, confirm window 1000", "-s 16 -c 1000 -a x-max-length=1000", aim: 3),
        new("dead letters", DeadLetters),
        new("latency", Latency) { IsQuick = true },
        new("backlog", Backlog),
        Memory("memory of a queued message, transient 100 B", "-s 100", aim: 3.2),
        // What a broker keeps in memory of bodies that are on its disk is a cache, and bounded: this is the cost beyond it.
        Memory($"memory of a queued message, persistent 1 KiB, ours beyond Limits:PageOutBytes of {SmallCache}", "-s 1024 --persistent --durable", aim: 28)
            with { OwnBroker = [$"--Limits:PageOutBytes={SmallCache}"] },
        new("connections", OpenAndClose) { IsQuick = true },
        // On a broker that has done nothing else: one that has keeps room, which idle things would seem to cost nothing in.
        new("idle", Idle) { OwnBroker = [] },
    ];

    private static Scenario Throughput(string name, string load, double aim, double? cpuAim = null) => new(name, (target, seconds) =>
    {
        var result = Load.Run(target, string.Create(CultureInfo.InvariantCulture, $"{load} -d {seconds} --warm-up 1 --drain 300"));
        var rate = new Metric($"{name}, messages/s", result.ReceivedPerSecond, aim, PublishesPerWrite: result.PublishesPerWrite);
        return cpuAim is not { } cpu ? [rate] : [rate, new Metric($"{name}, CPU s a million", result.CpuSecondsPerMillion, cpu, LessIsBetter: true)];
    });

    /// <summary>Nothing consumes.</summary>
    private static Scenario Full(string name, string load, double aim) => new(name, (target, seconds) =>
    {
        var result = Load.Run(target, string.Create(CultureInfo.InvariantCulture, $"{load} -y 0 -d {seconds} --warm-up 1"));
        return [new Metric($"{name}, messages/s", result.SentPerSecond, aim, PublishesPerWrite: result.PublishesPerWrite)];
    });

    /// <summary>Messages that a queue has no room for, from their publishing on until the last is where dead letters go.</summary>
    private static IEnumerable<Metric> DeadLetters(Target target, int seconds)
    {
        var messages = 20_000 * seconds;
        foreach (var (name, what) in ((string, string)[])[("transient 100 B", "-s 100"), ("persistent 1 KiB", "-s 1024 --persistent --durable -c 1000")])
        {
            using var connection = PerfConnection.Open(target.Address, "amqpbench");
            connection.Call<QueueDeclare, QueueDeclareOk>(Dead(isPassive: false));
            var time = Stopwatch.StartNew();
            Load.Run(target, string.Create(CultureInfo.InvariantCulture, $"{what} -y 0 -n {messages} --prefix letters -a x-max-length=0 -a x-dead-letter-exchange= -a x-dead-letter-routing-key=dead --keep"));
            while (connection.Call<QueueDeclare, QueueDeclareOk>(Dead(isPassive: true)).MessageCount < messages) Thread.Sleep(1);
            yield return new Metric($"dead letters, {name}, messages/s", messages / time.Elapsed.TotalSeconds, 3);
            target.DeleteQueue("letters0");
            target.DeleteQueue("dead");
        }

        static QueueDeclare Dead(bool isPassive) => new("dead", isPassive, Durable: true, Exclusive: false, AutoDelete: false, NoWait: false, FieldTable.Empty);
    }

    private static IEnumerable<Metric> Latency(Target target, int seconds)
    {
        // The load compiles itself for seconds at such a rate, and its stops would be the late ones of both brokers.
        var length = string.Create(CultureInfo.InvariantCulture, $"-r 5000 -d {seconds} --warm-up 4");
        var delivery = Load.Run(target, $"-s 100 --auto-ack {length}");
        yield return new Metric("delivery at 5,000/s, transient 100 B, p50 ms", delivery.DeliveryP50Ms!.Value, 2, LessIsBetter: true);
        yield return new Metric("delivery at 5,000/s, transient 100 B, p99 ms", delivery.DeliveryP99Ms!.Value, 2, LessIsBetter: true);
        var confirm = Load.Run(target, $"-s 1024 --persistent --durable -c 1000 --prefetch 100 {length}");
        yield return new Metric("confirm at 5,000/s, persistent 1 KiB, p50 ms", confirm.ConfirmP50Ms!.Value, 1, LessIsBetter: true);
        yield return new Metric("confirm at 5,000/s, persistent 1 KiB, p99 ms", confirm.ConfirmP99Ms!.Value, 1, LessIsBetter: true);
    }

    /// <summary>Messages pile up and are drained; how many goes by the time, a million for 10 s.</summary>
    private static IEnumerable<Metric> Backlog(Target target, int seconds)
    {
        var messages = 100_000 * seconds;
        foreach (var (name, what, durable) in ((string, string, string)[])[("transient 100 B", "-s 100", ""), ("persistent 1 KiB", "-s 1024 --persistent -c 1000", "--durable")])
        {
            var count = string.Create(CultureInfo.InvariantCulture, $"{durable} -n {messages} --prefix backlog --keep --drain 120");
            var published = Load.Run(target, $"{what} -y 0 {count}");
            var drained = Load.Run(target, $"-x 0 --prefetch 1000 --ack-batch 100 {count}");
            yield return new Metric($"backlog of {name}, published/s", published.SentPerSecond, 5, PublishesPerWrite: published.PublishesPerWrite);
            yield return new Metric($"backlog of {name}, drained/s", drained.ReceivedPerSecond, 5);
            target.DeleteQueue("backlog0");
        }
    }

    /// <summary>What one message more costs: the difference between two depths of a queue, or what a broker has by then would count.</summary>
    private static Scenario Memory(string name, string load, double aim) => new(name, (target, _) =>
    {
        var before = Fill(MessagesInFront);
        var each = (double)(Fill(MessagesWeighed) - before) / MessagesWeighed;
        target.DeleteQueue("memory0");
        return [new Metric($"{name}, bytes", Math.Max(1, each), aim, LessIsBetter: true)];

        long Fill(int messages)
        {
            Load.Run(target, string.Create(CultureInfo.InvariantCulture, $"{load} -y 0 -c 1000 -n {messages} --prefix memory --keep --drain 120"));
            return target.SettledBytes();
        }
    })
    {
        OwnBroker = [],
    };

    private static IEnumerable<Metric> OpenAndClose(Target target, int seconds)
    {
        foreach (var clients in (int[])[1, 8])
        {
            var time = Stopwatch.StartNew();
            var threads = Enumerable.Range(0, clients).Select(_ => new Thread(() =>
            {
                for (var opened = 0; opened < ConnectionsOpened; opened++)
                {
                    using var connection = PerfConnection.Open(target.Address, "amqpbench");
                    connection.Close();
                }
            })).ToList();
            foreach (var thread in threads) thread.Start();
            foreach (var thread in threads) thread.Join();
            yield return new Metric($"connections opened and closed by {clients}, /s", clients * ConnectionsOpened / time.Elapsed.TotalSeconds, 4);
        }
    }

    /// <summary>What one more costs, as with messages: the first ones pay for what a broker takes when it first does something.</summary>
    private static IEnumerable<Metric> Idle(Target target, int seconds)
    {
        var connections = new List<PerfConnection>();
        var queues = 0;
        yield return new Metric("idle connection with a channel, bytes", EachOf(IdleConnections, Connect), 6, LessIsBetter: true);
        yield return new Metric("empty durable queue, bytes", EachOf(IdleQueues, Declare), 6, LessIsBetter: true);
        while (queues > 0) connections[0].Call<QueueDelete, QueueDeleteOk>(new QueueDelete(Name(--queues), IfUnused: false, IfEmpty: false, NoWait: false));
        foreach (var connection in connections) connection.Dispose();

        double EachOf(int count, Action add)
        {
            for (var first = 0; first < count; first++) add();
            var before = target.SettledBytes();
            for (var further = 0; further < count; further++) add();
            return (double)(target.SettledBytes() - before) / count;
        }

        void Connect() => connections.Add(PerfConnection.Open(target.Address, "amqpbench"));

        void Declare() => connections[0].Call<QueueDeclare, QueueDeclareOk>(
            new QueueDeclare(Name(queues++), Passive: false, Durable: true, Exclusive: false, AutoDelete: false, NoWait: false, FieldTable.Empty));

        static string Name(int queue) => string.Create(CultureInfo.InvariantCulture, $"amqpbench.{queue}");
    }
}
