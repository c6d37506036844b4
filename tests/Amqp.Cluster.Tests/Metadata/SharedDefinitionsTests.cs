using AMQP.Net;
using Amqp.Cluster.Etcd;
using Amqp.Cluster.Metadata;
using Amqp.Core.Tests.Topology;
using Amqp.Core.Topology;
using Amqp.Testing;
using Etcdserverpb;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Cluster.Tests.Metadata;

/// <summary>Nodes that share their definitions, and an etcd that fails under them.</summary>
public class SharedDefinitionsTests
{
    [Test]
    public async Task What_one_node_changes_the_others_have_too_and_no_two_have_the_same_epoch()
    {
        await using var servers = await EtcdServers.Start();
        await using var one = await DefinitionsNode.Start(servers);
        await using var two = await DefinitionsNode.Start(servers, begins: false);
        await one.Declare("durable");
        await one.Declare("transient", durable: false);
        await one.Do(new DeclareQueue("/", "exclusive", false, false, true, FieldTable.Empty, new ConnectionId("rabbit@one", one.Epoch, 7)));
        await Eventually.That(() => TopologyText.Of(two.Topology), Is.EqualTo(TopologyText.Of(one.Topology)));
        Assert.That((two.Queues["exclusive"].Owner, two.Epoch), Is.EqualTo((new ConnectionId("rabbit@one", one.Epoch, 7), one.Epoch + 1)));
        await using var three = await DefinitionsNode.Start(servers, begins: false);
        Assert.That(TopologyText.Of(three.Topology), Is.EqualTo(TopologyText.Of(one.Topology)));
    }

    [Test]
    public async Task A_node_that_does_not_begin_the_cluster_waits_for_the_one_that_does()
    {
        await using var servers = await EtcdServers.Start();
        var waits = DefinitionsNode.Start(servers, begins: false);
        await using var begins = await DefinitionsNode.Start(servers);
        await using var waited = await waits;
        Assert.That(TopologyText.Of(waited.Topology), Is.EqualTo(TopologyText.Of(begins.Topology)));
    }

    [Test]
    public async Task Nodes_that_declare_at_the_same_time_lose_nothing_and_agree()
    {
        await using var servers = await EtcdServers.Start();
        await using var one = await DefinitionsNode.Start(servers);
        await using var two = await DefinitionsNode.Start(servers);
        var declared = await Task.WhenAll(Enumerable.Range(0, 400).Select(number => (number % 2 == 0 ? one : two).Declare($"q{number / 3}")));
        Assert.That(declared.Select(result => result.Error), Is.All.Null);
        await Agree(one, two);
        Assert.That(one.Queues, Has.Count.EqualTo(134));
        Assert.That(declared.Select(result => result.Queue!.Id), Is.All.Matches<QueueId>(id => one.Queues.Values.Any(queue => queue.Id == id)), "who declares what is there gets the same queue");
    }

    [Test]
    public async Task One_change_may_be_larger_than_what_etcd_takes_at_a_time()
    {
        await using var servers = await EtcdServers.Start();
        await using var one = await DefinitionsNode.Start(servers);
        await using var two = await DefinitionsNode.Start(servers);
        await one.Do(new Commands([.. Enumerable.Range(0, 20_000).Select(number => new DeclareQueue("/", $"queue number {number}", true, false, false, FieldTable.Empty, null))]));
        await one.Declare("last");
        await Eventually.That(() => two.Queues.Count, Is.EqualTo(20_001), Patience.Start);
        await using var three = await DefinitionsNode.Start(servers);
        Assert.That(three.Queues, Has.Count.EqualTo(20_001));
    }

    [Test]
    public async Task Members_of_etcd_are_killed_one_after_the_other_and_nothing_is_lost()
    {
        await using var servers = await EtcdServers.Start(count: 3);
        await using var one = await DefinitionsNode.Start(servers);
        await using var two = await DefinitionsNode.Start(servers, first: 1);
        var declared = 0;
        using var over = new CancellationTokenSource();
        Task[] declaring = [Declare(one, "a"), Declare(two, "b")];
        for (var round = 0; round < 6; round++)
        {
            await servers.Kill(round % 3);
            var before = Volatile.Read(ref declared);
            await Eventually.That(() => Volatile.Read(ref declared), Is.GreaterThan(before + 100), Patience.Start);
            servers.Begin(round % 3);
        }
        await over.CancelAsync();
        await Task.WhenAll(declaring);
        await Agree(one, two);
        Assert.That(one.Queues, Has.Count.EqualTo(declared));
        await using var three = await DefinitionsNode.Start(servers, first: 2);
        Assert.That(TopologyText.Of(three.Topology), Is.EqualTo(TopologyText.Of(one.Topology)));

        async Task Declare(DefinitionsNode node, string name)
        {
            for (var number = 0; !over.IsCancellationRequested; number++)
            {
                Assert.That((await node.Declare($"{name}{number}")).Error, Is.Null);
                Interlocked.Increment(ref declared);
            }
        }
    }

