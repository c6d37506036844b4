using System.Diagnostics;
using Amqp.Failover.Tests.Load;
using Amqp.Testing;

namespace Amqp.Failover.Tests;

/// <summary>Members of etcd end, or stand still, while the brokers live.</summary>
[Ours, NonParallelizable]
public sealed class EtcdFaultTests : FailoverFixture
{
    private const int Some = 300;
    [Test]
    public async Task Each_member_of_etcd_is_killed_in_turn()
    {
        var load = await BeginLoad("n1", Mirrored, "n2");
        foreach (var node in Cluster.Nodes)
        {
            await load.MoreConfirms(Some);
            // One of the three is etcd's leader.
            await node.KillEtcd();
            await load.MoreConfirms(Some);
            await Eventually.True(() => node.HasEtcd, ToRecover, "etcd is started again");
        }
        await Judge(load, copies: 3);
    }

    /// <param name="seconds">A lease is 5 s.</param>
    [TestCase(5)]
    [TestCase(60, Category = "Long")]
    public async Task All_of_etcd_stands_still_for_longer_than_a_lease(int seconds)
    {
        var load = await BeginLoad("n2", Mirrored, "n1");
        await load.MoreConfirms(Some);
        var owners = await Task.WhenAll(Cluster.Nodes.Select(ExclusiveOwner.At));
        var doubts = Cluster.Nodes.ToDictionary(node => node, Doubts);
        await Task.WhenAll(Cluster.Nodes.Select(node => node.FreezeEtcd()));
        try
        {
            // Without a majority no node can renew its lease; a leader in doubt of its lease confirms nothing.
            await Eventually.True(() => Cluster.Nodes.All(node => Doubts(node) > doubts[node]), ToRecover, "every node doubts its lease");
            var since = Stopwatch.StartNew();
            var confirmed = load.History.Count(What.Confirmed);
            // What was decided before the doubt may still be on its way to a client.
            await Eventually.True(() => load.History.Count(What.Confirmed) == Interlocked.Exchange(ref confirmed, load.History.Count(What.Confirmed)) && since.ElapsedMilliseconds > 1_000, ToRecover);
            await Eventually.Never(() => load.History.Count(What.Confirmed) > confirmed, TimeSpan.FromSeconds(seconds));
        }
        finally
        {
            await Task.WhenAll(Cluster.Nodes.Select(node => node.ThawEtcd()));
        }
        await load.MoreConfirms(Some);
        foreach (var owner in owners)
        {
            // The nodes live, so what ends with a node is there.
            await owner.HearsItself();
            await owner.DisposeAsync();
        }
        Assert.That(Cluster.Nodes.SelectMany(node => node.Broker.Log.Lines), Has.None.Contains(": Ended (epoch"));
        await Judge(load, copies: 3);
    }
}
