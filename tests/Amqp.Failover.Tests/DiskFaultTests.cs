using System.Diagnostics;
using Amqp.Failover.Tests.Load;
using Amqp.Failover.Tests.Processes;
using Amqp.Testing;
using Amqp.Testing.Clusters;

namespace Amqp.Failover.Tests;

/// <summary>Disks that are full, and disks that are slow.</summary>
[Ours, NonParallelizable]
public sealed class DiskFaultTests : FailoverFixture
{
    private const int Some = 300;

    /// <summary>Two files of 64 MiB that etcd keeps for itself, or three while it begins another, and as much again for messages.</summary>
    private const int DiskMebibytes = 500;

    /// <summary>So long it stays full: twice the time of a lease, and of <c>ha-max-lag-ms</c>.</summary>
    private const int FullMs = 10_000;

    // What flushes of the two mirrors take longer.
    private const int ShortDelayMs = 50;
    private const int LongDelayMs = 200;

    /// <summary>The disk is not watched, so that it is really filled.</summary>
    private protected override Task<ClusterProcesses> StartProcesses() => ClusterProcesses.Start(3, "--Limits:DiskFreeBytes=0");

    /// <summary>n1 leads. The member of etcd of a node has the same disk.</summary>
    [TestCase("n1", false, Category = "Long")]
    [TestCase("n3", false, Category = "Long")]
    [TestCase("n1", true, Category = "Long")]
    [TestCase("n3", true, Category = "Long")]
    public async Task The_disk_of_a_node_is_full(string name, bool isKilled)
    {
        await using var disk = await SmallDisk.Mount(DiskMebibytes);
        var (node, directory) = (Cluster[name], Path.Combine(disk.Directory, "data"));
        await node.Kill();
        await node.MoveTo(directory);
        try
        {
            await node.Start();
            var load = await BeginLoad("n1", Mirrored, "n2");
            await load.MoreConfirms(Some);
            disk.FillUp();
            await Eventually.True(() => node.Broker.Log.Lines.Any(line => line.Contains("The disk is full", StringComparison.Ordinal)), ToRecover, "the disk is full");
            await Pass(FullMs);
            if (isKilled) await node.Kill();
            disk.MakeRoom();
            if (isKilled) await node.Start();
            await load.MoreConfirms(Some);
            await InSync(3);
            await load.MoreConfirms(Some);
            await Judge(load, copies: 3);
        }
        finally
        {
            await node.Kill(); // its files are open, and the disk is to go
            await node.MoveBack(directory);
        }
        await node.Start();
    }

    [Test]
    public async Task Mirrors_flush_late_and_only_they_start_again_after_all_were_killed()
    {
        var load = await BeginLoad("n1", Mirrored);
        await load.MoreConfirms(Some);
        var since = 0L;
        await using (await Strace.DelayFlushes(Cluster["n2"].Broker, ShortDelayMs))
        await using (await Strace.DelayFlushes(Cluster["n3"].Broker, LongDelayMs))
        {
            since = Stopwatch.GetTimestamp();
            await load.MoreConfirms(2 * Some);
            await Task.WhenAll(Cluster.Nodes.Select(node => node.Kill()));
        }
        var until = Stopwatch.GetTimestamp();
        await Task.WhenAll(Cluster["n2"].Start(), Cluster["n3"].Start());
        await load.MoreConfirms(Some);
        await Cluster["n1"].Start();
        await Judge(load, copies: 3);
        var soonest = ConfirmedAfter(load.History.Events, since, until).Min();
        Assert.That(soonest.TotalMilliseconds, Is.GreaterThanOrEqualTo(ShortDelayMs), "a mirror says that it has a message when it is on its disk");
    }

    /// <summary>How long the disk is full: that is the fault, and nothing is waited for.</summary>
    private static Task Pass(int milliseconds) => Task.Delay(milliseconds);

    /// <summary>How long messages waited for their confirms that were published and confirmed in that time.</summary>
    private static IEnumerable<TimeSpan> ConfirmedAfter(IReadOnlyList<HistoryEvent> history, long since, long until)
    {
        var published = new Dictionary<MessageKey, long>();
        foreach (var each in history.Where(each => each.At > since && each.At < until))
        {
            if (each.What == What.Published) published.TryAdd(each.Message, each.At);
            else if (each.What == What.Confirmed && published.TryGetValue(each.Message, out var at)) yield return Stopwatch.GetElapsedTime(at, each.At);
        }
    }
}
