using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Management.Tests;

/// <summary>
/// The fields that RabbitMQ's management plug-in (3.10.8 of Debian) shows, and their types, are in <c>Recorded/shapes.txt</c>, a path of the API and its fields a block. Ours has to show all of them; what is
/// missing or of another type stands in <see cref="Differences"/>, with its reason. To record anew, or to prove the file right without <c>AMQP_SHAPES_RECORD</c>:
/// <code>AMQP_ORACLE_PLUGINS=rabbitmq_management tests/oracle/start.sh; AMQP_TEST_ORACLE=127.0.0.1:5673 AMQP_SHAPES_RECORD=1 dotnet test tests/Amqp.Management.Tests -c Release --filter ShapeTests</code>
/// </summary>
[Same]
internal sealed class ShapeTests : BrokerFixture
{
    private static readonly bool IsRecording = Environment.GetEnvironmentVariable("AMQP_SHAPES_RECORD") == "1";

    /// <summary>After <c>{name}</c> comes what is named so.</summary>
    private static readonly string[] Paths =
    [
        "overview", "cluster-name", "nodes", "nodes/{node}", "nodes/{node}/memory", "extensions", "whoami", "auth", "feature-flags", "definitions", "definitions/%2F",
        "connections", "connections/{connection}", "connections/{connection}/channels", "vhosts/%2F/connections", "channels", "channels/{channel}", "vhosts/%2F/channels", "consumers", "consumers/%2F",
        "exchanges", "exchanges/%2F", "exchanges/%2F/shop", "exchanges/%2F/shop/bindings/source", "exchanges/%2F/inner/bindings/destination",
        "queues", "queues/%2F", "queues/%2F/orders", "queues/%2F/mine", "queues/%2F/orders/bindings", "bindings", "bindings/%2F", "bindings/%2F/e/shop/q/orders", "bindings/%2F/e/shop/e/inner",
        "vhosts", "vhosts/%2F", "vhosts/%2F/permissions", "vhosts/%2F/topic-permissions", "users", "users/guest", "users/guest/permissions", "users/worker/topic-permissions", "users/without-permissions",
        "permissions", "permissions/%2F/guest", "topic-permissions", "topic-permissions/%2F/worker", "user-limits", "user-limits/worker", "vhost-limits", "vhost-limits/%2F",
        "parameters", "parameters/vhost-limits", "global-parameters", "global-parameters/cluster_name", "policies", "policies/%2F/short", "operator-policies", "operator-policies/%2F/cap",
        "health/checks/alarms", "health/checks/local-alarms", "health/checks/certificate-expiration/1/months", "health/checks/port-listener/{port}", "health/checks/protocol-listener/amqp091",
        "health/checks/virtual-hosts", "health/checks/node-is-mirror-sync-critical", "health/checks/node-is-quorum-critical", "aliveness-test/%2F", "healthchecks/node", "auth/attempts/{node}",
        "nothing", "queues/%2F/nothing", "exchanges/nothing", "nodes/nothing", "connections/nothing", "channels/nothing", "policies/%2F/nothing", "parameters/nothing/%2F/x",
    ];

