using System.Net;
using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Management.Tests;

/// <summary>Definitions that are exported and imported, as RabbitMQ's files have them.</summary>
internal sealed class DefinitionTests : ApiFixture
{
    /// <summary>As Kolla and Helm charts write them: without version, with a clear password, tags as text, a mirror policy, keys in any order.</summary>
    private const string OfOperators = """
        {
          "vhosts": [{"name": "/"}, {"name": "nova", "limits": [], "metadata": {"description": "d", "tags": ["a"], "default_queue_type": "classic"}}],
          "users": [{"tags": "administrator", "password": "secret", "name": "openstack"}, {"name": "watcher", "password": "w", "tags": ["monitoring", "management"]}],
          "permissions": [{"user": "openstack", "vhost": "nova", "configure": ".*", "write": ".*", "read": ".*"}],
          "topic_permissions": [{"user": "openstack", "vhost": "nova", "exchange": "amq.topic", "write": "^a", "read": ".*"}],
          "policies": [{"vhost": "nova", "name": "ha-all", "pattern": "^(?!(amq\\.)|(.*_fanout_)|(reply_)).*", "apply-to": "all", "definition": {"ha-mode": "exactly", "ha-params": 2, "ha-promote-on-shutdown": "always", "message-ttl": 600000, "expires": 3600000}, "priority": 0}],
          "parameters": [{"vhost": "nova", "component": "operator_policy", "name": "o", "value": {"pattern": "^x", "definition": {"max-length": 5}, "priority": 1, "apply-to": "queues"}}, {"vhost": "nova", "component": "vhost-limits", "name": "limits", "value": {"max-queues": 3}}, {"vhost": "nova", "component": "shovel", "name": "s", "value": {}}],
          "global_parameters": [{"name": "cluster_tags", "value": {"a": 1}}],
          "exchanges": [{"name": "x", "vhost": "nova", "type": "topic", "durable": true, "auto_delete": false, "internal": false, "arguments": {}}, {"name": "amq.direct", "vhost": "nova", "type": "fanout", "durable": false}],
          "queues": [{"name": "q", "vhost": "nova", "durable": true, "auto_delete": false, "arguments": {"x-queue-type": "classic", "x-max-priority": 3}}, {"name": "usual", "vhost": "nova", "arguments": []}],
          "bindings": [{"source": "x", "vhost": "nova", "destination": "q", "destination_type": "queue", "routing_key": "a.#", "arguments": {}}, {"source": "", "vhost": "nova", "destination": "q", "destination_type": "queue", "routing_key": "q", "arguments": {}}]
        }
        """;

    private TestBroker _broker = null!;
    private HttpApi _http = null!;

    [SetUp]
    public async Task Start() => _http = new HttpApi(_broker = (TestBroker)await StartOwnBroker());

    [Test]
    public async Task What_operators_write_is_imported_again_and_again_and_used_at_once()
    {
        for (var time = 0; time < 2; time++) Assert.That((await ImportOfOperators()).Status, Is.EqualTo(HttpStatusCode.NoContent));
        var channel = await (await Connect(_broker, "openstack", "secret", "nova")).CreateChannelAsync();
        await channel.BasicPublishAsync("x", "a.b", "body"u8.ToArray());
        await Eventually.That(async () => await channel.MessageCountAsync("q"), Is.EqualTo(1));
        var queue = (await _http.Get("queues/nova/q")).Json!;
        Assert.That((queue["policy"]!.GetValue<string>(), queue["arguments"]!.ToJsonString()), Is.EqualTo(("ha-all", """{"x-queue-type":"classic","x-max-priority":3}""")));
        Assert.That((await _http.Get("queues/nova/usual"))["durable"]!.GetValue<bool>(), Is.True);
        var vhost = (await _http.Get("vhosts/nova")).Json!;
        Assert.That((vhost["description"]!.GetValue<string>(), vhost["default_queue_type"]!.GetValue<string>()), Is.EqualTo(("d", "classic")));
        Assert.That((await _http.Get("users/watcher"))["tags"]!.ToJsonString(), Is.EqualTo("""["monitoring","management"]"""));
        Assert.That((await _http.Get("exchanges/nova/amq.direct"))["type"]!.GetValue<string>(), Is.EqualTo("direct"));
        Assert.That((await _http.Get("vhost-limits/nova")).Json!.ToJsonString(), Is.EqualTo("""[{"vhost":"nova","value":{"max-queues":3}}]"""));
    }

