using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Ctl.Tests.Live;

/// <summary>What operators ask before they stop a node, and what becomes of queues whose leader is stopped or fails while no other copy is in sync.</summary>
public sealed class MirrorStory : ClusterFixture
{
    private const int Unavailable = 69;

    /// <summary>A node takes the time of its start, and a queue that of an election, on a busy machine.</summary>
    private static readonly TimeSpan ToRecover = TimeSpan.FromMinutes(2);

    /// <summary>A test that failed may have left one down.</summary>
    [SetUp]
    public Task StartWhatIsDown() => Task.WhenAll(Nodes.Select(node => node.Start()));

    [Test]
    public async Task A_node_that_alone_has_a_mirrored_queue_is_critical_until_a_mirror_is_in_sync_again()
    {
        await SetPolicy("two", """{"ha-mode":"nodes","ha-params":["n1@127.0.0.1","n2@127.0.0.1"]}""");
        await Publish(0, "two.q", count: 3);
        await InSync("two.q", "n2");
        Assert.That((await Do(0, "check_if_node_is_mirror_sync_critical")).Output,
            Is.EqualTo($"Checking if node {Names[0]} is critical for data safety of any classic mirrored queues ...\nNode {Names[0]} reported no classic mirrored queues without online synchronised mirrors\n"));
        await Do(0, "await_online_synchronized_mirror -t 60");

        await Nodes[1].Stop();
        await Critical("check_if_node_is_mirror_sync_critical", $"Error:\nqueue 'two.q' in vhost '/' would lose its only synchronised replica (master) if node {Names[0]} is stopped\n");
        Assert.That((await Run(2, "check_if_node_is_mirror_sync_critical")).Code, Is.Zero, "another node leads it");
        Assert.That((await Run(0, "await_online_synchronized_mirror -t 10")).ToString(),
            Is.EqualTo($"code {Unavailable}\nWill wait for a synchronised mirror be online for all classic mirrored queues for 10 seconds...\nerror stream:\nError:\ntime is up, no synchronised mirror came online for at least some classic mirrored queues\n"));

        var waiting = Run(0, "await_online_synchronized_mirror -t 50");
        await Nodes[1].Start();
        Assert.That((await waiting).Code, Is.Zero);
        await Do(0, "check_if_node_is_mirror_sync_critical");
        await Delete("two.q");
    }

