using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Management.Tests;

/// <summary>Metrics and log for a collector, by OpenTelemetry's protocol.</summary>
internal sealed class TelemetryTests : BrokerFixture
{
    [Test]
    public async Task A_collector_gets_the_metrics_and_the_log()
    {
        using var collector = new Collector();
        await using var broker = await TestBroker.Start($"--OpenTelemetry:Endpoint={collector.Address}", "--OpenTelemetry:Protocol=Http", "--OpenTelemetry:IntervalMs=1000", "--OpenTelemetry:Headers=key=secret");
        using (var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = broker.Port }.CreateConnectionAsync())
        using (var channel = await connection.CreateChannelAsync())
        {
            await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false);
            await channel.BasicPublishAsync("", "orders", "x"u8.ToArray());
            await Eventually.That(() => collector.LastMetrics, Does.Contain("rabbitmq_queue_messages_ready").And.Contain("rabbitmq_global_messages_received_total").And.Contain("amqp091")
                .And.Contain("rabbitmq_store_flush_seconds_bucket").And.Contain("rabbitmq_identity_info"));
        }
        await Eventually.That(() => string.Concat(collector.Of("/v1/logs")), Does.Contain("Server startup complete"));
        Assert.That(collector.Keys.Distinct(), Is.EqualTo(new[] { "secret" }));
    }

    [Test]
    public async Task A_collector_that_is_not_there_is_told_and_holds_nothing_up()
    {
        await using var broker = await TestBroker.Start();
        await broker.Stop();
        ExpectLog("Metrics could not be sent to the collector at http://127.0.0.1:1", broker);
        broker.Give("--OpenTelemetry:Endpoint=http://127.0.0.1:1", "--OpenTelemetry:IntervalMs=1000");
        await broker.Restart();
        using var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = broker.Port }.CreateConnectionAsync();
        await Eventually.That(() => broker.Log.Lines, Has.Some.Contains("Metrics could not be sent"));
        Assert.That((connection.IsOpen, await broker.Stop()), Is.EqualTo((true, 0)));
    }

    /// <summary>Takes whatever is sent to it.</summary>
    private sealed class Collector : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly ConcurrentQueue<(string Path, string Key, string Text)> _taken = new();

        public Collector()
        {
            using (var free = new TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                Address = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}";
            }
            _listener.Prefixes.Add($"{Address}/");
            _listener.Start();
            _ = Take();
        }

        public string Address { get; }

        public IEnumerable<string> Keys => _taken.Select(each => each.Key);

        public string LastMetrics => Of("/v1/metrics").LastOrDefault() ?? "";

        public IEnumerable<string> Of(string path) => _taken.Where(each => each.Path == path).Select(each => each.Text);

        public void Dispose() => _listener.Close();

        private async Task Take()
        {
            try
            {
                while (true)
                {
                    var context = await _listener.GetContextAsync();
                    using var reader = new StreamReader(context.Request.InputStream, Encoding.Latin1);
                    _taken.Enqueue((context.Request.Url!.AbsolutePath, context.Request.Headers["key"] ?? "", await reader.ReadToEndAsync()));
                    context.Response.Close();
                }
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