    [Test]
    public async Task A_member_that_stands_still_is_left_for_another()
    {
        await using var servers = await EtcdServers.Start(count: 3);
        await using var one = await DefinitionsNode.Start(servers);
        await using var two = await DefinitionsNode.Start(servers, first: 1);
        await servers.Signal(0, "STOP");
        await two.Declare("a");
        await Eventually.That(() => one.Queues.Count, Is.EqualTo(1), Patience.Start);
        Assert.That((await one.Declare("b")).Error, Is.Null);
        await servers.Signal(0, "CONT");
        await Agree(one, two);
    }

    [Test]
    public async Task Without_etcd_a_change_is_refused_after_a_while_and_what_comes_of_it_is_told_later()
    {
        await using var servers = await EtcdServers.Start();
        await using var one = await DefinitionsNode.Start(servers, commitMs: 500);
        await one.Declare("before");
        await servers.Kill(0);
        Assert.That((await one.Declare("meanwhile")).Error?.Text, Does.Contain("the metadata store cannot be reached"));
        Assert.That(one.Queues.Keys, Is.EqualTo(new[] { "before" }), "routing goes on by what is known");
        servers.Begin(0);
        await Eventually.True(async () => (await one.Declare("after")).Error is null, Patience.Start);
        await using var two = await DefinitionsNode.Start(servers);
        await Agree(one, two);
    }

    [Test]
    public async Task A_node_that_is_far_behind_takes_no_number_that_a_snapshot_made_free()
    {
        await using var servers = await EtcdServers.Start();
        await using var one = await DefinitionsNode.Start(servers, logBytesMax: 0);
        for (var number = 0; number < 10; number++) await one.Declare($"q{number}");
        using var client = servers.NewClient();
        var log = new DefinitionsLog(client);
        await Eventually.That(Numbers, Is.EqualTo(new long[] { 10 }));
        await log.Propose(3, await log.Prepare(Guid.NewGuid(), [], default), default);
        Assert.That(await Numbers(), Is.EqualTo(new long[] { 10 }));
        await one.Declare("more");
        await using var two = await DefinitionsNode.Start(servers);
        await Agree(one, two);

        async Task<long[]> Numbers() => [.. (await client.List("/amqp/definitions/log/", 0, default)).Values.Select(log.SequenceOf)];
    }

    [Test]
    public async Task Parts_of_changes_that_a_snapshot_has_are_swept()
    {
        await using var servers = await EtcdServers.Start();
        await using var one = await DefinitionsNode.Start(servers, logBytesMax: 0);
        await one.Do(new Commands([.. Enumerable.Range(0, 5_000).Select(number => new DeclareQueue("/", $"queue number {number}", true, false, false, FieldTable.Empty, null))]));
        for (var number = 0; number < 3; number++) await one.Declare($"q{number}");
        using var client = servers.NewClient();
        var snapshot = DefinitionsEntry.Read((await client.Get("/amqp/definitions/snapshot", default))!.Value);
        await Eventually.That(async () => (await client.List("/amqp/definitions/parts/", 0, default)).Values.Count, Is.LessThanOrEqualTo(2 * snapshot.Parts), Patience.Answer);
    }

    [Test]
    public async Task What_etcd_does_not_know_any_more_cannot_be_followed()
    {
        await using var servers = await EtcdServers.Start();
        await using var one = await DefinitionsNode.Start(servers);
        for (var number = 0; number < 5; number++) await one.Declare($"q{number}");
        using var client = servers.NewClient();
        var (revision, _) = await client.List("/amqp/", 0, default);
        using var channel = GrpcChannel.ForAddress(servers.Endpoints[0]);
        await new KV.KVClient(channel).CompactAsync(new CompactionRequest { Revision = revision });
        var watch = new EtcdWatch(client, "/amqp/", from: 2, _ => { }, NullLogger.Instance);
        await Assert.ThatAsync(() => watch.Run(default), Throws.InstanceOf<EtcdCompactedException>());
    }

    private static async Task Agree(DefinitionsNode one, DefinitionsNode two)
    {
        await Eventually.True(() => TopologyText.Of(one.Topology) == TopologyText.Of(two.Topology), Patience.Start);
        Assert.That((one.Failure, two.Failure), Is.EqualTo(((Exception?)null, (Exception?)null)));
    }
}
