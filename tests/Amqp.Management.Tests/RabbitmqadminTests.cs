using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Management.Tests;

/// <summary>RabbitMQ's own <c>rabbitmqadmin</c>, of Debian's package, with each of its verbs.</summary>
internal sealed class RabbitmqadminTests : ApiFixture
{
    private static readonly string? Program = Command.Find("rabbitmqadmin", unpackedIn: "rabbitmqadmin");

    private string _vhost = "";

    [SetUp]
    public async Task MakeVhost()
    {
        if (Program is null) Assert.Ignore("apt-get could not download Debian's rabbitmq-server, which has rabbitmqadmin in it");
        _vhost = Name();
        await Admin("declare", "vhost", $"name={_vhost}");
        await Admin("declare", "permission", $"vhost={_vhost}", "user=guest", "configure=.*", "write=.*", "read=.*");
    }

    [TearDown]
    public Task DeleteVhost() => Api.Delete($"vhosts/{_vhost}");

    [Test]
    public async Task It_declares_lists_and_deletes()
    {
        foreach (var (line, list, shown) in new[]
        {
            ("exchange name=e type=topic arguments={\"x\":1}", "exchanges name type", "e topic"),
            ("queue name=q durable=true queue_type=classic", "queues name messages", "q 0"),
            ("binding source=e destination=q routing_key=a.#", "bindings source destination routing_key", "e q a.#"),
            ("user name=admin-u password=p tags=monitoring", "users name tags", "admin-u monitoring"),
            ("permission vhost=VHOST user=admin-u configure= write=w read=r", "permissions vhost user write", "VHOST admin-u w"),
            ("parameter component=operator_policy name=cap value={\"pattern\":\"^q$\",\"definition\":{\"max-length\":5},\"priority\":0}", "operator_policies name pattern", "cap ^q$"),
            ("policy name=p pattern=^q$ definition={\"ha-mode\":\"all\"} priority=3 apply-to=queues", "policies name priority", "p 3"),
            ("operator_policy name=o pattern=^x definition={\"expires\":60000}", "operator_policies name pattern", "o ^x"),
            ("vhost_limit vhost=VHOST name=max-queues value=9", "vhost_limits vhost value", "VHOST {\"max-queues\": 9}"),
        })
        {
            await Admin(["declare", .. Words(line)]);
            Assert.That(await List(list), Does.Contain(shown.Replace("VHOST", _vhost, StringComparison.Ordinal)), line);
        }
        Assert.That(await List("vhosts name"), Does.Contain(_vhost));
        Assert.That(await List("nodes name type"), Has.Exactly(1).EndsWith(" disc"));
        Assert.That(await List("parameters name component"), Does.Contain("cap operator_policy").And.Contain("limits vhost-limits"));
        foreach (var line in (string[])
        [
            "vhost_limit vhost=VHOST name=max-queues", "operator_policy name=o", "policy name=p", "parameter component=operator_policy name=cap", "permission vhost=VHOST user=admin-u",
            "user name=admin-u", "binding source=e destination_type=queue destination=q properties_key=a.%23", "queue name=q", "exchange name=e", "vhost name=VHOST",
        ])
            Assert.That(await Admin(["delete", .. Words(line)]), Does.EndWith("deleted\n"), line);
        Assert.That(await List("vhosts name"), Does.Not.Contain(_vhost));
    }

    [Test]
    public async Task It_publishes_gets_and_purges()
    {
        await Admin("declare", "queue", "name=q");
        Assert.That(await Admin("publish", "routing_key=q", "payload=hello", "properties={\"message_id\":\"m\",\"delivery_mode\":2}"), Is.EqualTo("Message published\n"));
        Assert.That(await Admin("publish", "routing_key=nowhere", "payload=x"), Is.EqualTo("Message published but NOT routed\n"));
        var got = JsonNode.Parse(await Admin("-f", "raw_json", "get", "queue=q", "ackmode=ack_requeue_true"))![0]!;
        Assert.That((got["payload"]!.GetValue<string>(), got["properties"]!["message_id"]!.GetValue<string>()), Is.EqualTo(("hello", "m")));
        Assert.That(await Admin("purge", "queue", "name=q"), Is.EqualTo("queue purged\n"));
        Assert.That(await Admin("-f", "raw_json", "get", "queue=q"), Is.EqualTo("[]\n"));
    }

