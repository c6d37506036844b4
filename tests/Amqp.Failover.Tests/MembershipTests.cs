using Amqp.Failover.Tests.Processes;
using Amqp.Testing;
using Amqp.Testing.Clusters;
using RabbitMQ.Client;

namespace Amqp.Failover.Tests;

/// <summary>Nodes that leave their cluster, are removed from it, are alone again, and have another secret.</summary>
[Ours, NonParallelizable]
public sealed class MembershipTests
{
    private const int Some = 50;

    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(2);

    private ClusterProcesses _cluster = null!;
    private RecordsOfQueues? _records;

    private RecordsOfQueues Records => _records ??= new RecordsOfQueues(_cluster);

    private ClusterNode One => _cluster["n1"];

    private ClusterNode Two => _cluster["n2"];

    private ClusterNode Three => _cluster["n3"];

    [TearDown]
    public async Task Stop()
    {
        if (_cluster is null) return;
        if (TestContext.CurrentContext.Result.Outcome.Status == NUnit.Framework.Interfaces.TestStatus.Failed)
        {
            foreach (var node in _cluster.Nodes) await TestContext.Out.WriteLineAsync($"--- {node.Name}\n{string.Join('\n', node.Broker.Log.Lines.TakeLast(60))}");
        }
        _records?.Dispose();
        _records = null;
        await _cluster.DisposeAsync();
    }

    [Test]
    public async Task The_last_node_of_a_cluster_is_alone_again_with_all_that_it_has()
    {
        _cluster = await ClusterProcesses.Start(count: 2);
        await _cluster.SetPolicy("mirrored", new Dictionary<string, object> { ["ha-mode"] = "all" });
        Assert.That((int)(await new ControlApi(One.Broker).Put("users/ada", new { password = "lovelace", tags = "monitoring" })).Status, Is.EqualTo(201));
        await Publish(One, "plain");
        await Publish(Two, "mirrored");
        var number = await _cluster.NumberOf("mirrored");
        await Eventually.That(async () => (await Records.Find(number))?.InSync.Length, Is.EqualTo(2), Soon, "copies in sync");

        // There is another one.
        await One.Stop();
        One.Broker.Give("--Cluster:Mode=none");
        One.Begin();
        Assert.That(await One.Broker.End(Soon), Is.EqualTo(1));
        Assert.That(One.Broker.Log.Lines[^1], Does.Contain("amqpd cannot start: Cluster:Mode is none, and this node, n1@127.0.0.1, is in a cluster with n2@127.0.0.1").And.Contain("forget_cluster_node n2@127.0.0.1"));

        One.Broker.Give("--Cluster:Mode=etcd-managed");
        await One.Start();
        await Eventually.That(async () => (await Records.Find(number))?.InSync.Length, Is.EqualTo(2), Soon, "copies in sync");
        await Two.StopApp();
        await Two.Reset();
        await Eventually.That(async () => (await Records.Find(number))?.Leader.Node, Is.EqualTo(One.FullName), Soon, "the leader");

        // Without a secret, too: the certificates that its etcd had will do.
        await One.Stop();
        One.Broker.Give("--Cluster:Mode=none", "--Cluster:Secret=");
        await One.Start();
        Assert.That(Directory.Exists(Path.Combine(One.Broker.Directory, "etcd")), Is.False);
        await HasAll();

        // As any node that was always alone.
        await One.Kill();
        await One.Start();
        await Publish(One, "new");
        await HasAll();
    }

    [Test]
    public async Task A_node_that_was_removed_stays_for_operators_and_joins_again()
    {
        _cluster = await ClusterProcesses.Start();
        await Publish(Three, "plain");

        // It hears of it while it runs: it stood still, and others have taken it for gone.
        await Three.Freeze();
        await Eventually.That(One.Running, Is.EqualTo(new[] { One.FullName, Two.FullName }), Soon);
        await One.Forget(Three);
        await Three.Thaw();
        await RejoinsAfterRemoval(Three, removals: 1);

        // It finds it out when it starts.
        await Three.Stop();
        await Eventually.That(One.Running, Is.EqualTo(new[] { One.FullName, Two.FullName }), Soon);
        await Two.Forget(Three);
        Three.Begin();
        await RejoinsAfterRemoval(Three, removals: 2);
    }

    [Test]
    public async Task A_node_that_waits_for_others_that_are_gone_can_be_stopped_and_taken_back_to_its_beginning()
    {
        _cluster = await ClusterProcesses.Start();
        await Task.WhenAll(_cluster.Nodes.Select(node => node.Stop()));
        Three.Begin();
        await Eventually.True(() => Three.Broker.Log.Lines.Any(line => line.Contains("its etcd needs a majority", StringComparison.Ordinal)), Soon, "it waits, and says so");
        Assert.That(await Three.HasApp(), Is.False);
        await Three.StopApp();
        await Three.Reset(isForced: true);
        Assert.That(Directory.Exists(Path.Combine(Three.Broker.Directory, "etcd")), Is.False);

        await Task.WhenAll(One.Start(), Two.Start());
        await Eventually.That(One.Running, Is.EqualTo(new[] { One.FullName, Two.FullName }), Soon);
        await Three.Join(One);
        await Three.StartApp();
        await Eventually.That(One.Running, Has.Length.EqualTo(3), Soon);
    }