    [Test]
    public async Task What_is_exported_makes_the_same_elsewhere()
    {
        await ImportOfOperators();
        var connection = await Connect(_broker, "openstack", "secret", "nova");
        await (await connection.CreateChannelAsync()).QueueDeclareAsync("own", exclusive: true);
        var file = (await _http.Get("definitions?download=rabbit.json")).Json!;
        Assert.That(file["queues"]!.AsArray().Select(queue => queue!["name"]!.GetValue<string>()), Is.EqualTo(new[] { "q", "usual" }), "what ends with its connection is left out");
        Assert.That(file["bindings"]!.AsArray().Single()!.ToJsonString(), Is.EqualTo(
            """{"source":"x","vhost":"nova","destination":"q","destination_type":"queue","routing_key":"a.#","arguments":{}}"""));
        Assert.That(file["exchanges"]!.AsArray().Single()!.ToJsonString(), Is.EqualTo(
            """{"name":"x","vhost":"nova","type":"topic","durable":true,"auto_delete":false,"internal":false,"arguments":{}}"""));
        Assert.That(file.AsObject().Select(member => member.Key), Is.EqualTo(
            "rabbit_version rabbitmq_version product_name product_version users vhosts permissions topic_permissions parameters global_parameters policies queues exchanges bindings".Split(' ')));
        await using var other = await TestBroker.Start();
        var http = new HttpApi(other);
        Assert.That((await http.Send(HttpMethod.Post, "definitions", file)).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await http.Get("definitions")).Json!.ToJsonString(), Is.EqualTo((await _http.Get("all-configuration")).Json!.ToJsonString()));
        // With its hash, not with the password.
        Assert.That((await new HttpApi(other, "openstack", "secret").Get("whoami")).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task The_file_of_a_virtual_host_goes_into_any()
    {
        await ImportOfOperators();
        var file = (await _http.Get("definitions/nova")).Json!;
        Assert.That(file.ToJsonString(), Does.Not.Contain("\"vhost\""));
        await _http.Put("vhosts/other", new { });
        Assert.That((await _http.Send(HttpMethod.Post, "definitions/other", file)).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await _http.Get("definitions/other")).Json!.ToJsonString(), Is.EqualTo(file.ToJsonString()));
        Assert.That((await Import(file.ToJsonString()))["reason"]!.GetValue<string>(), Does.StartWith("some queues, exchanges, bindings, policies or parameters do not say"));
        Assert.That((await _http.Get("definitions/nothing"))["reason"]!.GetValue<string>(), Is.EqualTo("vhost_not_found"));
        Assert.That((await _http.Send(HttpMethod.Post, "definitions/nothing", file)).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [TestCase("{", "not_json")]
    [TestCase("""{"queues":{}}""", "'queues' is not a list")]
    [TestCase("""{"queues":[{"name":"q","vhost":"missing"}]}""", "Please create virtual host \"missing\" prior to importing definitions.")]
    [TestCase("""{"queues":[{"vhost":"/"}]}""", "{key_missing,name}")]
    [TestCase("""{"queues":[{"name":"q","vhost":"/","arguments":{"x-max-length":-1}}]}""", "invalid arg 'x-max-length'")]
    [TestCase("""{"exchanges":[{"name":"x","vhost":"/","type":"none"}]}""", "unknown exchange type 'none'")]
    [TestCase("""{"bindings":[{"source":"x","destination":"q","destination_type":"queue","vhost":"/"}]}""", "no exchange 'x' in vhost '/'")]
    [TestCase("""{"bindings":[{"source":"amq.direct","destination":"q","destination_type":"topic","vhost":"/"}]}""", "a binding of 'amq.direct' has the destination_type 'topic'")]
    [TestCase("""{"policies":[{"name":"p","vhost":"/","pattern":"^a","definition":{"nothing":1}}]}""", "Validation failed")]
    [TestCase("""{"users":[{"name":"u","tags":""}]}""", "a user needs a password or a password_hash")]
    [TestCase("""{"permissions":[{"user":"stranger","vhost":"/","configure":"","write":"","read":""}]}""", "user 'stranger' does not exist (permissions: {")]
    public async Task What_cannot_be_is_refused_with_the_reason(string file, string reason)
    {
        var answer = await Import(file);
        Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.BadRequest), answer.Json?.ToJsonString());
        Assert.That(answer["reason"]!.GetValue<string>(), Does.StartWith(reason));
    }

