using System.Diagnostics;
using System.Globalization;
using Amqp.Perf;

namespace Amqp.Bench;

/// <summary>One point of a curve.</summary>
/// <param name="ResidentBytes">The broker's, under the load.</param>
/// <param name="PrepareSeconds">What it took to make what the curve has more and more of; 0 where the load makes it.</param>
internal sealed record Point(double PerSecond, double CpuSecondsPerMillion, long ResidentBytes, double PrepareSeconds = 0)
{
    public static Point Of(LoadResult load, double prepareSeconds = 0) =>
        new(load.ReceivedPerSecond, load.CpuSecondsPerMillion, load.ResidentBytes, prepareSeconds);
}

/// <summary>The same load beside more and more of something.</summary>
/// <param name="Measure">One point; its last argument says how long, in seconds.</param>
internal sealed record Curve(string Name, int[] Sizes, Func<Target, int, int, Point> Measure)
{
    /// <summary>Options of the broker it is measured on; only ours can be.</summary>
    public string[] Options { get; init; } = [];
}

/// <summary>What cost may grow with.</summary>
internal static class Curves
{
    /// <summary>Slow enough for a thousand connections, so that all points do the same work.</summary>
    private const string Steady = "-r 20000";

    private const string Prefix = "curves";

    /// <param name="deepest">Messages in the deepest queue; persistent ones a million at most.</param>
    public static IReadOnlyList<Curve> All(int deepest) =>
    [
        new("queues, one publisher and one consumer going round them", [1, 10, 100, 1_000], (target, size, seconds) =>
            Run(target, seconds, $"-q {size} -s 16 --auto-ack")),
        new("connections, as many publishers as consumers, 20,000 messages/s together", [1, 10, 100, 1_000], (target, size, seconds) =>
            Run(target, seconds, $"-x {size} -y {size} -q {size} -s 16 --auto-ack {Steady}")),
        new("connections, as many publishers as consumers, as fast as it goes", [1, 10, 100, 1_000], (target, size, seconds) =>
            Run(target, seconds, $"-x {size} -y {size} -q {size} -s 16 --auto-ack")),
        new("idle connections beside 20,000 messages/s", [0, 1_000, 5_000], Idle),
        Bindings("topic"),
        Bindings("direct"),
        Bindings("topic") with { Name = "bindings of a topic exchange, ours remembering no routes", Options = ["--Limits:RoutesPerConnection=1"] },
        Bindings("direct") with { Name = "bindings of a direct exchange, ours remembering no routes", Options = ["--Limits:RoutesPerConnection=1"] },
        Depth("transient 100 B", deepest, isPersistent: false, bytes: 100),
        Depth("persistent 1 KiB", Math.Min(deepest, 1_000_000), isPersistent: true, bytes: 1_024),
        Depth("persistent 1 KiB, ours beyond Limits:PageOutBytes of 128000000", Math.Min(deepest, 1_000_000), isPersistent: true, bytes: 1_024)
            with { Options = ["--Limits:PageOutBytes=128000000"] },
        new("requests a second to the management API, beside as fast as it goes", [0, 100, 1_000], Asked)
        {
            Options = ["--Listeners:Management:Enabled=true", "--Listeners:Management:Address=127.0.0.1", "--Listeners:Management:Port=0"],
        },
        new("delayed messages that wait, beside persistent ones of 100 B that wait for 100 ms", [.. ((int[])[0, 10_000, 100_000, 1_000_000]).Where(size => size <= deepest)], Delayed),
    ];

    private static Point Run(Target target, int seconds, FormattableString load)
    {
        var result = Load.Run(target, string.Create(CultureInfo.InvariantCulture, $"{FormattableString.Invariant(load)} -d {seconds} --warm-up 1 --drain 300"));
        return Point.Of(result, result.DeclareSeconds);
    }

    private static Point Asked(Target target, int requests, int seconds)
    {
        using var api = ApiLoad.Start(target.ManagementPort, requests);
        return Run(target, seconds, $"-s 16 --auto-ack");
    }

    /// <summary>Two routing keys in turns. All further bindings are of one queue, with keys that no message has.</summary>
    private static Curve Bindings(string type) => new($"bindings of a {type} exchange", [1, 100, 1_000, 10_000, 100_000], (target, size, seconds) =>
        Run(target, seconds, $"-q 2 --exchange-type {type} --idle-bindings {size} -s 16 --auto-ack"));

    /// <summary>Those that wait are due in an hour.</summary>
    private static Point Delayed(Target target, int size, int seconds)
    {
        const string load = $"--exchange-type x-delayed-message -s 100 --persistent --durable -c 1000 --prefix {Prefix}";
        var took = Stopwatch.StartNew();
        if (size > 0) Load.Run(target, string.Create(CultureInfo.InvariantCulture, $"{load} --delay 3600000 -y 0 -n {size} --keep"));
        var filled = took.Elapsed.TotalSeconds;
        return Run(target, seconds, $"{load} --delay 100 --auto-ack") with { PrepareSeconds = filled };
    }

    private static Point Idle(Target target, int size, int seconds)
    {
        var took = Stopwatch.StartNew();
        var idle = Enumerable.Range(0, size).Select(_ => PerfConnection.Open(target.Address, "amqpbench")).ToList();
        var opened = took.Elapsed.TotalSeconds;
        var point = Run(target, seconds, $"-s 16 --auto-ack {Steady}") with { PrepareSeconds = opened };
        foreach (var connection in idle) connection.Dispose();
        return point;
    }

    /// <summary>Messages enter the queue behind those that lie there, and leave it at the head: acknowledged, and read back where they are not in memory.</summary>
    private static Curve Depth(string what, int deepest, bool isPersistent, int bytes) => new(
        $"depth of a queue, {what}",
        [.. ((int[])[0, 10_000, 100_000, 1_000_000, 10_000_000]).Where(size => size <= deepest)],
        (target, size, seconds) =>
        {
            var messages = size + Circulation.OnTheirWay;
            var options = new PerfOptions { Uri = target.Address, BodySize = bytes, Persistent = isPersistent, Prefix = Prefix };
            var kind = isPersistent ? "--persistent --durable" : "";
            var filled = Load.Run(target, string.Create(CultureInfo.InvariantCulture, $"-y 0 -c 1000 {kind} -s {bytes} -n {messages} --prefix {Prefix} --keep --drain 300"));
            var point = Circulation.Run(target, options, seconds);
            target.DeleteQueue(options.QueueName(0));
            return point with { PrepareSeconds = messages / filled.SentPerSecond };
        });
}
