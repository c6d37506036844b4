using Amqp.Cluster.Membership;
using Amqp.Testing;

namespace Amqp.Cluster.Tests.Membership;

/// <summary>How clusters begin and grow, with the etcd that the nodes run themselves.</summary>
public class FormationTests
{
    [Test]
    public async Task Three_begin_two_join_at_once_a_sixth_does_not_vote_and_all_come_back_in_any_order()
    {
        await using var nodes = await MemberNodes.Begin("one", "two", "three");
        await MemberNodes.SeeEachOther(nodes);
        Assert.That(nodes.Select(node => node.Membership.Epoch), Is.Unique);
        Assert.That(nodes.Select(node => node.Membership.BeginsDefinitions), Has.All.True);

        var (four, five) = (nodes.New("four", seed: nodes[1]), nodes.New("five"));
        five.With(options => options with { Seeds = ["127.0.0.1:1", $"dns:localhost:{nodes[2].Options.Port}"] }); // whatever its name is
        await Task.WhenAll(four.Start(), five.Start());
        await MemberNodes.SeeEachOther(nodes);
        Assert.That(await nodes[0].EtcdMembers(), Has.Count.EqualTo(5).And.All.Matches<Cluster.Etcd.EtcdMember>(member => member is { IsStarted: true, IsLearner: false }));

        var six = nodes.New("six", seed: four);
        await six.Start();
        await MemberNodes.SeeEachOther(nodes);
        Assert.That((six.EtcdProcess, six.Membership.BeginsDefinitions), Is.EqualTo(((int?)null, false)));
        var status = await six.Membership.Status(CancellationToken.None);
        Assert.That(status.Members.Where(member => !member.IsVoter).Select(member => member.Name), Is.EqualTo(new[] { "rabbit@six" }));
        Assert.That((status.EtcdFailure, status.Alarms.Length, nodes.Select(node => node.Name).Contains(status.Leader)), Is.EqualTo(((string?)null, 0, true)));

        var before = nodes.Max(node => node.Membership.Epoch);
        await Task.WhenAll(nodes.Select(node => node.Stop()));
        six.With(options => options with { Seeds = [] }); // it knows the others
        var starts = new List<Task> { six.Start(), five.Start() };
        await Eventually.That(() => five.Log.All, Has.Some.Contains("so start those that do not run: rabbit@").And.Some.Contains("rabbit@two at 127.0.0.1"), Patience.Start);
        starts.AddRange(new[] { four, nodes[2], nodes[1], nodes[0] }.Select(node => node.Start()));
        await Task.WhenAll(starts);
        await MemberNodes.SeeEachOther(nodes);
        Assert.That(nodes.Min(node => node.Membership.Epoch), Is.GreaterThan(before));
    }

    [Test]
    public async Task A_node_alone_begins_a_cluster_that_another_one_joins()
    {
        await using var nodes = await MemberNodes.Begin();
        var one = nodes.New("one");
        var two = nodes.New("two", seed: one);
        var joining = two.Start();
        await Eventually.That(() => two.Log.All, Has.Some.Contains("no seed can take it yet").And.Some.Contains("Connection refused"), Patience.Start);
        await one.Start();
        await joining;
        await MemberNodes.SeeEachOther(nodes);
        Assert.That(await one.EtcdMembers(), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Nodes_that_begin_together_wait_until_all_are_there()
    {
        await using var nodes = await MemberNodes.Begin();
        var (one, two) = (nodes.New("one"), nodes.New("two"));
        foreach (var node in nodes) node.With(options => options with { Bootstrap = [one.Address, two.Address] });
        two.With(options => options with { Bootstrap = [one.Address, two.Address, "rabbit@three=127.0.0.1:1"] });
        using var end = new CancellationTokenSource();
        var starts = new[] { one.Start(end.Token), two.Start(end.Token) };
        await Eventually.That(() => one.Log.All, Has.Some.Contains("rabbit@two has another Cluster:Bootstrap"), Patience.Start);
        await Eventually.That(() => two.Log.All, Has.Some.Contains("rabbit@three"), Patience.Start);
        Assert.That((one.EtcdProcess, two.EtcdProcess), Is.EqualTo(((int?)null, (int?)null)));
        await end.CancelAsync();
        foreach (var start in starts) Assert.That(() => start, Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task One_that_lost_its_disk_comes_back_one_is_forgotten_and_one_leaves()
    {
        await using var nodes = await MemberNodes.Begin("one", "two", "three");
        var (one, two, three) = (nodes[0], nodes[1], nodes[2]);
        await MemberNodes.SeeEachOther(nodes);
        Assert.That(() => one.Membership.Forget("rabbit@two", default), Throws.TypeOf<ClusterException>().With.Message.EqualTo(
            "RabbitMQ on node rabbit@two must be stopped with 'rabbitmqctl -n rabbit@two stop_app' before it can be removed"));
        Assert.That(() => one.Membership.Forget("rabbit@nowhere", default), Throws.TypeOf<ClusterException>().With.Message.EqualTo("The node selected is not in the cluster."));

        // It is still in its own Bootstrap, and must not begin anew with that.
        var (directory, member) = (two.Membership.Directory, (await one.EtcdMembers()).Single(each => each.Name == two.Name).Id);
        await two.Kill();
        two.Wipe();
        await two.Start();
        await MemberNodes.SeeEachOther(nodes);
        Assert.That((two.Membership.Directory, (await one.EtcdMembers()).Single(each => each.Name == two.Name).Id), Is.Not.EqualTo((directory, member)));
        Assert.That(await one.EtcdMembers(), Has.Count.EqualTo(3));

        await three.Stop();
        await Eventually.That(() => one.Running, Has.Count.EqualTo(2));
        await one.Membership.Forget("rabbit@three", default);
        await Eventually.That(() => two.Members, Is.EqualTo(new[] { "rabbit@one", "rabbit@two" }));
        await Eventually.That(() => two.Connected, Is.EqualTo(new[] { "rabbit@one" }));
        Assert.That(await one.EtcdMembers(), Has.Count.EqualTo(2));
        Assert.That(() => three.Start(), Throws.TypeOf<RemovedException>().With.Message.Contains("was removed from its cluster").And.Message.Contains("rabbitmqctl reset"));

        await two.Membership.Leave(default);
        Assert.That((Directory.Exists(two.Options.Folder), two.EtcdProcess), Is.EqualTo((false, (int?)null)));
        await Eventually.That(() => one.Members, Is.EqualTo(new[] { "rabbit@one" }));
        Assert.That(await one.EtcdMembers(), Has.Count.EqualTo(1));
        Assert.That(one.Changes.Select(change => (change.Node, change.Kind)).TakeLast(2), Is.EqualTo(new[] { ("rabbit@two", ClusterChangeKind.Ended), ("rabbit@two", ClusterChangeKind.Left) }));
        await two.Start(); // its Bootstrap still has it, and node three
        await MemberNodes.SeeEachOther(one, two);
        Assert.That(await one.EtcdMembers(), Has.Count.EqualTo(2));
        Assert.That((one.Failure, two.Failure), Is.EqualTo(((Exception?)null, (Exception?)null)));
    }
}