    /// <summary>Files from before 3.6 do not say how passwords were hashed, and later ones that people write often do not.</summary>
    [TestCase("3.5.7", "rabbit_password_hashing_md5")]
    [TestCase("3.6.0", "rabbit_password_hashing_sha256")]
    [TestCase("3.13.7", "rabbit_password_hashing_sha256")]
    [TestCase(null, "rabbit_password_hashing_sha256")]
    public async Task A_hash_that_does_not_say_what_it_is_is_what_its_version_made(string? version, string algorithm)
    {
        Assert.That((await Import($$"""{"rabbit_version":{{(version is null ? "null" : $"\"{version}\"")}},"users":[{"name":"u","tags":"","password_hash":"XSLSzZqgElYkjlJG89FmR0SmfMs1r9UsMzwk3Sgjdlu+Y6kp"}]}""")).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await _http.Get("users/u"))["hashing_algorithm"]!.GetValue<string>(), Is.EqualTo(algorithm));
    }

    [Test]
    public async Task A_limit_is_looked_at_before_anything_is_made()
    {
        await _http.Put("vhost-limits/%2F/max-queues", new { value = 1 });
        var answer = await Import("""{"exchanges":[{"name":"x","vhost":"/","type":"direct"}],"queues":[{"name":"a","vhost":"/"},{"name":"b","vhost":"/"}]}""");
        Assert.That(answer["reason"]!.GetValue<string>(), Does.StartWith("Adding 2 queue(s) to virtual host \"/\" would exceed the limit of 1 queue(s)."));
        Assert.That((await _http.Get("exchanges/%2F/x")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Only_administrators_may_see_and_import_them()
    {
        await _http.Put("users/watcher", new { password = "w", tags = "monitoring" });
        var watcher = new HttpApi(_broker, "watcher", "w");
        Assert.That((await watcher.Get("definitions")).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await watcher.Send(HttpMethod.Post, "definitions", "{}")).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_large_file_is_taken()
    {
        var queues = new JsonArray([.. Enumerable.Range(0, 20_000).Select(number => new JsonObject { ["name"] = $"q{number}", ["vhost"] = "/", ["durable"] = true, ["auto_delete"] = false, ["arguments"] = new JsonObject { ["x-message-ttl"] = 600_000, ["note"] = new string('n', 200) } })]);
        Assert.That((await Import(new JsonObject { ["queues"] = queues }.ToJsonString())).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await _http.Get("queues?page=1&page_size=1"))["total_count"]!.GetValue<int>(), Is.EqualTo(20_000));
    }

    [Test]
    public async Task A_start_can_import_them_and_makes_no_other_user()
    {
        var directory = Directory.CreateTempSubdirectory("definitions").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(directory, "a.json"), """{"users":[{"name":"openstack","password":"secret","tags":"administrator"}]}""");
            await File.WriteAllTextAsync(Path.Combine(directory, "b.json"), """{"permissions":[{"user":"openstack","vhost":"/","configure":".*","write":".*","read":".*"}],"queues":[{"name":"q","vhost":"/"}]}""");
            var broker = await StartOwnBroker($"--Definitions:File={directory}");
            Assert.That(await (await (await Connect(broker, "openstack", "secret")).CreateChannelAsync()).MessageCountAsync("q"), Is.Zero);
            Assert.That((await new ControlApi(broker).List("users")).Select(user => user["name"]!.GetValue<string>()), Is.EqualTo(new[] { "openstack" }));
            await broker.Stop();
            await broker.Restart();
            Assert.That((await new HttpApi(broker, "openstack", "secret").Get("queues/%2F/q")).Status, Is.EqualTo(HttpStatusCode.OK));

            await File.WriteAllTextAsync(Path.Combine(directory, "c.json"), """{"queues":[{"name":"q","vhost":"missing"}]}""");
            await broker.Stop();
            ExpectLog("amqpd cannot start: Option Definitions:File: the definitions in .*c.json cannot be imported: Please create virtual host \"missing\"", broker);
            broker.Begin();
            Assert.That(await broker.End(Patience.Start), Is.EqualTo(1));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private Task<ApiAnswer> Import(string file) => _http.Send(HttpMethod.Post, "definitions", file);

    /// <summary>Those of operators, with what is told of them.</summary>
    private Task<ApiAnswer> ImportOfOperators()
    {
        ExpectLog("Not importing the parameter 's' of component 'shovel', which is not known here", _broker);
        ExpectLog("Not importing the exchange 'amq.direct'", _broker);
        return Import(OfOperators);
    }
}
