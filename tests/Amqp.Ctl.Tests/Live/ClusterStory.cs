using System.Text.Json;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Three nodes of a cluster, each a process of its own with its own etcd, operated from all of them.</summary>
public sealed class ClusterStory : ClusterFixture
{
    [Test]
    public async Task A_cluster_is_operated_from_any_of_its_nodes_step_by_step()
    {
        await Every_node_says_how_the_cluster_is();
        await Every_node_lists_every_queue_with_the_figures_of_its_leader();
        await Every_node_lists_the_clients_of_all_nodes();
        await A_message_is_followed_over_all_nodes();
        await Clients_of_any_node_are_closed_from_any_other();
        await Limits_count_the_clients_of_all_nodes();
        await A_node_that_does_not_answer_is_named_and_the_others_are_listed();
        await A_drained_node_leads_nothing_that_others_can_lead_until_it_is_revived();
        await Leaders_are_spread_over_the_nodes();
        await A_node_that_is_down_is_forgotten_with_the_queues_that_only_it_has();
        await A_node_that_was_reset_joins_again();
    }

    private async Task Every_node_says_how_the_cluster_is()
    {
        // The first one that came to it has named the cluster, and all go by that.
        var name = (await Json(0, "cluster_status")).GetProperty("cluster_name").GetString();
        Assert.That(name, Is.AnyOf(Names));
        Assert.That((await Do(2, "-s list_global_parameters")).Output, Does.Contain($"cluster_name\t\"{name}\""));
        await Do(0, "set_cluster_name shop");
        await Eventually.That(async () => (await Json(2, "cluster_status")).GetProperty("versions").EnumerateObject().Count(), Is.EqualTo(3));
        var status = await Json(2, "cluster_status");
        Assert.That(status.GetProperty("cluster_name").GetString(), Is.EqualTo("shop"));
        Assert.That(Texts(status.GetProperty("disk_nodes")), Is.EqualTo(Names));
        Assert.That(Texts(status.GetProperty("running_nodes")), Is.EqualTo(Names));
        foreach (var node in Names)
        {
            var listeners = status.GetProperty("listeners").GetProperty(node).EnumerateArray().ToList();
            Assert.That(listeners.Select(listener => listener.GetProperty("protocol").GetString()), Is.EquivalentTo(["amqp", "clustering", "http", "http/prometheus"]));
            Assert.That(listeners.Select(listener => listener.GetProperty("purpose").GetString()), Has.Member("inter-node and CLI tool communication"));
            Assert.That(status.GetProperty("versions").GetProperty(node).GetProperty("rabbitmq_version").GetString(), Is.EqualTo((await Json(0, "status")).GetProperty("product_version").GetString()));
        }
        Assert.That(status.GetProperty("partitions").EnumerateObject(), Is.Empty);
        Assert.That(status.GetProperty("feature_flags").EnumerateArray().Select(flag => flag.GetProperty("state").GetString()), Is.Not.Empty.And.All.EqualTo("enabled"));
        Assert.That((await Do(1, "-s list_feature_flags")).Lines, Has.Member("quorum_queue\tenabled"));
        await Do(1, "enable_feature_flag all");
        Assert.That((await Run(1, "enable_feature_flag khepri_db")).Code, Is.EqualTo(64));
        Assert.That(status.GetProperty("maintenance_status").GetProperty(Names[0]).GetString(), Is.EqualTo("not under maintenance"));
        var text = (await Do(1, "cluster_status")).Output;
        Assert.That(text, Does.StartWith($"Cluster status of node {Names[1]} ...\nBasics\n\nCluster name: shop\nTotal CPU cores").And.Contain("Network Partitions\n\n(none)\n").And.Contain("Flag: quorum_queue, state: enabled")
            .And.Contain($"Node: {Names[2]}, interface: 127.0.0.1, port: {Nodes[2].LinkPort}, protocol: clustering, purpose: inter-node and CLI tool communication").And.Contain("lane: replication, connected, breaker: closed"));

        await using var client = await Client(1);
        Assert.That(System.Text.Encoding.UTF8.GetString((byte[])client.ServerProperties!["cluster_name"]!), Is.EqualTo("shop"));
    }

