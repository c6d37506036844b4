using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Management.Tests;

/// <summary>What Prometheus reads.</summary>
internal sealed class MetricsTests : ApiFixture
{
    /// <summary>Of the sampler, and some.</summary>
    private static readonly TimeSpan Samples = TimeSpan.FromSeconds(15);

    private static TestBroker Shared => SharedBroker.Process!;

    [TestCase("metrics")]
    [TestCase("metrics/per-object")]
    [TestCase("metrics/detailed?family=queue_coarse_metrics&family=queue_metrics&family=exchange_metrics&family=exchange_bindings&family=exchange_names&family=vhost_status&family=channel_metrics&family=connection_metrics&family=node_metrics")]
    public async Task Promtool_finds_nothing_wrong_but_a_name_of_RabbitMQ(string page)
    {
        var promtool = Command.Find("promtool", unpackedIn: "prometheus");
        if (promtool is null) Assert.Ignore("there is no promtool on this machine, and apt-get could not download Debian's prometheus");
        await using var connection = await Connect();
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("of \"promtool\"\n\\", durable: true, exclusive: false, autoDelete: true);
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, (await Get(Shared, page)).Text);
        var (_, text) = await Command.Run("/bin/sh", ["-c", $"'{promtool}' check metrics < '{file}'"], Patience.Answer);
        File.Delete(file);
        var complaints = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(line => !line.StartsWith("rabbitmq_unreachable_cluster_peers_count ", StringComparison.Ordinal));
        Assert.That(complaints, Is.Empty);
    }

    [Test]
    public async Task What_clients_do_is_counted_for_the_node_also_when_they_are_gone()
    {
        await using var broker = await TestBroker.Start();
        var connection = await Connect(broker);
        await using (var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true)))
        {
            await channel.QueueDeclareAsync("gone", durable: true, exclusive: false, autoDelete: false);
            for (var number = 0; number < 5; number++) await Publish(channel, "gone", isMandatory: false);
        }
        await using (var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false)))
        {
            await Publish(channel, "nowhere", isMandatory: false);
            await Publish(channel, "nowhere", isMandatory: true);
            await Publish(channel, "nowhere", isMandatory: true);
            var got = await channel.BasicGetAsync("gone", autoAck: false);
            await channel.BasicAckAsync(got!.DeliveryTag, multiple: false);
            await channel.BasicGetAsync("gone", autoAck: true);
            await channel.QueuePurgeAsync("gone");
            await channel.BasicGetAsync("gone", autoAck: true);
            await channel.QueueDeleteAsync("gone");
        }
        await connection.CloseAsync();
        var expected = new Dictionary<string, double>
        {
            ["""rabbitmq_global_messages_received_total{protocol="amqp091"}"""] = 8,
            ["""rabbitmq_global_messages_received_confirm_total{protocol="amqp091"}"""] = 8,
            ["""rabbitmq_global_messages_confirmed_total{protocol="amqp091"}"""] = 8,
            ["""rabbitmq_global_messages_routed_total{protocol="amqp091"}"""] = 5,
            ["""rabbitmq_global_messages_unroutable_dropped_total{protocol="amqp091"}"""] = 1,
            ["""rabbitmq_global_messages_unroutable_returned_total{protocol="amqp091"}"""] = 2,
            ["""rabbitmq_global_messages_delivered_get_manual_ack_total{protocol="amqp091",queue_type="rabbit_classic_queue"}"""] = 1,
            ["""rabbitmq_global_messages_delivered_get_auto_ack_total{protocol="amqp091",queue_type="rabbit_classic_queue"}"""] = 1,
            ["""rabbitmq_global_messages_delivered_total{protocol="amqp091",queue_type="rabbit_classic_queue"}"""] = 2,
            ["""rabbitmq_global_messages_delivered_total{protocol="amqp091",queue_type="rabbit_quorum_queue"}"""] = 0,
            ["""rabbitmq_global_messages_get_empty_total{protocol="amqp091",queue_type="rabbit_classic_queue"}"""] = 1,
            ["""rabbitmq_global_messages_acknowledged_total{protocol="amqp091",queue_type="rabbit_classic_queue"}"""] = 1,
            ["rabbitmq_connections_opened_total"] = 1,
            ["rabbitmq_connections_closed_total"] = 1,
            ["rabbitmq_channels_opened_total"] = 2,
            ["rabbitmq_channels_closed_total"] = 2,
            ["rabbitmq_queues_declared_total"] = 1,
            ["rabbitmq_queues_created_total"] = 1,
            ["rabbitmq_queues_deleted_total"] = 1,
            ["rabbitmq_auth_attempts_succeeded_total"] = 1,
            ["rabbitmq_connections"] = 0,
            ["rabbitmq_queues"] = 0,
            ["rabbitmq_channel_messages_published_total"] = 8,
            ["rabbitmq_queue_messages_published_total"] = 5,
            ["rabbitmq_store_group_messages_sum"] = 5,
            ["""rabbitmq_message_size_bytes_bucket{protocol="amqp091",le="100"}"""] = 8,
            ["""rabbitmq_message_size_bytes_count{protocol="amqp091"}"""] = 8,
            ["""rabbitmq_message_size_bytes_sum{protocol="amqp091"}"""] = 80,
        };
        await ExpectMetrics(broker, expected);
    }

    [Test]
    public async Task Why_messages_died_is_told_by_what_becomes_of_them()
    {
        await using var broker = await TestBroker.Start();
        await using var connection = await Connect(broker);
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("dropped", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 1 });
        await channel.QueueDeclareAsync(
            "moved", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum", ["x-dead-letter-exchange"] = "amq.fanout" });
        for (var number = 0; number < 3; number++) await Publish(channel, "dropped", isMandatory: false);
        await Publish(channel, "moved", isMandatory: false);
        await Eventually.That(async () => await channel.MessageCountAsync("moved"), Is.EqualTo(1));
        await channel.BasicRejectAsync((await channel.BasicGetAsync("moved", autoAck: false))!.DeliveryTag, requeue: false);
        var expected = new Dictionary<string, double>
        {
            ["""rabbitmq_global_messages_dead_lettered_maxlen_total{queue_type="rabbit_classic_queue",dead_letter_strategy="disabled"}"""] = 2,
            ["""rabbitmq_global_messages_dead_lettered_rejected_total{queue_type="rabbit_quorum_queue",dead_letter_strategy="at_most_once"}"""] = 1,
            ["""rabbitmq_global_messages_dead_lettered_rejected_total{queue_type="rabbit_classic_queue",dead_letter_strategy="disabled"}"""] = 0,
        };
        await ExpectMetrics(broker, expected);
    }

    [Test]
    public async Task Each_queue_is_told_of_by_its_name_and_only_what_was_asked_for()
    {
        await using var broker = await TestBroker.Start();
        await new ControlApi(broker).Put("vhosts/other", new { });
        await using var connection = await Connect(broker);
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("a \"b\" \\c", durable: true, exclusive: false, autoDelete: false);
        await Publish(channel, "a \"b\" \\c", isMandatory: false);
        const string Labels = """{vhost="/",queue="a \"b\" \\c"}""";
        await ExpectMetrics(broker, new Dictionary<string, double> { ["rabbitmq_queue_messages" + Labels] = 1, ["rabbitmq_queue_consumers" + Labels] = 0 }, "metrics/per-object");
        const string Detailed = "metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count&family=no_such_family";
        var page = await Get(broker, Detailed);
        Assert.That(Lines(page.Text).Keys.Where(name => name.StartsWith("rabbitmq_detailed_", StringComparison.Ordinal)), Is.EquivalentTo((string[])
            ["rabbitmq_detailed_queue_messages" + Labels, "rabbitmq_detailed_queue_messages_ready" + Labels, "rabbitmq_detailed_queue_messages_unacked" + Labels, "rabbitmq_detailed_queue_consumers" + Labels]));
        Assert.That(Lines((await Get(broker, Detailed + "&vhost=other")).Text).Keys.Where(name => name.StartsWith("rabbitmq_detailed_", StringComparison.Ordinal)), Is.Empty);
        Assert.That(Lines((await Get(broker, "metrics/detailed?family=vhost_status")).Text)["""rabbitmq_cluster_vhost_status{vhost="other"}"""], Is.EqualTo(1));
        Assert.That(
            Lines((await Get(broker, "metrics/detailed?family=exchange_bindings")).Text)["""rabbitmq_cluster_exchange_bindings{vhost="/",exchange="amq.topic",type="topic"}"""], Is.Zero);
    }

    [Test]
    public async Task The_port_has_metrics_and_probes_and_nothing_else()
    {
        var page = await Get(Shared, "metrics");
        Assert.That((page.Status, page.Type), Is.EqualTo((HttpStatusCode.OK, "text/plain; version=0.0.4")));
        Assert.That((await Get(Shared, "api/overview")).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await Get(Shared, "metrics/of-nothing")).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await new HttpApi(Shared).Get("../metrics")).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await Get(Shared, "livez")).Text, Is.EqualTo("ok\n"));
    }

    [Test]
    public async Task A_node_that_is_drained_or_stopped_is_not_ready()
    {
        await using var broker = await TestBroker.Start();
        var api = new ControlApi(broker);
        var node = (await api.List("nodes")).Single()["name"]!.GetValue<string>();
        Assert.That((await Get(broker, "readyz")).Status, Is.EqualTo(HttpStatusCode.OK));
        await api.Put($"nodes/{node}/maintenance", new { drained = true });
        Assert.That(await Get(broker, "readyz"), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "the node is drained for maintenance\n", "text/plain")));
        await api.Put($"nodes/{node}/app", new { running = false });
        Assert.That(await Get(broker, "readyz"), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "the node does not serve clients\n", "text/plain")));
        Assert.That(await Get(broker, "metrics"), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "the node is stopped: start it with start_app\n", "text/plain")));
        Assert.That((await Get(broker, "livez")).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_broker_that_finds_the_default_port_taken_does_without_it()
    {
        using var other = new TcpListener(IPAddress.Loopback, 15_692);
        try
        {
            other.Start();
        }
        catch (SocketException)
        {
            // Another broker has it, which is as good.
        }
        await using var broker = await TestBroker.Start();
        await broker.Stop();
        ExpectLog("There are no metrics for Prometheus: cannot listen on HTTP 127.0.0.1:15692: Address already in use", broker);
        broker.Give("--Listeners:Prometheus:Port=15692");
        await broker.Restart();
        Assert.That((await new HttpApi(broker).Get("whoami")).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    private static ValueTask Publish(IChannel channel, string queue, bool isMandatory) =>
        channel.BasicPublishAsync("", queue, isMandatory, new BasicProperties { Persistent = true }, new byte[10]);

    private static async Task<(HttpStatusCode Status, string Text, string Type)> Get(TestBroker broker, string path)
    {
        using var client = new HttpClient();
        using var response = await client.GetAsync(new Uri($"http://127.0.0.1:{broker.MetricsPort}/{path}"));
        return (response.StatusCode, await response.Content.ReadAsStringAsync(), response.Content.Headers.ContentType!.ToString());
    }

    private static Task ExpectMetrics(TestBroker broker, Dictionary<string, double> expected, string page = "metrics") => Eventually.That(
        async () =>
        {
            var lines = Lines((await Get(broker, page)).Text);
            return expected.Keys.Select(name => $"{name} {lines.GetValueOrDefault(name, double.NaN)}").ToArray();
        },
        Is.EqualTo(expected.Select(metric => $"{metric.Key} {metric.Value}").ToArray()),
        Samples);

    private static Dictionary<string, double> Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Where(line => line[0] != '#')
        .ToDictionary(line => line[..line.LastIndexOf(' ')], line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
}