    [Test]
    public async Task It_shows_the_overview_and_clients_and_closes_these()
    {
        Assert.That(await Admin("-f", "tsv", "show", "overview", "rabbitmq_version", "object_totals.queues"), Does.Match("^rabbitmq_version\tobject_totals.queues\n3\\.13\\.\\d+\t\\d+\n$"));
        var connection = await Connect();
        var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("seen-by-rabbitmqadmin", durable: false, exclusive: true, autoDelete: false);
        await channel.BasicConsumeAsync("seen-by-rabbitmqadmin", autoAck: true, "admin-tag", new AsyncEventingBasicConsumer(channel));
        var name = $"127.0.0.1:{connection.LocalPort} -> 127.0.0.1:{connection.RemotePort}";
        Assert.That(await List("connections name user channels"), Does.Contain($"{name} guest 1"));
        Assert.That(await List("channels name user"), Does.Contain($"{name} (1) guest"));
        Assert.That(await Plain("-f", "tsv", "list", "consumers", "consumer_tag", "queue.name"), Does.Contain("admin-tag\tseen-by-rabbitmqadmin\n"));
        Assert.That(await Plain("close", "connection", $"name={name}"), Is.EqualTo("connection closed\n"));
        await Eventually.That(() => connection.IsOpen, Is.False);
    }

    [Test]
    public async Task It_exports_and_imports()
    {
        var file = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{_vhost}.json");
        await Admin("declare", "queue", "name=q", "arguments={\"x-max-length\":7}");
        Assert.That(await Admin("export", file), Is.EqualTo($"Exported definitions for localhost to \"{file}\"\n"));
        await Admin("delete", "queue", "name=q");
        Assert.That(await Admin("import", file), Is.EqualTo($"Uploaded definitions from \"localhost\" to {file}. The import process may take some time. Consult server logs to track progress.\n"));
        Assert.That((await Api.Get($"queues/{_vhost}/q"))["arguments"]!.ToJsonString(), Is.EqualTo("""{"x-max-length":7}"""));
        File.Delete(file);
    }

    [TestCase("name=q auto_delete=true durable=false", "*** inequivalent arg 'durable'")]
    [TestCase("name=other arguments={\"x-max-length\":-1}", "*** invalid arg 'x-max-length'")]
    public async Task What_is_refused_is_told_in_RabbitMQs_words(string queue, string refusal)
    {
        await Admin("declare", "queue", "name=q");
        var (code, text) = await Run(["-V", _vhost, "declare", "queue", .. Words(queue)]);
        Assert.That(code, Is.EqualTo(1));
        Assert.That(text, Does.Contain(refusal));
    }

    private string[] Words(string line) => line.Replace("VHOST", _vhost, StringComparison.Ordinal).Split(' ');

    /// <summary>Rows, with blanks between their columns.</summary>
    private async Task<string[]> List(string line) =>
        [.. (await Plain(["-f", "tsv", "list", .. line.Split(' ')])).Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(row => row.Replace('\t', ' '))];

    private Task<string> Admin(params string[] arguments) => Plain(["-V", _vhost, .. arguments]);

    private static async Task<string> Plain(params string[] arguments)
    {
        var (code, text) = await Run(arguments);
        Assert.That(code, Is.Zero, $"{string.Join(' ', arguments)}: {text}");
        return text;
    }

    private static async Task<(int Code, string Text)> Run(string[] arguments)
    {
        var (code, text) = await Command.Run("python3", [Program!, "-P", $"{SharedBroker.Process!.ManagementPort}", .. arguments], Patience.Answer);
        return (code, text.ReplaceLineEndings("\n").TrimEnd('\n') + "\n");
    }
}