    /// <summary>What is there in RabbitMQ alone, or otherwise: a pattern of path, field and type, and why.</summary>
    private static readonly (string Field, string Why)[] Differences =
    [
        (@"\.?(garbage_collection|reductions(_details)?)\b", "of a process of Erlang, which there is none of"),
        (@"^nodes.* (metrics_gc_queue_length|ra_open_file_metrics)\b", "of parts of RabbitMQ"),
        (@"^nodes.*\.(metrics_gc_queue_length|ra_open_file_metrics)\b", "likewise"),
        (@"^nodes(/\{node\})? (\[\]\.)?(\w+_time|\w+_bytes|\w+_count|\w+_used|disk_free|gc_num|gc_bytes_reclaimed|context_switches)_details\b", "rates of a node's numbers; the numbers are there, and Prometheus makes rates of them"),
        (@"cowboy_opts|socket_opts", "options of RabbitMQ's web server and of its sockets"),
        (@"^nodes.* (\[\]\.)?log_files\[\] ", "there is none: the log goes to the standard output"),
        (@"backing_queue_status", "the inside of RabbitMQ's classic queues"),
        (@"idle_since string$", "seen by passes of five seconds, which may not have been made in this test"),
        (@"^overview message_stats\.disk_(reads|writes)", "each node has them, msg_store_read_count and msg_store_write_count"),
        (@"^exchanges.* (\[\]\.)?user_who_performed_action ", "it is not kept who declared an exchange"),
        (@"^(exchanges|queues|channels)/.* (incoming|outgoing|deliveries|publishes) array$", "what a channel did with a queue or an exchange is not counted for each pair"),
        (@"^definitions/%2F (parameters|policies)\[\]\.vhost ", "3.13 leaves it out"),
        (@"^connections/\{connection\} (ssl_|peer_cert_)\w+ string$", "null without TLS, as in RabbitMQ's lists; of one connection it has an empty text"),
        (@"^auth (enable_uaa|uaa_)", "3.13 has oauth_enabled"),
        (@"^nodes/nothing 500$", "a failure of 3.10; here it is 404"),
    ];