    private async Task Every_node_lists_every_queue_with_the_figures_of_its_leader()
    {
        await Do(0, """set_policy ha ^m '{"ha-mode":"all"}'""");
        await Publish(1, "m1", count: 3);
        await Publish(0, "plain", count: 2);
        for (var node = 0; node < 3; node++)
        {
            var asked = node;
            await Eventually.That(async () => (await Do(asked, "-s list_queues name messages state policy")).Lines, Is.EqualTo(new[] { "m1\t3\trunning\tha", "plain\t2\trunning\t" }));
        }
        await Eventually.That(async () => (await Do(2, "-s list_queues pid slave_pids synchronised_slave_pids")).Lines[0],
            Does.Match(@"^<n2@127\.0\.0\.1\.\d+\.0\.\d+>\t\[<n[13]@[^>]*>, <n[13]@[^>]*>\]\t\[<n[13]@[^>]*>, <n[13]@[^>]*>\]$"));
        Assert.That((await Do(1, "-s list_queues --local name")).Lines, Is.EqualTo(new[] { "m1" }));
        Assert.That((await Do(0, "sync_queue m1")).Code, Is.Zero);
        Assert.That((await Run(0, "sync_queue plain")).ToString(), Does.StartWith("code 69").And.Contain("not_mirrored"));
        Assert.That((await Run(0, "cancel_sync_queue nothing")).Code, Is.EqualTo(65));
        Assert.That((await Do(1, "-q check_if_node_is_mirror_sync_critical")).Output, Does.Contain("reported no classic mirrored queues without online synchronised mirrors"));
        Assert.That((await Do(1, "-s list_policies_with_classic_queue_mirroring")).Output, Does.StartWith("/\tha\t^m\tall"));
    }

    private async Task Every_node_lists_the_clients_of_all_nodes()
    {
        await using var first = await Client(0);
        await using var third = await Client(2);
        await using var channel = await third.CreateChannelAsync();
        // One is led by its own node, the other by another one.
        await channel.BasicConsumeAsync("plain", autoAck: false, "far", new AsyncEventingBasicConsumer(channel));
        await channel.BasicConsumeAsync("m1", autoAck: false, "near", new AsyncEventingBasicConsumer(channel));
        for (var node = 0; node < 3; node++)
        {
            var connections = (await Do(node, "-s list_connections pid user state")).Lines;
            Assert.That(connections, Has.Length.EqualTo(2).And.One.Matches(@"^<n1@127\.0\.0\.1\.\d+\.\d+\.\d+>\tguest\trunning$").And.One.Matches(@"^<n3@[^>]*>\tguest\trunning$"));
            Assert.That((await Do(node, "-s list_channels pid consumer_count")).Lines, Has.Length.EqualTo(1).And.One.Matches(@"^<n3@[^>]*>\t2$"));
            Assert.That((await Do(node, "-s list_consumers queue_name channel_pid consumer_tag")).Lines,
                Has.Length.EqualTo(2).And.One.Matches(@"^m1\t<n3@[^>]*>\tnear$").And.One.Matches(@"^plain\t<n3@[^>]*>\tfar$"));
        }
    }

