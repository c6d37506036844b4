using System.Globalization;
using System.Text;
using Amqp.Testing;

namespace Amqp.Management.Tests;

/// <summary>Whatever is asked of the API is answered, and never by a failure of the broker: paths, queries and bodies by chance, of an operator, who is refused nothing. <c>AMQP_TEST_SEED</c> has the same again.</summary>
internal sealed class FuzzTests : BrokerFixture
{
    private const int Requests = 3_000;

    private static readonly HttpMethod[] Methods = [HttpMethod.Get, HttpMethod.Get, HttpMethod.Put, HttpMethod.Put, HttpMethod.Post, HttpMethod.Delete, HttpMethod.Head, HttpMethod.Options, HttpMethod.Patch];

    /// <summary>A star is a name. Without those that stop the node or the process.</summary>
    private static readonly string[] Paths =
    [
        "overview", "cluster-name", "nodes", "nodes/*", "nodes/*/memory", "nodes/*/log", "nodes/*/log-level", "nodes/*/environment", "extensions", "definitions", "definitions/*", "connections", "connections/*", "connections/*/channels",
        "connections/username/*", "channels", "channels/*", "vhosts/*/channels", "vhosts/*/connections", "consumers", "consumers/*", "exchanges", "exchanges/*", "exchanges/*/*", "exchanges/*/*/bindings/source",
        "exchanges/*/*/bindings/destination", "exchanges/*/*/publish", "exchanges/*/*/delayed", "exchanges/*/*/delayed/*", "queues", "queues/detailed", "queues/*", "queues/*/*", "queues/*/*/contents", "queues/*/*/get",
        "queues/*/*/messages", "queues/*/*/actions", "queues/*/*/bindings", "queues/*/*/copy", "bindings", "bindings/*", "bindings/*/e/*/q/*", "bindings/*/e/*/q/*/*", "bindings/*/e/*/e/*", "vhosts", "vhosts/*", "vhosts/*/permissions",
        "vhosts/*/topic-permissions", "vhosts/*/start/*", "users", "users/*", "users/bulk-delete", "users/*/permissions", "users/*/topic-permissions", "users/without-permissions", "user-limits", "user-limits/*", "user-limits/*/*", "whoami",
        "permissions", "permissions/*/*", "topic-permissions", "topic-permissions/*/*", "parameters", "parameters/*", "parameters/*/*", "parameters/*/*/*", "global-parameters", "global-parameters/*", "policies", "policies/*",
        "policies/*/*", "operator-policies", "operator-policies/*", "operator-policies/*/*", "vhost-limits", "vhost-limits/*", "vhost-limits/*/*", "aliveness-test/*", "health/checks/*", "health/checks/port-listener/*",
        "health/checks/certificate-expiration/*/*", "health/checks/protocol-listener/*", "healthchecks/node", "healthchecks/node/*", "rebalance/queues", "feature-flags", "feature-flags/*/enable", "auth", "auth/attempts/*", "trace/*", "*", "*/*",
    ];

    /// <summary>There are these at first.</summary>
    private static readonly string[] Known = ["%2F", "%2F", "v", "q", "e", "u", "p", "guest"];

    private static readonly string[] Names =
    [
        "%2F", "v", "q", "e", "guest", "u", "p", "amq.default", "amq.direct", "node@localhost", "max-queues", "max-connections", "operator_policy", "vhost-limits", "cluster_name", "~", "a~b", "1", "0", "-1", "99999999999999999999", "weeks", "amqp",
        "%00", "%FF", "%C3%28", "%F0%9F%90%87", "%2E%2E", "..%2F..", "%20", "+", "%0A", "alarms", "quorum_queue",
    ];

    private static readonly string[] Queries =
    [
        "", "", "", "page=1&page_size=10", "page=0", "page=x&page_size=-1", "page=9999999999&page_size=501", "name=(&use_regex=true", "name=((a*)*)*b&use_regex=true", "sort=name&sort_reverse=true", "sort=messages_details.rate", "sort=", "columns=name,a..b,",
        "columns=", "lengths_age=60&lengths_incr=5", "lengths_age=9999999999&lengths_incr=1", "msg_rates_age=-1&msg_rates_incr=0", "if-unused=maybe", "if-empty=true", "id=m", "message_id=", "lines=0", "lines=5&after=-1", "after=x", "count=-5", "from=x",
        "disable_stats=true&enable_queue_totals=true", "pagination=x", "%00=%FF",
    ];

    private static readonly string[] Members =
    [
        "name", "vhost", "durable", "auto_delete", "arguments", "type", "pattern", "definition", "priority", "apply-to", "tags", "password", "password_hash", "hashing_algorithm", "value", "count", "ackmode", "encoding", "payload", "payload_encoding", "properties",
        "routing_key", "truncate", "configure", "write", "read", "exchange", "users", "level", "action", "tracing", "description", "default_queue_type", "rabbit_version", "vhosts", "permissions", "queues", "exchanges", "bindings", "policies", "parameters",
        "global_parameters", "source", "destination", "destination_type", "ha-mode", "ha-params", "max-length", "message-ttl", "expires", "trace", "x-max-length", "x-queue-type", "x-message-ttl", "headers", "delivery_mode", "message_id", "timestamp", "reason",
    ];

