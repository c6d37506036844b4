using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AMQP.Net;
using Amqp.Perf;

namespace Amqp.Bench;

/// <summary>The work that clusters of three nodes are compared by: all mirrored queues are on all three, led by the first.</summary>
internal static class ClusterScenarios
{
    private const string Mirrored = "mirrored";
    private const string Growing = "growing";

    /// <summary>Publishes a second while a queue gets its mirrors: few enough for either broker.</summary>
    private const int RateMeanwhile = 1_000;

    public static IReadOnlyList<Scenario> All { get; } =
    [
        Confirmed("persistent 1 KiB, confirm window 100", "-s 1024 --persistent --durable -c 100", node: 0) with { IsQuick = true },
        Confirmed("persistent 1 KiB, confirm window 1000", "-s 1024 --persistent --durable -c 1000", node: 0) with { IsQuick = true },
        Confirmed("persistent 1 KiB, confirm window 1000, through another node", "-s 1024 --persistent --durable -c 1000", node: 1) with { IsQuick = true },
        Confirmed("transient 16 B, confirm window 100", "-s 16 -c 100", node: 0),
        Confirmed("transient 16 B, confirm window 1000", "-s 16 -c 1000", node: 0),
        new("a queue gets a mirror", NewMirror),
    ];

    /// <summary>Before all others: which queues have mirrors.</summary>
    public static void Prepare(Target target) => target.Control!(["set_policy", Mirrored, $"^{Mirrored}", """{"ha-mode":"all"}"""]);

    /// <summary>Published to a queue with two mirrors; nothing consumes.</summary>
    /// <param name="node">That publishes.</param>
    private static Scenario Confirmed(string name, string load, int node) => new(name, (target, seconds) =>
    {
        // The queue is where it is declared.
        var durable = load.Contains("--durable", StringComparison.Ordinal) ? "--durable" : "";
        Load.Run(target, $"--prefix {Mirrored} --keep -y 0 -n 1 {durable}");
        var publishing = node == 0 ? target : target with { Uri = target.OtherNodes[node - 1] };
        var result = Load.Run(publishing, string.Create(CultureInfo.InvariantCulture, $"{load} --prefix {Mirrored} --keep -y 0 -d {seconds} --warm-up 1"));
        target.DeleteQueue($"{Mirrored}0");
        return [new Metric($"{name}, messages/s", result.SentPerSecond, Aim: 5, PublishesPerWrite: result.PublishesPerWrite)];
    });

    /// <summary>A queue of many messages gets a mirror while a client publishes to it: a million for 5 s.</summary>
    private static IEnumerable<Metric> NewMirror(Target target, int seconds)
    {
        var messages = 200_000 * seconds;
        Load.Run(target, string.Create(CultureInfo.InvariantCulture, $"-s 100 --persistent --durable -c 1000 -y 0 -n {messages} --prefix {Growing} --keep --drain 120"));
        using var publishing = BrokerProcess.Begin("amqpperf", ["--uri", target.Uri, .. string.Create(
            CultureInfo.InvariantCulture, $"-s 100 --persistent --durable -c 1000 -y 0 -r {RateMeanwhile} -d {4 * seconds} --drain 120 --prefix {Growing} --keep --json").Split(' ')]);
        publishing.ErrorDataReceived += (_, _) => { };
        publishing.BeginErrorReadLine();
        using (var connection = PerfConnection.Open(target.Address, "amqpbench"))
        {
            while (connection.Call<QueueDeclare, QueueDeclareOk>(Existing($"{Growing}0")).MessageCount < messages + RateMeanwhile) Thread.Sleep(10);
        }
        var time = Stopwatch.StartNew();
        target.Control!(["set_policy", Growing, $"^{Growing}", """{"ha-mode":"exactly","ha-params":2,"ha-sync-mode":"automatic"}"""]);
        while (!IsInSync(target.Control(["list_queues", "-q", "--no-table-headers", "name", "synchronised_slave_pids"]))) Thread.Sleep(250);
        var copied = time.Elapsed;
        using var report = JsonDocument.Parse(publishing.StandardOutput.ReadToEnd());
        target.Control(["clear_policy", Growing]);
        target.DeleteQueue($"{Growing}0");
        var longest = report.RootElement.GetProperty("confirmLatencyMs").GetProperty("max").GetDouble();
        yield return new Metric("a queue gets a mirror, longest confirm meanwhile, ms", longest, Aim: 50, LessIsBetter: true);
        yield return new Metric("a queue gets a mirror, messages copied/s", messages / copied.TotalSeconds, Aim: 3);

        static bool IsInSync(string queues) => queues.Split('\n').Any(line => line.StartsWith(Growing, StringComparison.Ordinal) && line.Contains('<', StringComparison.Ordinal));

        static QueueDeclare Existing(string name) => new(name, Passive: true, Durable: true, Exclusive: false, AutoDelete: false, NoWait: false, FieldTable.Empty);
    }
}