    [Test]
    public async Task Everything_that_RabbitMQ_shows_is_shown()
    {
        await using var broker = Oracle.IsUsed ? null : await TestBroker.Start();
        var port = Oracle.Address?.Port ?? broker!.Port;
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{broker?.ManagementPort ?? port + 10_000}/api/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8));
        await Prepare(http);
        await using var connection = await Work(port);
        // RabbitMQ's statistics come every five seconds.
        foreach (var queue in (string[])["orders", "mine"])
            await Eventually.That(async () => (await Get(http, $"queues/%2F/{queue}"))?["message_stats"]?["deliver_get"]?.GetValue<int>() ?? 0, Is.Positive, TimeSpan.FromSeconds(30));
        await Eventually.That(async () => (await Get(http, "channels"))!.AsArray().Count(channel => channel!["message_stats"] is not null), Is.GreaterThan(0), TimeSpan.FromSeconds(30));
        var node = (await Get(http, "overview"))!["node"]!.GetValue<string>();
        var client = (await Get(http, "connections"))!.AsArray()[0]!["name"]!.GetValue<string>();
        var shown = new List<string>();
        foreach (var path in Paths)
        {
            var asked = path.Replace("{node}", node, StringComparison.Ordinal).Replace("{connection}", Uri.EscapeDataString(client), StringComparison.Ordinal)
                .Replace("{channel}", Uri.EscapeDataString($"{client} (1)"), StringComparison.Ordinal).Replace("{port}", $"{port}", StringComparison.Ordinal);
            using var answer = await http.GetAsync(new Uri(asked, UriKind.Relative));
            shown.Add($"{path}: {(int)answer.StatusCode}");
            var text = await answer.Content.ReadAsStringAsync();
            text = text.Replace(node, "node@host", StringComparison.Ordinal);
            if (text.Length > 0) shown.AddRange(FieldsOf(JsonNode.Parse(text)).Order(StringComparer.Ordinal).Select(field => $"  {field}"));
        }
        var file = Repository.PathOf("tests", "Amqp.Management.Tests", "Recorded", "shapes.txt");
        if (IsRecording) await File.WriteAllLinesAsync(file, shown);
        else Compare(Blocks(await File.ReadAllLinesAsync(file)), Blocks(shown));
    }

    private static void Compare(Dictionary<string, HashSet<string>> recorded, Dictionary<string, HashSet<string>> shown)
    {
        var missing = recorded.SelectMany(block => block.Value.Except(shown.GetValueOrDefault(block.Key, [])).Select(field => $"{block.Key} {field}")).ToHashSet();
        Assert.That(Lines(missing.Where(field => !Differences.Any(known => Regex.IsMatch(field, known.Field)))), Is.Empty, "fields that RabbitMQ shows");
        if (!Oracle.IsUsed) Assert.That(Lines(Differences.Select(known => known.Field).Where(known => !missing.Any(field => Regex.IsMatch(field, known)))), Is.Empty, "differences that are none any more");
    }

    private static string Lines(IEnumerable<string> fields) => string.Join('\n', fields.Order(StringComparer.Ordinal));

    private static Dictionary<string, HashSet<string>> Blocks(IEnumerable<string> lines)
    {
        var blocks = new Dictionary<string, HashSet<string>>();
        var current = "";
        foreach (var line in lines)
        {
            if (line.StartsWith(' ')) blocks[current].Add(line.Trim());
            else
            {
                current = line[..line.IndexOf(':', StringComparison.Ordinal)];
                blocks[current] = [line[(current.Length + 1)..].Trim()];
            }
        }
        return blocks;
    }

    /// <summary>Each field by its path, with its type. Members of a list are one.</summary>
    private static HashSet<string> FieldsOf(JsonNode? json, string path = "")
    {
        switch (json)
        {
            case JsonObject members:
                return [.. members.SelectMany(member => FieldsOf(member.Value, path.Length == 0 ? member.Key : $"{path}.{member.Key}")).Append($"{path} object".Trim())];
            case JsonArray items:
                return [.. items.SelectMany(item => FieldsOf(item, $"{path}[]")).Append($"{path} array".Trim())];
            default:
                return [$"{path} {json?.GetValueKind().ToString().ToLowerInvariant().Replace("true", "boolean", StringComparison.Ordinal).Replace("false", "boolean", StringComparison.Ordinal) ?? "null"}".Trim()];
        }
    }

    private static async Task<JsonNode?> Get(HttpClient http, string path)
    {
        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));
        var text = await answer.Content.ReadAsStringAsync();
        return text.Length == 0 ? null : JsonNode.Parse(text);
    }

    private static async Task Prepare(HttpClient http)
    {
        foreach (var (path, body) in new[]
        {
            ("users/worker", """{"password":"w","tags":"management"}"""),
            ("users/idle", """{"password":"w","tags":""}"""),
            ("permissions/%2F/worker", """{"configure":"","write":".*","read":".*"}"""),
            ("topic-permissions/%2F/worker", """{"exchange":"shop","write":"^a","read":".*"}"""),
            ("user-limits/worker/max-connections", """{"value":5}"""),
            ("vhost-limits/%2F/max-queues", """{"value":500}"""),
            ("policies/%2F/short", """{"pattern":"^orders$","definition":{"message-ttl":3600000},"apply-to":"queues","priority":1}"""),
            ("operator-policies/%2F/cap", """{"pattern":"^orders$","definition":{"max-length":10000},"apply-to":"queues"}"""),
            ("cluster-name", """{"name":"shop"}"""),
        })
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await http.PutAsync(new Uri(path, UriKind.Relative), content);
            Assert.That(answer.IsSuccessStatusCode, Is.True, $"{path}: {await answer.Content.ReadAsStringAsync()}");
        }
    }

    /// <summary>One of everything that is shown.</summary>
    private static async Task<IConnection> Work(int port)
    {
        var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false, ClientProvidedName = "shapes" }.CreateConnectionAsync();
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-expires"] = 7_200_000 });
        await channel.QueueDeclareAsync("mine", durable: false, exclusive: true, autoDelete: true);
        await channel.ExchangeDeclareAsync("shop", "topic", durable: true, autoDelete: false, new Dictionary<string, object?> { ["alternate-exchange"] = "amq.fanout" });
        await channel.ExchangeDeclareAsync("inner", "headers", durable: false, autoDelete: true);
        await channel.QueueBindAsync("orders", "shop", "order.#");
        await channel.ExchangeBindAsync("inner", "shop", "x.*", new Dictionary<string, object?> { ["x-match"] = "all" });
        await channel.BasicQosAsync(0, 5, global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            if (delivery.DeliveryTag <= 2) await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
        };
        await channel.BasicConsumeAsync("orders", autoAck: false, "tag", noLocal: false, exclusive: false, new Dictionary<string, object?> { ["x-priority"] = 3 }, consumer);
        for (var number = 0; number < 10; number++) await channel.BasicPublishAsync("shop", "order.new", mandatory: false, new BasicProperties { Persistent = true }, new byte[10]);
        await channel.BasicPublishAsync("", "mine", new byte[10]);
        await channel.BasicGetAsync("mine", autoAck: true);
        return connection;
    }
}