    [Test]
    public async Task A_node_without_which_a_quorum_queue_has_no_majority_is_critical_until_the_others_are_back()
    {
        await using (var client = await Client(0))
        await using (var channel = await client.CreateChannelAsync())
            await channel.QueueDeclareAsync("quorum.q", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        await Eventually.That(async () => (await Run(0, "check_if_node_is_quorum_critical")).Code, Is.Zero, ToRecover);
        Assert.That((await Do(0, "-q check_if_node_is_quorum_critical")).Output, Is.EqualTo($"Node {Names[0]} reported no queues/streams with minimum quorum\n"));
        await Do(0, "await_online_quorum_plus_one -t 50");

        await Nodes[2].Stop();
        await Critical("check_if_node_is_quorum_critical", $"Error:\nqueue 'quorum.q' in vhost '/' will become unavailable if node {Names[0]} stops\n");
        Assert.That((await Run(0, "await_online_quorum_plus_one -t 10")).ToString(),
            Is.EqualTo($"code {Unavailable}\nWill wait for a quorum + 1 of nodes to be online for all quorum queues and streams for 10 seconds...\nerror stream:\nError:\ntime is up, no quorum + 1 online replicas came online for at least some quorum queues or streams\n"));

        var waiting = Run(0, "await_online_quorum_plus_one -t 50");
        await Nodes[2].Start();
        Assert.That((await waiting).Code, Is.Zero);
        await Delete("quorum.q");
    }

    [Test]
    public async Task Mirrors_that_catch_up_are_seen_at_it_and_the_queue_serves_meanwhile()
    {
        await Publish(0, "sync.q", count: 20_000);
        await SetPolicy("sync", """{"ha-mode":"nodes","ha-params":["n1@127.0.0.1","n2@127.0.0.1"]}""");
        var api = new ControlApi(Nodes[0].Broker);
        await Eventually.That(async () => (await api.Get("queues/%2F/sync.q"))["state"]!.GetValue<string>(), Is.EqualTo("syncing"), ToRecover);
        // It is what happens anyway; cancelling does not stop it.
        await Do(0, "sync_queue sync.q");
        await Do(0, "cancel_sync_queue sync.q");
        await InSync("sync.q", "n2");
        await Eventually.That(async () => (await Do(2, "-s list_queues name state messages")).Lines, Has.Member("sync.q\trunning\t20000"), ToRecover);
        await Delete("sync.q");
    }

    [Test]
    public async Task Of_a_leader_that_fails_alone_the_policy_decides_whether_a_copy_that_lacks_messages_leads()
    {
        await SetPolicy("safe", """{"ha-mode":"nodes","ha-params":["n1@127.0.0.1","n2@127.0.0.1"]}""");
        await SetPolicy("bold", """{"ha-mode":"nodes","ha-params":["n1@127.0.0.1","n2@127.0.0.1"],"ha-promote-on-failure":"always"}""");
        await LeaveOneBehind("safe.q", "bold.q");
        await Nodes[0].Kill();
        await Nodes[1].Start();
        await Eventually.That(async () => (await Do(2, "-s list_queues name state messages")).Lines, Has.Member("bold.q\trunning\t1"), ToRecover);
        Assert.That((await Do(2, "-s list_queues name state")).Lines, Has.Member("safe.q\tdown"));

        await Nodes[0].Start();
        await Eventually.That(async () => (await Do(2, "-s list_queues name state messages")).Lines, Has.Member("safe.q\trunning\t3").And.Member("amq.recovered.bold.q\trunning\t2"), ToRecover);
        await Delete("safe.q", "bold.q", "amq.recovered.bold.q");
    }

    [Test]
    public async Task Of_a_leader_that_is_stopped_alone_the_other_key_decides()
    {
        await SetPolicy("calm", """{"ha-mode":"nodes","ha-params":["n1@127.0.0.1","n2@127.0.0.1"],"ha-promote-on-failure":"always"}""");
        await SetPolicy("keen", """{"ha-mode":"nodes","ha-params":["n1@127.0.0.1","n2@127.0.0.1"],"ha-promote-on-shutdown":"always"}""");
        await LeaveOneBehind("calm.q", "keen.q");
        await Nodes[0].Stop();
        await Nodes[1].Start();
        await Eventually.That(async () => (await Do(2, "-s list_queues name state messages")).Lines, Has.Member("keen.q\trunning\t1"), ToRecover);
        Assert.That((await Do(2, "-s list_queues name state")).Lines, Has.Member("calm.q\tdown"), "it was no failure");

        await Nodes[0].Start();
        await Eventually.That(async () => (await Do(2, "-s list_queues name state messages")).Lines, Has.Member("calm.q\trunning\t3").And.Member("amq.recovered.keen.q\trunning\t2"), ToRecover);
        await Delete("calm.q", "keen.q", "amq.recovered.keen.q");
    }

    /// <summary>Queues led by n1 that have one message on n2 and three on n1, where n2 does not run.</summary>
    private async Task LeaveOneBehind(params string[] queues)
    {
        foreach (var queue in queues)
        {
            await Publish(0, queue, count: 1);
            await InSync(queue, "n2");
        }
        await Nodes[1].Stop();
        foreach (var queue in queues) await Publish(0, queue, count: 2);
        await Eventually.That(async () => (await Do(2, "-s list_queues name messages")).Lines, Is.SupersetOf(queues.Select(queue => $"{queue}\t3")), ToRecover);
    }

    /// <summary>What a test leaves behind would be critical for another one.</summary>
    private async Task Delete(params string[] queues)
    {
        foreach (var queue in queues) await Do(2, $"delete_queue {queue}");
    }

    private async Task SetPolicy(string name, string definition) => await Do(0, $"set_policy {name} ^{name}\\. '{definition}'");

    private Task InSync(string queue, string node) =>
        Eventually.That(async () => (await Do(0, "-s list_queues name synchronised_slave_pids")).Lines, Has.Some.Matches($@"^{System.Text.RegularExpressions.Regex.Escape(queue)}\t\[<{node}@"), ToRecover);

    private async Task Critical(string check, string words)
    {
        await Eventually.That(async () => (await Run(0, check)).Code, Is.EqualTo(Unavailable), ToRecover);
        Assert.That((await Run(0, $"-q {check}")).Error, Is.EqualTo(words));
        Assert.That((await Run(0, $"{check} --formatter json")).ToString(), Does.Contain($"Node {Names[0]} reported local"));
    }
}