    [Test]
    public async Task Nothing_that_is_asked_is_a_failure()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("AMQP_TEST_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next();
        await TestContext.Out.WriteLineAsync($"AMQP_TEST_SEED={seed}");
        var random = new Random(seed);
        await using var broker = await TestBroker.Start("--Node:Name=node@localhost");
        var api = new ControlApi(broker);
        // What it has to say of all that is no concern of this test; a failure is, and is an answer.
        await api.Put("nodes/node@localhost/log-level", """{"level":"none"}""");
        foreach (var (path, body) in new[]
        {
            ("vhosts/v", "{}"), ("queues/%2F/q", "{}"), ("queues/v/q", "{}"), ("exchanges/%2F/e", """{"type":"topic"}"""), ("exchanges/v/e", """{"type":"x-delayed-message","arguments":{"x-delayed-type":"direct"}}"""),
            ("users/u", """{"password":"p","tags":"management"}"""), ("policies/%2F/p", """{"pattern":"x","definition":{"expires":1000}}"""),
        })
            await api.Put(path, body);
        var statuses = new SortedDictionary<int, int>();
        for (var number = 0; number < Requests; number++)
        {
            var (method, path) = (Pick(random, Methods), PathBy(random));
            var body = method == HttpMethod.Get || method == HttpMethod.Head ? null : BodyBy(random);
            var asked = $"AMQP_TEST_SEED={seed}, request {number}: {method} {path} {body}";
            var status = await Status(api, method, path, body, asked);
            statuses[status] = statuses.GetValueOrDefault(status) + 1;
            // A check that has failed has that status.
            var mayFail = status == 503 && path.Contains("health", StringComparison.Ordinal);
            Assert.That(status < 500 || mayFail, Is.True, $"{asked}: {status}");
        }
        await TestContext.Out.WriteLineAsync(string.Join(", ", statuses.Select(each => $"{each.Value} times {each.Key}")));
        Assert.That(statuses.Keys, Is.SupersetOf((int[])[200, 201, 204, 400, 404, 405]), "too few kinds of answers to have tried much");
        Assert.That((await api.Get("overview"))["node"]!.GetValue<string>(), Is.EqualTo("node@localhost"));
    }

    private static async Task<int> Status(ControlApi api, HttpMethod method, string path, string? body, string asked)
    {
        try
        {
            return (int)await api.StatusOf(method, path, body).WaitAsync(Patience.Answer);
        }
        catch (Exception exception) when (exception is HttpRequestException or TimeoutException or IOException)
        {
            Assert.Fail($"{asked}: {exception.Message}");
            throw;
        }
    }

    private static string PathBy(Random random)
    {
        var path = string.Join('/', Pick(random, Paths).Split('/').Select(part => part == "*" ? NameBy(random) : part));
        return Pick(random, Queries) is { Length: > 0 } query ? $"{path}?{query}" : path;
    }

    private static string NameBy(Random random) => random.Next(20) switch
    {
        0 => new string('x', random.Next(200, 3000)),
        < 12 => Pick(random, Known),
        _ => Pick(random, Names),
    };

    private static string BodyBy(Random random) => random.Next(12) switch
    {
        0 => "",
        1 => "{",
        2 => "nonsense",
        3 => "[" + ValueBy(random, 2) + "]",
        4 => ValueBy(random, 0),
        5 => "\uFEFF{}",
        _ => ObjectBy(random, 3),
    };

    private static string ObjectBy(Random random, int depth)
    {
        var text = new StringBuilder("{");
        for (var count = random.Next(7); count > 0; count--) text.Append(CultureInfo.InvariantCulture, $"\"{Pick(random, Members)}\":{ValueBy(random, depth - 1)}{(count > 1 ? "," : "")}");
        return text.Append('}').ToString();
    }

    private static string ValueBy(Random random, int depth) => random.Next(depth > 0 ? 18 : 14) switch
    {
        0 => "null",
        1 => "true",
        2 => "false",
        3 => "0",
        4 => "-1",
        5 => "1e400",
        6 => "9223372036854775808",
        7 => "0.5",
        8 => "\"\"",
        9 => "\"\\u0000\"",
        10 => "\"\\ud800\"",
        11 => $"\"{new string('y', 300)}\"",
        12 => "\"all\"",
        13 => $"\"{Pick(random, Members)}\"",
        14 => $"[{ValueBy(random, depth - 1)},{ValueBy(random, depth - 1)}]",
        15 => string.Concat(Enumerable.Repeat("[", 100)) + string.Concat(Enumerable.Repeat("]", 100)),
        _ => ObjectBy(random, depth),
    };

    private static T Pick<T>(Random random, T[] items) => items[random.Next(items.Length)];
}
