using System.Diagnostics;
using System.Globalization;
using Amqp.Perf;
using AMQP.Net;

namespace Amqp.Bench;

/// <summary>One figure of a scenario.</summary>
/// <param name="Aim">How many times better than the other broker it should be.</param>
/// <param name="LessIsBetter">Of times and memory.</param>
internal sealed record Metric(string Name, double Value, double Aim, bool LessIsBetter = false);

/// <summary>A piece of work that is the same for every broker.</summary>
/// <param name="Measure">Does it once; its second argument says how long, in seconds.</param>
internal sealed record Scenario(string Name, Func<Target, int, IEnumerable<Metric>> Measure);

/// <summary>The work that brokers are compared by. Publishers put as many publishes into a write as are due, up to 64 KiB.</summary>
internal static class Scenarios
{
    private const int ConnectionsOpened = 400;
    private const int IdleConnections = 500;
    private const int IdleQueues = 5_000;

    public static IReadOnlyList<Scenario> All { get; } =
    [
        Throughput("transient 16 B, auto-ack", "-s 16 --auto-ack", aim: 5, cpuAim: 10),
        Throughput("transient 1 KiB, auto-ack", "-s 1024 --auto-ack", aim: 3),
        Throughput("transient 64 KiB, auto-ack", "-s 65536 --auto-ack", aim: 1.3),
        Throughput("transient 16 B, prefetch 100, ack each", "-s 16 --prefetch 100", aim: 5, cpuAim: 10),
        Throughput("transient 16 B, prefetch 100, ack every 50", "-s 16 --prefetch 100 --ack-batch 50", aim: 5),
        Throughput("transient 16 B, confirm window 100", "-s 16 -c 100 --auto-ack", aim: 5),
        Throughput("transient 16 B, confirm window 1000", "-s 16 -c 1000 --auto-ack", aim: 6),
        Throughput("persistent 1 KiB, confirm window 1", "-s 1024 --persistent --durable -c 1 --prefetch 100", aim: 1),
        Throughput("persistent 1 KiB, confirm window 100", "-s 1024 --persistent --durable -c 100 --prefetch 100", aim: 3, cpuAim: 6),
        Throughput("persistent 1 KiB, confirm window 1000", "-s 1024 --persistent --durable -c 1000 --prefetch 100", aim: 5),
        Throughput("tx, persistent 1 KiB, 1 a commit", "-s 1024 --persistent --durable --tx 1 --prefetch 100", aim: 1),
        Throughput("tx, persistent 1 KiB, 100 a commit", "-s 1024 --persistent --durable --tx 100 --prefetch 100", aim: 3),
        Throughput("100 publishers, 100 consumers, 100 queues, 16 B", "-x 100 -y 100 -q 100 -s 16 --auto-ack", aim: 5),
        Throughput("fanout to 10 queues, out, 16 B", "--exchange-type fanout -q 10 -y 10 -s 16 --auto-ack", aim: 4),
        Throughput("topic with 1,000 bindings, 16 B", "--exchange-type topic --idle-bindings 1000 -s 16 --auto-ack", aim: 5),
        new("latency", Latency),
        new("backlog", Backlog),
        new("connections", OpenAndClose),
        new("idle", Idle),
    ];

    private static Scenario Throughput(string name, string load, double aim, double? cpuAim = null) => new(name, (target, seconds) =>
    {
        var result = Load.Run(target, string.Create(CultureInfo.InvariantCulture, $"{load} -d {seconds} --warm-up 1 --drain 300"));
        var rate = new Metric($"{name}, messages/s", result.ReceivedPerSecond, aim);
        if (cpuAim is not { } cpu) return [rate];
        return [rate, new Metric($"{name}, CPU s a million", result.CpuSecondsPerMillion, cpu, LessIsBetter: true)];
    });

    private static IEnumerable<Metric> Latency(Target target, int seconds)
    {
        var length = string.Create(CultureInfo.InvariantCulture, $"-r 5000 -d {seconds} --warm-up 1");
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
        foreach (var (name, what, aim) in ((string, string, double)[])[("transient 100 B", "-s 100", 3.2), ("persistent 1 KiB", "-s 1024 --persistent --durable -c 1000", 28)])
        {
            var count = string.Create(CultureInfo.InvariantCulture, $"-n {messages} --prefix backlog --keep --drain 120");
            var before = target.ResidentBytes;
            var published = Load.Run(target, $"{what} -y 0 {count}");
            var each = (double)(target.ResidentBytes - before) / messages;
            var durable = what.Contains("--durable", StringComparison.Ordinal) ? "--durable" : "";
            var drained = Load.Run(target, $"-x 0 {durable} --prefetch 1000 --ack-batch 100 {count}");
            yield return new Metric($"backlog of {name}, published/s", published.SentPerSecond, 5);
            yield return new Metric($"backlog of {name}, drained/s", drained.ReceivedPerSecond, 5);
            yield return new Metric($"backlog of {name}, bytes of memory each", Math.Max(1, each), aim, LessIsBetter: true);
            using var connection = PerfConnection.Open(target.Address, "amqpbench");
            connection.Call<QueueDelete, QueueDeleteOk>(new QueueDelete("backlog0", IfUnused: false, IfEmpty: false, NoWait: false));
        }
    }

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

    private static IEnumerable<Metric> Idle(Target target, int seconds)
    {
        var before = Settled(target);
        var connections = Enumerable.Range(0, IdleConnections).Select(_ => PerfConnection.Open(target.Address, "amqpbench")).ToList();
        yield return new Metric("idle connection with a channel, bytes", (double)(Settled(target) - before) / IdleConnections, 6, LessIsBetter: true);
        before = Settled(target);
        var work = connections[0];
        for (var queue = 0; queue < IdleQueues; queue++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"amqpbench.{queue}");
            work.Call<QueueDeclare, QueueDeclareOk>(new QueueDeclare(name, false, Durable: true, false, false, NoWait: false, FieldTable.Empty));
        }
        yield return new Metric("empty durable queue, bytes", (double)(Settled(target) - before) / IdleQueues, 6, LessIsBetter: true);
        for (var queue = 0; queue < IdleQueues; queue++)
            work.Call<QueueDelete, QueueDeleteOk>(new QueueDelete(string.Create(CultureInfo.InvariantCulture, $"amqpbench.{queue}"), false, false, NoWait: false));
        foreach (var connection in connections) connection.Dispose();
    }

    private static long Settled(Target target)
    {
        Thread.Sleep(TimeSpan.FromSeconds(2));
        return target.ResidentBytes;
    }
}