    private async Task A_message_is_followed_over_all_nodes()
    {
        await Do(0, """set_policy traced ^traced$ '{"trace":true}'""");
        await Publish(1, "traced", count: 0);
        await using (var publisher = await Client(0))
        await using (var channel = await publisher.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true)))
            await channel.BasicPublishAsync("", "traced", mandatory: true, new BasicProperties { MessageId = "far" }, "x"u8.ToArray());
        await using (var consumer = await Client(2))
        await using (var channel = await consumer.CreateChannelAsync())
            await channel.BasicAckAsync((await channel.BasicGetAsync("traced", autoAck: false))!.DeliveryTag, multiple: false);
        await Eventually.That(async () => (await Json(2, "trace show far"))[0].GetProperty("events").EnumerateArray()
            .Select(each => $"{each.GetProperty("step").GetString()} {each.GetProperty("node").GetString()}"), Is.EquivalentTo((string[])
        [
            $"published {Names[0]}", $"entered {Names[1]}", $"got {Names[2]}", $"acknowledged {Names[1]}",
        ]));
        await Do(0, "clear_policy traced");
        await Do(0, "delete_queue traced");
    }

    private async Task Clients_of_any_node_are_closed_from_any_other()
    {
        await using var first = await Client(0);
        await using var second = await Client(1);
        var third = await Client(2);
        var closed = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        third.ConnectionShutdownAsync += (_, reason) =>
        {
            closed.TrySetResult(reason.ReplyText);
            return Task.CompletedTask;
        };
        var pid = (await Do(0, "-s list_connections pid")).Lines.Single(line => line.StartsWith("<n3@", StringComparison.Ordinal));
        await Do(0, $"close_connection {pid} 'moved elsewhere'");
        Assert.That(await closed.Task.WaitAsync(Patience.Answer), Is.EqualTo("CONNECTION_FORCED - moved elsewhere"));
        Assert.That((await Do(1, "-q close_all_connections --global away")).Output, Is.EqualTo("Closed 1 connections\n"));
        await Eventually.That(() => (first.IsOpen, second.IsOpen), Is.EqualTo((true, false)));
        await Do(2, "close_all_user_connections guest away");
        await Eventually.That(() => first.IsOpen, Is.False);
        await Eventually.That(async () => (await Do(1, "-s list_connections pid")).Lines, Is.Empty);
    }

    private async Task Limits_count_the_clients_of_all_nodes()
    {
        await Do(1, """set_user_limits guest '{"max-connections": 2, "max-channels": 1}'""");
        await using var first = await Client(0);
        await using var channel = await first.CreateChannelAsync();
        await Eventually.That(() => Refusal(1), Does.Contain("number of channels opened for user 'guest' has reached the maximum allowed user limit of (1)"));
        await using (await Client(1)) await Eventually.That(() => Refusal(2), Does.Contain("user connection limit (2) is reached"));
        await channel.CloseAsync();
        await Eventually.That(() => Refusal(2), Is.EqualTo("none"));
        await Do(2, "clear_user_limits guest all");

        async Task<string> Refusal(int node)
        {
            try
            {
                await using var connection = await Client(node);
                await using var another = await connection.CreateChannelAsync();
                return "none";
            }
            catch (Exception refused) when (refused is BrokerUnreachableException or OperationInterruptedException)
            {
                return refused.ToString();
            }
        }
    }

    private async Task A_node_that_does_not_answer_is_named_and_the_others_are_listed()
    {
        await using var first = await Client(0);
        await Nodes[2].Freeze();
        try
        {
            var listed = await Run(1, "-s list_connections pid");
            Assert.That(listed.Code, Is.Zero, listed.ToString());
            Assert.That(listed.Lines, Has.Length.EqualTo(1).And.One.StartsWith("<n1@"));
            Assert.That(listed.Error, Does.StartWith($"Warning: what is on node {Names[2]} is not included: "));
        }
        finally
        {
            await Nodes[2].Thaw();
        }
        await Eventually.That(async () => (await Run(1, "-s list_connections pid")).Error, Is.Empty, Patience.Start);
        await Do(1, "await_online_nodes 3 -t 60");
    }

    private async Task A_drained_node_leads_nothing_that_others_can_lead_until_it_is_revived()
    {
        await Do(1, "drain");
        await Eventually.That(async () => (await Do(2, "-s list_queues name pid")).Lines[0], Does.Not.Contain("<n2@"));
        await Eventually.That(async () => (await Json(0, "cluster_status")).GetProperty("maintenance_status").GetProperty(Names[1]).GetString(), Is.EqualTo("marked for maintenance"));
        Assert.That(async () => await Client(1), Throws.InstanceOf<RabbitMQ.Client.Exceptions.BrokerUnreachableException>());
        Assert.That((await Do(0, "-s list_queues messages")).Lines, Is.EqualTo(new[] { "3", "2" }));
        await Do(1, "revive");
        await using var client = await Client(1);
    }

    private async Task Leaders_are_spread_over_the_nodes()
    {
        for (var queue = 2; queue <= 6; queue++) await Publish(0, $"m{queue}", count: 1);
        // Only copies in sync take over, and those of the new queues may not be that yet.
        await Eventually.That(
            async () => (await Json(2, "rebalance all")).EnumerateArray().Select(node => node.GetProperty("Number of replicated classic queues").GetInt32()).ToArray(), Is.EqualTo(new[] { 2, 2, 2 }), Patience.Start);
    }

    private async Task A_node_that_is_down_is_forgotten_with_the_queues_that_only_it_has()
    {
        Assert.That((await Run(1, $"forget_cluster_node {Names[0]}")).Error, Is.EqualTo($"Error:\nRabbitMQ on node {Names[0]} must be stopped with 'rabbitmqctl -n {Names[0]} stop_app' before it can be removed\n"));
        Assert.That((await Run(1, "forget_cluster_node other@x")).Error, Is.EqualTo("Error:\nThe node selected is not in the cluster.\n"));
        await Do(0, "stop_app");
        await Eventually.That(async () => (await Do(1, "-s list_queues name state")).Lines, Has.Member("plain\tdown"));
        await Do(1, $"forget_cluster_node {Names[0]}");
        await Eventually.That(async () => (await Do(2, "-s list_queues name")).Lines, Is.EqualTo(new[] { "m1", "m2", "m3", "m4", "m5", "m6" }));
        await Eventually.That(async () => (await Json(2, "cluster_status")).GetProperty("disk_nodes").GetArrayLength(), Is.EqualTo(2));
    }

    private async Task A_node_that_was_reset_joins_again()
    {
        Assert.That((await Run(2, "reset")).Code, Is.EqualTo(64), "it runs");
        Assert.That((await Run(2, $"join_cluster {Names[1]}")).Code, Is.EqualTo(70), "it runs");
        await Do(2, "stop_app");
        await Do(2, "reset -t 60");
        await Eventually.That(async () => (await Json(1, "cluster_status")).GetProperty("disk_nodes").GetArrayLength(), Is.EqualTo(1));
        await Do(2, $"join_cluster {Names[1]}");
        await Do(2, "start_app");
        await Do(1, "await_online_nodes 2 -t 30");
        await Eventually.That(async () => (await Do(2, "-s list_queues messages")).Lines, Is.EqualTo(new[] { "3", "1", "1", "1", "1", "1" }));
        await Do(2, "stop_app");
        Assert.That((await Do(2, $"join_cluster {Names[1]}")).Output, Does.Contain("The node is already a member of this cluster"));
        await Do(2, "start_app");
    }
}
