using System.Diagnostics;
using System.Globalization;
using Amqp.Failover.Tests.Load;
using Amqp.Failover.Tests.Processes;
using Amqp.Testing;
using Amqp.Testing.Clusters;

namespace Amqp.Failover.Tests;

/// <summary>Each node, with its etcd, is a host of its own, and the network between them fails. Clients reach every node at all times.</summary>
[Ours, NonParallelizable]
public sealed class NetworkFaultTests : FailoverFixture
{
    private const int Some = 300;
    private const int PauseMsMax = 2_000;

    // Clients are on a host of their own too, from which the user guest may not log in by default.
    private protected override Task<ClusterProcesses> StartProcesses() => ClusterProcesses.StartApart(3, "--Security:LoopbackUsers=");

    [TearDown]
    public async Task Mend()
    {
        await Cluster.Network.Mend();
        await Eventually.True(async () => (await Task.WhenAll(Cluster.Nodes.Select(node => node.HearsAll()))).All(hears => hears), ToRecover, "all hear each other");
    }

    [Test]
    public async Task The_leader_is_cut_off_from_the_others()
    {
        var load = await BeginLoad("n1", Mirrored, "n1", "n2", "n3");
        await load.MoreConfirms(Some);
        await Isolate("n1");
        await AnotherLeads("n1");
        var since = Stopwatch.GetTimestamp();
        await load.MoreConfirms(Some);
        await load.MoreDeliveries(Some);
        var said = SaidBy("n1", load, since);
        await Cluster.Network.Mend();
        await load.MoreConfirms(Some);
        var verdict = await Judge(load, copies: 3);
        Assert.That(said, Is.Empty, "confirms and deliveries of a leader that was replaced");
        await RecordGaps(verdict);
    }

    [Test, Category("Long")]
    public async Task A_mirror_is_cut_off_from_the_others()
    {
        var load = await BeginLoad("n1", Mirrored, "n1", "n2", "n3");
        await load.MoreConfirms(Some);
        await Isolate("n3");
        await InSync(2);
        var since = Stopwatch.GetTimestamp();
        await load.MoreConfirms(Some);
        await load.MoreDeliveries(Some);
        var said = SaidBy("n3", load, since);
        await Cluster.Network.Mend();
        await load.MoreConfirms(Some);
        var verdict = await Judge(load, copies: 3);
        Assert.That(said, Is.Empty, "confirms and deliveries on the side without the leader");
        Assert.That((await LeaderOf(Queue)).Name, Is.EqualTo("n1"), "the others noticed nothing");
        await RecordGaps(verdict);
    }

    [Test, Category("Long")]
    public async Task Every_node_is_alone()
    {
        var load = await BeginLoad("n1", Mirrored, "n2");
        await load.MoreConfirms(Some);
        var doubts = Cluster.Nodes.ToDictionary(node => node, Doubts);
        await Isolate("n1");
        await Cluster.Network.Cut(Cluster["n2"], Cluster["n3"]);
        await Eventually.True(() => Cluster.Nodes.All(node => Doubts(node) > doubts[node]), ToRecover, "every node doubts its lease");
        var since = Stopwatch.GetTimestamp();
        await Eventually.Never(() => load.History.Events.Any(each => each.At > since && each.What == What.Confirmed), TimeSpan.FromMilliseconds(PauseMsMax));
        await Cluster.Network.Mend();
        await load.MoreConfirms(Some);
        await RecordGaps(await Judge(load, copies: 3));
    }

    /// <summary>The third node reaches both, so that etcd has a majority whatever happens to the way between the leader and a mirror.</summary>
    [TestCase("n1", "n2")]
    [TestCase("n2", "n1", Category = "Long")]
    public async Task What_a_node_sends_to_another_one_is_lost(string from, string to)
    {
        var load = await BeginLoad("n1", Mirrored, "n1", "n2", "n3");
        await load.MoreConfirms(Some);
        await Cluster.Network.CutOneWay(Cluster[from], Cluster[to]);
        await InSync(2);
        await load.MoreConfirms(Some);
        await Cluster.Network.Mend();
        await load.MoreConfirms(Some);
        await RecordGaps(await Judge(load, copies: 3));
    }