    [Test]
    public async Task A_node_goes_on_alone_with_what_it_has_when_all_others_are_given_up()
    {
        _cluster = await ClusterProcesses.Start();
        await _cluster.SetPolicy("mirrored", new Dictionary<string, object> { ["ha-mode"] = "all" });
        await Publish(Two, "mirrored");
        await Publish(One, "plain");
        await Publish(Three, "gone");
        var number = await _cluster.NumberOf("mirrored");
        await Eventually.That(async () => (await Records.Find(number))?.InSync.Length, Is.EqualTo(3), Soon, "copies in sync");
        await Task.WhenAll(_cluster.Nodes.Select(node => node.Kill()));

        One.Begin();
        await Eventually.True(() => One.Broker.Log.Lines.Any(line => line.Contains("its etcd needs a majority", StringComparison.Ordinal)), Soon, "it waits, and says so");
        await One.StopApp();
        Assert.That(await One.GiveUp(Two), Is.EqualTo(new[] { Three.FullName }));
        Assert.That(await One.GiveUp(Three), Is.Empty);
        await One.StartApp();
        Assert.That(await One.Running(), Is.EqualTo(new[] { One.FullName }));
        await Publish(One, "mirrored");
        Assert.That(await CountOf(One, "mirrored"), Is.EqualTo(2 * Some));
        Assert.That(await CountOf(One, "plain"), Is.EqualTo(Some));
        Assert.That((await new ControlApi(One.Broker).List("queues")).Select(queue => queue["name"]!.GetValue<string>()), Has.None.EqualTo("gone"));

        // It is a cluster as any other: it is started again, and others join it.
        await One.Kill();
        await One.Start();
        Two.Wipe();
        await Two.Start();
        await Eventually.That(One.Running, Is.EqualTo(new[] { One.FullName, Two.FullName }), Soon);
    }

    [Test]
    public async Task A_node_with_another_secret_waits_and_says_so_and_a_new_one_on_all_nodes_counts_after_a_restart_of_all()
    {
        _cluster = await ClusterProcesses.Start();
        await Publish(One, "plain");
        await Three.Stop();
        Three.Broker.Give("--Cluster:Secret=another one than the others have");
        Three.Begin();
        await Eventually.True(() => Three.Broker.Log.Lines.Any(line => line.Contains("Cluster:Secret", StringComparison.Ordinal)), Soon, "it says what is wrong");
        await Eventually.True(() => One.Broker.Log.Lines.Any(line => line.Contains("Cluster:Secret", StringComparison.Ordinal)), Soon, "the others say it, too");
        await Publish(Two, "meanwhile");
        Assert.That(Three.Broker.HasExited, Is.False);

        await Three.StopApp();
        await Task.WhenAll(_cluster.Nodes.Select(node => node.Stop()));
        foreach (var node in _cluster.Nodes) node.Broker.Give("--Cluster:Secret=a new one that all the nodes have");
        await _cluster.StartAll();
        foreach (var node in _cluster.Nodes) await Eventually.That(node.Running, Has.Length.EqualTo(3), Soon);
        Assert.That(await CountOf(Three, "plain"), Is.EqualTo(Some));
    }

    private async Task RejoinsAfterRemoval(ClusterNode node, int removals)
    {
        await Eventually.That(() => node.Broker.Log.Lines.Count(line => line.Contains("Its app is stopped, and the process stays", StringComparison.Ordinal)), Is.EqualTo(removals), Soon);
        await Eventually.That(node.HasApp, Is.False, Soon);
        var start = await new ControlApi(node.Broker).Put($"nodes/{node.FullName}/app", new { running = true });
        Assert.That(start.Json?.ToJsonString(), Does.Contain("was removed from its cluster"));
        await node.Reset();
        await node.Join(One);
        await node.StartApp();
        await Eventually.That(One.Running, Has.Length.EqualTo(3), Soon);
    }

    private async Task HasAll()
    {
        Assert.That(await CountOf(One, "plain"), Is.EqualTo(Some));
        Assert.That(await CountOf(One, "mirrored"), Is.EqualTo(Some));
        var api = new ControlApi(One.Broker);
        Assert.That((await api.List("users")).Select(user => user["name"]!.GetValue<string>()), Has.Member("ada").And.Member("guest"));
        Assert.That((await api.List("policies")).Select(policy => policy["name"]!.GetValue<string>()), Is.EqualTo(new[] { "mirrored" }));
        Assert.That(await One.Running(), Is.EqualTo(new[] { One.FullName }));
    }

    private static async Task Publish(ClusterNode node, string queue)
    {
        await using var connection = await Connect(node);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        for (var message = 0; message < Some; message++) await channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties { Persistent = true }, "x"u8.ToArray());
    }

    /// <summary>Messages that a client gets out of a queue; they return to it.</summary>
    private static async Task<int> CountOf(ClusterNode node, string queue)
    {
        await using var connection = await Connect(node);
        await using var channel = await connection.CreateChannelAsync();
        var count = 0;
        while (await channel.BasicGetAsync(queue, autoAck: false) is not null) count++;
        return count;
    }

    private static Task<IConnection> Connect(ClusterNode node) => new ConnectionFactory { HostName = "127.0.0.1", Port = node.Port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
}
