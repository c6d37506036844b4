using System.Diagnostics;
using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Management.Tests;

/// <summary>RabbitMQ's dashboards in a real Prometheus.</summary>
internal sealed class DashboardTests : ApiFixture
{
    /// <summary>What the overview dashboards of RabbitMQ 3.13 and 4.3 (Grafana 10991) show as it is, joined with the node's identity.</summary>
    private static readonly string[] Gauges =
    [
        "build_info", "channels", "connections", "consumers", "disk_space_available_bytes", "disk_space_available_limit_bytes", "erlang_uptime_seconds", "global_consumers", "global_publishers",
        "process_max_fds", "process_max_tcp_sockets", "process_open_fds", "process_open_tcp_sockets", "process_resident_memory_bytes", "queue_messages_ready", "queue_messages_unacked", "queues",
        "resident_memory_limit_bytes", "alarms_memory_used_watermark", "alarms_free_disk_space_watermark", "alarms_file_descriptor_limit",
    ];

    /// <summary>And those of which they show rates.</summary>
    private static readonly string[] Counters =
    [
        "channels_closed_total", "channels_opened_total", "connections_closed_total", "connections_opened_total", "queues_created_total", "queues_declared_total", "queues_deleted_total",
        "global_messages_acknowledged_total", "global_messages_confirmed_total", "global_messages_delivered_consume_auto_ack_total", "global_messages_delivered_consume_manual_ack_total",
        "global_messages_delivered_get_auto_ack_total", "global_messages_delivered_get_manual_ack_total", "global_messages_delivered_total", "global_messages_get_empty_total",
        "global_messages_received_confirm_total", "global_messages_received_total", "global_messages_redelivered_total", "global_messages_routed_total",
        "global_messages_unroutable_dropped_total", "global_messages_unroutable_returned_total", "message_size_bytes_bucket", "message_size_bytes_count", "message_size_bytes_sum",
    ];

    [Test]
    public async Task Everything_that_they_ask_for_is_there()
    {
        var program = Command.Find("prometheus", unpackedIn: "prometheus");
        if (program is null) Assert.Ignore("there is no prometheus on this machine, and apt-get could not download Debian's");
        await using var broker = await TestBroker.Start();
        var folder = Directory.CreateTempSubdirectory("prometheus");
        using var process = Start(program, folder.FullName, broker.MetricsPort, out var port);
        try
        {
            var isDone = false;
            var load = Load(broker, () => Volatile.Read(ref isDone));
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/") };
            const string Identity = "on(instance, job) group_left(rabbitmq_cluster, rabbitmq_node) rabbitmq_identity_info{rabbitmq_endpoint=\"aggregated\"}";
            var expressions = Gauges.Select(name => $"rabbitmq_{name} * {Identity}")
                .Concat(Counters.Select(name => $"sum(rate(rabbitmq_{name}[60s]) * {Identity}) by(rabbitmq_node)"));
            foreach (var expression in expressions) await Eventually.That(async () => await Query(client, expression), Is.Not.Empty, Patience.Start, expression);
            await Eventually.That(async () => double.Parse((await Query(client, "sum(rate(rabbitmq_global_messages_received_total[60s]))"))[0], System.Globalization.CultureInfo.InvariantCulture), Is.Positive, Patience.Start);
            Volatile.Write(ref isDone, true);
            await load;
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            folder.Delete(recursive: true);
        }
    }

    private static Process Start(string program, string folder, int metricsPort, out int port)
    {
        port = Ports.Free();
        File.WriteAllText(Path.Combine(folder, "prometheus.yml"), $$"""
            global: {scrape_interval: 1s}
            scrape_configs: [{job_name: broker, static_configs: [{targets: ['127.0.0.1:{{metricsPort}}']}]}]
            """);
        var start = new ProcessStartInfo(
            program, [$"--config.file={folder}/prometheus.yml", $"--storage.tsdb.path={folder}/data", $"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
        {
            UseShellExecute = false,
        };
        return Process.Start(start)!;
    }

    /// <returns>The values; empty also as long as Prometheus does not answer.</returns>
    private static async Task<string[]> Query(HttpClient client, string expression)
    {
        try
        {
            var answer = JsonNode.Parse(await client.GetStringAsync($"api/v1/query?query={Uri.EscapeDataString(expression)}"))!;
            return [.. answer["data"]!["result"]!.AsArray().Select(sample => sample!["value"]![1]!.GetValue<string>())];
        }
        catch (HttpRequestException)
        {
            return [];
        }
    }

    private async Task Load(TestBroker broker, Func<bool> isDone)
    {
        await using var connection = await Connect(broker);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync("load", durable: true, exclusive: false, autoDelete: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) => channel.BasicAckAsync(delivery.DeliveryTag, multiple: false).AsTask();
        await channel.BasicConsumeAsync("load", autoAck: false, consumer);
        while (!isDone())
            await channel.BasicPublishAsync("", "load", mandatory: false, new BasicProperties { Persistent = true }, new byte[100]);
    }
}
