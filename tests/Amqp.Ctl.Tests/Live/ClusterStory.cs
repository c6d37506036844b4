using System.Text.Json;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Three nodes of a cluster, each a process of its own with its own etcd, operated from all of them.</summary>
[Category("cluster")]
public sealed class ClusterStory
{
    private static readonly string[] Names = ["n1@127.0.0.1", "n2@127.0.0.1", "n3@127.0.0.1"];

    private TestBroker[] _nodes = [];

    [OneTimeSetUp]
    public async Task StartNodes()
    {
        var etcd = Repository.PathOf("tests", ".tools", "etcd", "usr", "bin", "etcd");
        if (!File.Exists(etcd)) Assert.Ignore("etcd is not on this machine: tools/scripts/install-etcd.sh");
        // Each node has the port for the others, and the two behind it for its etcd.
        int[] ports = [PortsInARow(), PortsInARow(), PortsInARow()];
        var together = string.Join(',', Names.Zip(ports, (name, port) => FormattableString.Invariant($"{name}=127.0.0.1:{port}")));
        _nodes = await Task.WhenAll(Names.Zip(ports, (name, port) => TestBroker.Start(
            $"--Node:Name={name}", "--Cluster:Mode=etcd-managed", "--Cluster:Address=127.0.0.1", FormattableString.Invariant($"--Cluster:Port={port}"),
            $"--Cluster:Bootstrap:0={together}", $"--Cluster:EtcdProgram={etcd}", "--Cluster:Secret=known to these three only")));
        foreach (var node in _nodes.Index()) await Do(node.Index, "await_online_nodes 3 -t 30");
    }

    [OneTimeTearDown]
    public async Task StopNodes()
    {
        foreach (var node in _nodes) await node.DisposeAsync();
    }

    [Test]
    public async Task A_cluster_is_operated_from_any_of_its_nodes_step_by_step()
    {
        await Every_node_says_how_the_cluster_is();
        await Every_node_lists_every_queue_with_the_figures_of_its_leader();
        await A_drained_node_leads_nothing_that_others_can_lead_until_it_is_revived();
        await Leaders_are_spread_over_the_nodes();
        await A_node_that_is_down_is_forgotten_with_the_queues_that_only_it_has();
        await A_node_that_was_reset_joins_again();
    }

    private async Task Every_node_says_how_the_cluster_is()
    {
        await Do(0, "set_cluster_name shop");
        await Eventually.That(async () => (await Json(2, "cluster_status")).GetProperty("versions").EnumerateObject().Count(), Is.EqualTo(3));
        var status = await Json(2, "cluster_status");
        Assert.That(status.GetProperty("cluster_name").GetString(), Is.EqualTo("shop"));
        Assert.That(Texts(status.GetProperty("disk_nodes")), Is.EqualTo(Names));
        Assert.That(Texts(status.GetProperty("running_nodes")), Is.EqualTo(Names));
        Assert.That(status.GetProperty("maintenance_status").GetProperty(Names[0]).GetString(), Is.EqualTo("not under maintenance"));
        var text = (await Do(1, "cluster_status")).Output;
        Assert.That(text, Does.StartWith($"Cluster status of node {Names[1]} ...\nBasics\n\nCluster name: shop\nTotal CPU cores").And.Contain("Network Partitions\n\n(none)\n").And.Contain("lane: replication, connected, breaker: closed"));

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
        var spread = await Json(2, "rebalance all");
        Assert.That(spread.EnumerateArray().Select(node => node.GetProperty("Number of replicated classic queues").GetInt32()), Is.EqualTo(new[] { 2, 2, 2 }));
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

    private static string[] Texts(JsonElement list) => [.. list.EnumerateArray().Select(item => item.GetString()!)];

    /// <summary>Three free ports behind each other.</summary>
    private static int PortsInARow()
    {
        while (true)
        {
            var first = Ports.Free();
            if (first is > 20_000 and < 65_000 && IsFree(first + 1) && IsFree(first + 2)) return first;
        }

        static bool IsFree(int port)
        {
            try
            {
                using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, port);
                listener.Start();
                return true;
            }
            catch (System.Net.Sockets.SocketException)
            {
                return false;
            }
        }
    }

    private Task<ToolResult> Run(int node, string line) => Tool.Run(Tool.Rabbitmqctl, Tool.Words(line), environment: Tool.BrokerIn(_nodes[node].Directory));

    private async Task<ToolResult> Do(int node, string line)
    {
        var result = await Run(node, line);
        Assert.That((result.Code, result.Error), Is.EqualTo((0, "")), $"{Names[node]} {line}: {result}");
        return result;
    }

    private async Task<JsonElement> Json(int node, string line) => JsonElement.Parse((await Do(node, $"{line} --formatter json")).Output);

    private Task<IConnection> Client(int node) =>
        new ConnectionFactory { HostName = "127.0.0.1", Port = _nodes[node].Port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();

    private async Task Publish(int node, string queue, int count)
    {
        await using var client = await Client(node);
        await using var channel = await client.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        for (var message = 0; message < count; message++) await channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties { Persistent = true }, "x"u8.ToArray());
    }
}
