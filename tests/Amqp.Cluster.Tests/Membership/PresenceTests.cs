using System.Diagnostics;
using Amqp.Cluster.Membership;
using Amqp.Testing;
using Etcdserverpb;

namespace Amqp.Cluster.Tests.Membership;

/// <summary>Who runs: leases, links and processes with the same name. On an etcd that is there already, which is the quickest.</summary>
public class PresenceTests
{
    private MemberNodes _nodes = null!;

    private MemberNode One => _nodes[0];

    private MemberNode Two => _nodes[1];

    [SetUp]
    public async Task Start()
    {
        _nodes = await MemberNodes.External("one", "two");
        await MemberNodes.SeeEachOther(_nodes);
    }

    [TearDown]
    public async Task Stop()
    {
        if (_nodes is not null) await _nodes.DisposeAsync();
    }

    [Test]
    public async Task A_process_that_is_killed_is_gone_before_its_lease_ends()
    {
        var epoch = Two.Membership.Epoch;
        var watch = Stopwatch.StartNew();
        await Two.Kill();
        await Eventually.That(() => One.Running, Is.EqualTo(new[] { "rabbit@one" }));
        var took = watch.Elapsed;
        await TestContext.Out.WriteLineAsync($"seen after {took.TotalMilliseconds:F0} ms");
        Assert.That(took, Is.LessThan(NodeLease.TimeToLive / 2));
        await Eventually.That(() => One.Ended, Has.Some.EqualTo(("rabbit@two", epoch)));
        Assert.That(One.Changes.Last(), Is.EqualTo(new ClusterChange("rabbit@two", epoch, ClusterChangeKind.Ended)));
        Assert.That(One.Members, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task A_node_that_was_killed_takes_the_place_of_its_lease_at_once()
    {
        var before = Two.Membership.Epoch;
        await Two.Kill();
        var watch = Stopwatch.StartNew();
        await Two.Start();
        Assert.That(watch.Elapsed, Is.LessThan(NodeLease.TimeToLive));
        Assert.That(Two.Membership.Epoch, Is.GreaterThan(before));
        await MemberNodes.SeeEachOther(_nodes);
        await Eventually.That(() => One.Membership.View.Nodes.Single(node => node.Name == Two.Name).Epoch, Is.EqualTo(Two.Membership.Epoch));
    }

    [Test]
    public async Task A_node_without_a_lease_runs_as_long_as_it_answers_and_may_not_lead_for_long()
    {
        await Two.Membership.StopRenewing();
        await Eventually.That(() => One.Log.All, Has.Some.Contains("The lease of node rabbit@two has ended in etcd, and its process answers"), Patience.Start);
        Assert.That(Two.Doubts, Is.Empty, "its loop stands still; the property does not");
        Assert.That((Two.Membership.LeaseIsInDoubt, One.Membership.LeaseIsInDoubt), Is.EqualTo((true, false)));
        await Eventually.That(() => One.Membership.View.Running.Select(node => node.Name), Is.EqualTo(new[] { "rabbit@one" }), Patience.Start);
        Assert.That(One.Running, Is.EqualTo(new[] { "rabbit@one", "rabbit@two" }));

        // A node that starts meanwhile has no link to it yet, and asks.
        var three = _nodes.New("three");
        await three.Start();
        Assert.That(three.Running, Is.EqualTo(new[] { "rabbit@one", "rabbit@three" }));
        Assert.That(await three.Membership.Unregistered(default), Is.EqualTo(new Dictionary<string, uint> { ["rabbit@two"] = Two.Membership.Epoch }));

        var epoch = Two.Membership.Epoch;
        await Two.Kill();
        await Eventually.That(() => One.Changes, Has.Some.EqualTo(new ClusterChange("rabbit@two", epoch, ClusterChangeKind.Ended)));
        await Eventually.That(() => One.Running, Is.EqualTo(new[] { "rabbit@one", "rabbit@three" }));
    }

    [Test]
    public async Task Nodes_that_all_lose_their_leases_do_not_end_for_each_other_nor_for_themselves()
    {
        var leases = await One.Membership.Client.Once((channel, options) => new Lease.LeaseClient(channel).LeaseLeasesAsync(new LeaseLeasesRequest(), options).ResponseAsync, default);
        foreach (var lease in leases.Leases) await One.Membership.Client.Once((channel, options) => new Lease.LeaseClient(channel).LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease.ID }, options).ResponseAsync, default);
        foreach (var node in _nodes) await Eventually.That(() => node.Log.All.Count(line => line.Contains("has registered anew", StringComparison.Ordinal)), Is.EqualTo(1), Patience.Start);
        foreach (var node in _nodes) Assert.That(node.Changes.Select(change => change.Kind), Has.None.EqualTo(ClusterChangeKind.Ended), node.Name);
        await MemberNodes.SeeEachOther(_nodes);
    }

    [Test]
    public async Task A_second_process_with_the_same_name_does_not_start()
    {
        var twin = _nodes.New("two");
        twin.Options = twin.Options with { Folder = $"{twin.Options.Folder}-twin" };
        Assert.That(() => twin.Start(), Throws.TypeOf<ClusterException>().With.Message.Contains($"A node with the name rabbit@two runs already at 127.0.0.1:{Two.Options.Port}"));
        var again = _nodes.New("two");
        again.Options = Two.Options;
        Assert.That(() => again.Start(), Throws.TypeOf<ClusterException>().With.Message.Contains("Another process has the port of the links"));
        await MemberNodes.SeeEachOther(One, Two);
        Assert.That((One.Failure, Two.Failure), Is.EqualTo(((Exception?)null, (Exception?)null)));
    }

    [Test]
    public async Task A_node_that_stops_in_order_is_gone_at_once_and_may_be_forgotten_and_come_back()
    {
        await Two.Stop();
        await Eventually.That(() => One.Running, Is.EqualTo(new[] { "rabbit@one" }), TimeSpan.FromSeconds(3));
        await One.Membership.Forget("rabbit@two", default);
        await Eventually.That(() => One.Members, Is.EqualTo(new[] { "rabbit@one" }));
        Assert.That(() => Two.Start(), Throws.TypeOf<RemovedException>().With.Message.Contains("was removed"));
        Two.Wipe();
        await Two.Start();
        await MemberNodes.SeeEachOther(_nodes);
    }

    [Test]
    public async Task A_node_that_is_forgotten_while_it_runs_ends()
    {
        await new Registry(One.Membership.Client).Delete("rabbit@two", default);
        await Eventually.That(() => Two.Failure, Is.TypeOf<RemovedException>().With.Message.Contains("was removed from its cluster"));
    }

    [Test]
    public async Task One_leaves_and_the_last_one_leaves()
    {
        await Two.Membership.Leave(default);
        await Eventually.That(() => One.Members, Is.EqualTo(new[] { "rabbit@one" }));
        await One.Membership.Leave(default);
        Assert.That(_nodes.Select(node => Directory.Exists(node.Options.Folder)), Has.All.False);
    }

    [Test]
    public async Task A_node_does_not_leave_when_no_other_one_runs()
    {
        await Two.Kill();
        await Eventually.That(() => One.Running, Is.EqualTo(new[] { "rabbit@one" }));
        Assert.That(() => One.Membership.Leave(default), Throws.TypeOf<ClusterException>().With.Message.EqualTo("You cannot leave a cluster if no online nodes are present."));
    }
}
