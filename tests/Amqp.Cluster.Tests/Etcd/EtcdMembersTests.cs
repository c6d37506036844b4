using Amqp.Cluster.Etcd;
using Amqp.Testing;

namespace Amqp.Cluster.Tests.Etcd;

/// <summary>Members that come and go while the others keep what they know.</summary>
public sealed class EtcdMembersTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("etcd-").FullName;

    [SetUp]
    public void SkipWithoutEtcd() => EtcdServers.SkipWithoutEtcd();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task A_fourth_member_joins_and_votes_and_one_is_removed()
    {
        await using var cluster = await Nodes.Start(_folder, "one", "two", "three");
        var one = cluster[0];
        await using var four = await Join(one, EtcdNode.NewPeer("four"));
        var log = new LogLines();
        await cluster[2].Stop();
        await cluster[2].Start(log);
        Assert.That(await one.Members.List(Soon), Has.Count.EqualTo(4).And.All.Matches<EtcdMember>(member => member is { IsStarted: true, IsLearner: false }));
        await four.Members.Remove(await IdOf(one, cluster[2]), Soon);
        Assert.That((await one.Members.List(Soon)).Select(member => member.Name), Is.EquivalentTo(new[] { "rabbit@one", "rabbit@two", "rabbit@four" }));
        await Eventually.That(() => log.All, Has.Some.Contains("The other nodes have removed this one"), Patience.Start);
        await one.Members.Remove(id: 7, Soon); // there is none
        Assert.That((await one.Members.Leader(Soon))!.Id, Is.EqualTo((await four.Members.Leader(Soon))!.Id));
    }

    [Test]
    public async Task A_member_that_has_lost_its_data_comes_back_after_it_was_removed()
    {
        await using var cluster = await Nodes.Start(_folder, "one", "two", "three");
        var (one, lost) = (cluster[0], cluster[2]);
        var before = await IdOf(one, lost);
        await lost.Stop();
        lost.Wipe();
        Assert.That(() => one.Members.AddLearner(lost.Options.Self, Soon), Throws.InvalidOperationException.With.Message.Contains("has to be removed"));
        await one.Members.Remove(before, Soon);
        await using var back = await Join(one, lost.Options.Self);
        Assert.That(await IdOf(one, back), Is.Not.EqualTo(before));
        Assert.That(await back.Client.Get("anything", Soon), Is.Null);
    }

    [TestCase(0, 1, 2)]
    [TestCase(2, 0, 1)]
    public async Task The_order_does_not_matter_in_which_members_are_started_again(params int[] order)
    {
        await using var cluster = await Nodes.Start(_folder, "one", "two", "three");
        foreach (var node in cluster) await node.Stop();
        var starts = new List<Task>();
        foreach (var node in order.Select(index => cluster[index]))
        {
            starts.Add(node.Start());
            await Eventually.That(() => node.ProcessId, Is.Not.Null);
        }
        await Task.WhenAll(starts);
        Assert.That(await cluster[order[0]].Members.List(Soon), Has.Count.EqualTo(3));
    }

    [Test]
    public async Task One_that_was_added_and_does_not_come_is_no_voter_and_keeps_the_next_one_waiting()
    {
        await using var cluster = await Nodes.Start(_folder, "one");
        var (one, absent) = (cluster[0], EtcdNode.NewPeer("absent"));
        var (id, _) = await one.Members.AddLearner(absent, Soon);
        Assert.That((await one.Members.AddLearner(absent, Soon)).Id, Is.EqualTo(id), "asked again, it is the same");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        Assert.That(() => one.Members.Promote(id, patience.Token), Throws.InstanceOf<OperationCanceledException>().With.Message.Contains("in sync with leader"));
        Assert.That(() => one.Members.AddLearner(EtcdNode.NewPeer("next"), patience.Token), Throws.InstanceOf<OperationCanceledException>());
        await one.Members.Remove(id, Soon);
        Assert.That(() => one.Members.Promote(id, Soon), Throws.InvalidOperationException);
        await using var next = await Join(one, EtcdNode.NewPeer("next"));
        Assert.That(await one.Members.List(Soon), Has.Count.EqualTo(2));
    }

    private static CancellationToken Soon => new CancellationTokenSource(Patience.Start).Token;

    private static async Task<ulong> IdOf(EtcdNode at, EtcdNode node) => (await at.Members.List(Soon)).Single(member => member.Name == node.Options.Self.Name).Id;

    private async Task<EtcdNode> Join(EtcdNode at, EtcdPeer self)
    {
        var (id, initial) = await at.Members.AddLearner(self, Soon);
        var joiner = new EtcdNode(EtcdNode.OptionsOf(_folder, self, initial, isNew: false));
        await joiner.Start();
        await at.Members.Promote(id, Soon);
        return joiner;
    }

    /// <summary>Nodes that have made a cluster together.</summary>
    private sealed class Nodes(IEnumerable<EtcdNode> nodes) : List<EtcdNode>(nodes), IAsyncDisposable
    {
        public static async Task<Nodes> Start(string folder, params string[] names)
        {
            var peers = names.Select(EtcdNode.NewPeer).ToList();
            var nodes = new Nodes(peers.Select(peer => new EtcdNode(EtcdNode.OptionsOf(folder, peer, peers, isNew: true))));
            await Task.WhenAll(nodes.Select(node => node.Start()));
            return nodes;
        }

        public async ValueTask DisposeAsync() => await Task.WhenAll(this.Select(node => node.DisposeAsync().AsTask()));
    }
}