    /// <summary>It hears them, so that it cannot tell by silence that it is not heard; and the other way round.</summary>
    [TestCase(true)]
    [TestCase(false, Category = "Long")]
    public async Task The_leader_is_cut_off_in_one_direction(bool sends)
    {
        var load = await BeginLoad("n2", Mirrored, "n1", "n2", "n3");
        await load.MoreConfirms(Some);
        foreach (var other in new[] { Cluster["n1"], Cluster["n3"] })
        {
            if (sends) await Cluster.Network.CutOneWay(other, Cluster["n2"]);
            else await Cluster.Network.CutOneWay(Cluster["n2"], other);
        }
        await AnotherLeads("n2");
        var since = Stopwatch.GetTimestamp();
        await load.MoreConfirms(Some);
        var said = SaidBy("n2", load, since);
        await Cluster.Network.Mend();
        await load.MoreConfirms(Some);
        var verdict = await Judge(load, copies: 3);
        Assert.That(said, Is.Empty, "confirms and deliveries of a leader that was replaced");
        await RecordGaps(verdict);
    }

    [TestCase(3)]
    [TestCase(100, Category = "Long")]
    public async Task The_leaders_network_comes_and_goes(int rounds)
    {
        var random = new Random(Seed);
        var load = await BeginLoad("n1", Mirrored, "n1", "n2", "n3");
        await load.MoreConfirms(Some);
        for (var round = 0; round < rounds; round++)
        {
            await Isolate((await LeaderOf(Queue)).Name);
            await Pass(random.Next(PauseMsMax));
            await Cluster.Network.Mend();
            await Pass(random.Next(PauseMsMax));
        }
        await load.MoreConfirms(Some);
        await RecordGaps(await Judge(load, copies: 3));
    }

    [TestCase(30, Category = "Long")]
    public async Task Ways_fail_at_random(int rounds)
    {
        var random = new Random(Seed);
        var load = await BeginLoad("n1", Mirrored, "n1", "n2", "n3");
        for (var round = 0; round < rounds; round++)
        {
            await load.MoreConfirms(random.Next(1, Some));
            foreach (var from in Cluster.Nodes)
            {
                foreach (var to in Cluster.Nodes)
                    if (from != to && random.Next(3) == 0) await Cluster.Network.CutOneWay(from, to);
            }
            await Pass(random.Next(5 * PauseMsMax));
            await Cluster.Network.Mend();
            if (random.Next(2) == 0) await InSync(3);
        }
        await load.MoreConfirms(Some);
        await RecordGaps(await Judge(load, copies: 3));
    }

    private async Task Isolate(string name)
    {
        foreach (var other in Cluster.Nodes.Where(node => node.Name != name)) await Cluster.Network.Cut(Cluster[name], other);
    }

    private async Task AnotherLeads(string than)
    {
        var number = await Cluster.NumberOf(Queue);
        await Eventually.True(async () => (await Records.Of(number)).Leader.Node != Cluster[than].FullName, ToRecover, "another node leads");
    }

    private static List<HistoryEvent> SaidBy(string node, ConfirmedLoad load, long since) =>
        [.. load.History.Events.Where(each => each.At > since && each.Node == node && each.What is What.Confirmed or What.Delivered)];

    /// <summary>How long the network is as it is: that is the fault, and nothing is waited for.</summary>
    private static Task Pass(int milliseconds) => Task.Delay(milliseconds);

    private Task RecordGaps(Verdict verdict) => Record(
        string.Join(", ", verdict.Gaps.OrderBy(gap => gap.Key).Select(gap => string.Create(CultureInfo.InvariantCulture, $"n{gap.Key} {gap.Value.TotalSeconds:F1} s"))) + " without a confirm at most");
}
