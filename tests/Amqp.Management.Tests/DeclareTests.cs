using System.Net;
using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Management.Tests;

/// <summary>Exchanges, queues and bindings that are declared and deleted over HTTP, as clients see them and as tools are answered.</summary>
internal sealed class DeclareTests : ApiFixture
{
    private static HttpApi Http => new(SharedBroker.Process!);

    [Test]
    public async Task A_queue_is_what_its_declaration_says_and_is_declared_again_for_nothing()
    {
        var (name, channel) = (Name("a/b"), await (await Connect()).CreateChannelAsync());
        var path = $"queues/%2F/{Uri.EscapeDataString(name)}";
        var body = new { durable = true, auto_delete = false, arguments = new Dictionary<string, object> { ["x-max-length"] = 10, ["x-queue-type"] = "classic", ["note"] = new object[] { true, 1.5, new { a = "b" } } } };
        Assert.That((await Http.Put(path, body)).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Http.Put(path, body)).Status, Is.EqualTo(HttpStatusCode.NoContent));
        var shown = (await Http.Get(path)).Json!;
        Assert.That((shown["durable"]!.GetValue<bool>(), shown["arguments"]!["x-max-length"]!.GetValue<long>()), Is.EqualTo((true, 10)));
        Assert.That(shown["arguments"]!["note"]!.ToJsonString(), Is.EqualTo("""[true,1.5,{"a":"b"}]"""));
        Assert.That(await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?>
        {
            ["x-max-length"] = 10L, ["x-queue-type"] = "classic", ["note"] = new List<object?> { true, 1.5, new Dictionary<string, object?> { ["a"] = "b" } },
        }), Is.Not.Null, "a client means the same by it");
        Assert.That((await Http.Put(path, new { durable = false }))["reason"]!.GetValue<string>(), Does.StartWith($"inequivalent arg 'durable' for queue '{name}'"));
        Assert.That((await Http.Delete($"{path}?if-empty=true&if-unused=true")).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Http.Delete(path)).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    /// <summary>rabbitmqadmin sends texts, and leaves out what is not said.</summary>
    [TestCase("", false)]
    [TestCase("null", false)]
    [TestCase("""{"durable":"true","auto_delete":"false"}""", true)]
    public async Task A_queue_may_be_described_in_few_words(string body, bool isDurable)
    {
        var path = $"queues/%2F/{Name()}";
        Assert.That((await Http.Send(HttpMethod.Put, path, body.Length == 0 ? null : body)).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Http.Get(path))["durable"]!.GetValue<bool>(), Is.EqualTo(isDurable));
        await Http.Delete(path);
    }

    [TestCase("""{"arguments":{"x-max-length":-1}}""", "invalid arg 'x-max-length'")]
    [TestCase("""{"arguments":{"a":null}}""", "null_not_allowed")]
    [TestCase("""{"arguments":{"\ud800":1}}""", "'arguments' contains what is not Unicode")]
    [TestCase("""{"\ud800":1}""", "not_json")]
    [TestCase("""{"arguments":[]}""", "arguments are not a JSON object")]
    [TestCase("""{"arguments":{"a":1e999}}""", "the number 1e999 is too large")]
    [TestCase("""{"durable":"perhaps"}""", "'durable' is neither true nor false")]
    [TestCase("""{"node":"rabbit@nowhere"}""", "Node rabbit@nowhere could not be contacted")]
    [TestCase("[]", "not_json")]
    [TestCase("\"{}\"", "invalid payload: the request body JSON-decoded to a string")]
    public async Task A_wrong_declaration_is_told_what_is_wrong(string body, string reason)
    {
        var answer = await Http.Send(HttpMethod.Put, $"queues/%2F/{Name()}", body);
        Assert.That((answer.Status, answer["error"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.BadRequest, "bad_request")));
        Assert.That(answer["reason"]!.GetValue<string>(), Does.StartWith(reason));
    }

    [Test]
    public async Task What_no_client_could_declare_is_not_declared_over_http_either()
    {
        var name = Name();
        var huge = new { arguments = new Dictionary<string, object> { ["a"] = new string('x', 200_000) } };
        Assert.That(Text(await Http.Put($"queues/%2F/{name}", huge), "reason"), Is.EqualTo("arguments are longer than 131072 bytes"));
        Assert.That(Text(await Http.Put($"queues/%2F/{new string('q', 256)}", new { }), "reason"), Is.EqualTo("queue name is longer than 255 bytes"));
        Assert.That(Text(await Http.Put($"exchanges/%2F/{new string('x', 256)}", new { }), "reason"), Is.EqualTo("exchange name is longer than 255 bytes"));
        var long256 = new Dictionary<string, object> { [new string('a', 256)] = 1 };
        Assert.That(Text(await Http.Put($"queues/%2F/{name}", new { arguments = long256 }), "reason"), Is.EqualTo("name of an argument is longer than 255 bytes"));
        await Http.Put($"queues/%2F/{name}", new { });
        Assert.That(Text(await Http.Send(HttpMethod.Post, $"bindings/%2F/e/amq.direct/q/{name}", new { routing_key = new string('k', 256) }), "reason"), Is.EqualTo("routing_key is longer than 255 bytes"));
        await Http.Delete($"queues/%2F/{name}");
    }

    [Test]
    public async Task An_exchange_is_declared_shown_and_deleted()
    {
        var (name, channel) = (Name(), await (await Connect()).CreateChannelAsync());
        var path = $"exchanges/%2F/{name}";
        Assert.That((await Http.Put(path, new { type = "topic", durable = true })).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Http.Put(path, new { type = "topic", durable = true })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        await channel.ExchangeDeclareAsync(name, "topic", durable: true);
        var shown = await Http.Get(path);
        Assert.That((Text(shown, "type"), shown["internal"]!.GetValue<bool>()), Is.EqualTo(("topic", false)));
        Assert.That((await Http.Put(path, new { type = "x-none" })).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        await channel.QueueBindAsync((await channel.QueueDeclareAsync()).QueueName, name, "a.*");
        Assert.That((await Http.Delete($"{path}?if-unused=true")).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await Http.Delete(path)).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Http.Get(path)).Status, Is.EqualTo(HttpStatusCode.NotFound));
        await Assert.ThrowsAsync<OperationInterruptedException>(() => channel.ExchangeDeclarePassiveAsync(name));
    }

    [TestCase("exchanges/%2F/amq.direct")]
    [TestCase("exchanges/%2F/amq.default")]
    public async Task What_belongs_to_the_broker_cannot_be_deleted(string path)
    {
        Assert.That((await Http.Get(path)).Status, Is.EqualTo(HttpStatusCode.OK));
        var answer = await Http.Delete(path);
        Assert.That((answer.Status, Text(answer, "reason")), Is.EqualTo((HttpStatusCode.Unauthorized, "Access refused.")));
    }

    [TestCase("key", null, "key")]
    [TestCase("", null, "~")]
    [TestCase("a/b ~", null, "a%2Fb%20%7E")]
    [TestCase("", """{"x":1}""", "~????")]
    [TestCase("k", """{"x":1}""", "k~????")]
    public async Task A_binding_is_made_found_by_its_properties_and_deleted(string key, string? arguments, string properties)
    {
        var (exchange, queue, channel) = (Name("x"), Name("q"), await (await Connect()).CreateChannelAsync());
        await channel.ExchangeDeclareAsync(exchange, "headers", durable: false, autoDelete: true);
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: false);
        var path = $"bindings/%2F/e/{exchange}/q/{queue}";
        Assert.That((await Http.List(path)), Is.Empty);
        var body = new JsonObject { ["routing_key"] = key, ["arguments"] = arguments is null ? null : JsonNode.Parse(arguments) };
        var made = await Http.Send(HttpMethod.Post, path, body.ToJsonString());
        Assert.That(made.Status, Is.EqualTo(HttpStatusCode.Created));
        var shown = (await Http.List(path)).Single();
        var word = Text(shown, "properties_key");
        Assert.That(properties.EndsWith('?') ? word[..(properties.Length - 4)] : word, Is.EqualTo(properties.TrimEnd('?')));
        Assert.That((Text(shown, "routing_key"), Text(shown, "destination_type")), Is.EqualTo((key, "queue")));
        Assert.That($"{made.Response!.Headers.Location}", Is.EqualTo($"{queue}/{Uri.EscapeDataString(word)}"));
        foreach (var list in (string[])[$"exchanges/%2F/{exchange}/bindings/source", $"queues/%2F/{queue}/bindings"])
            Assert.That((await Http.List(list)).Select(binding => Text(binding, "properties_key")), Has.One.EqualTo(word), list);
        Assert.That((await Http.Get($"{path}/other")).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await Http.Get($"{path}/{word}")).Status, Is.EqualTo(HttpStatusCode.OK), "as it is");
        Assert.That((await Http.Delete($"{path}/{Uri.EscapeDataString(word)}")).Status, Is.EqualTo(HttpStatusCode.NoContent), "quoted for the path");
        Assert.That((await Http.Get(path)).Status, Is.EqualTo(HttpStatusCode.NotFound), "the exchange went with its last binding");
    }

    [Test]
    public async Task Exchanges_are_bound_to_exchanges()
    {
        var channel = await (await Connect()).CreateChannelAsync();
        var (from, to) = (Name("from"), Name("to"));
        foreach (var name in new[] { from, to }) await channel.ExchangeDeclareAsync(name, "fanout");
        var path = $"bindings/%2F/e/{from}/e/{to}";
        Assert.That((await Http.Send(HttpMethod.Post, path, body: null)).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Http.List($"exchanges/%2F/{to}/bindings/destination")).Select(binding => (Text(binding, "source"), Text(binding, "destination_type"))), Is.EqualTo(new[] { (from, "exchange") }));
        Assert.That((await Http.Delete($"{path}/~")).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Http.Send(HttpMethod.Post, $"bindings/%2F/e/none/e/{to}", body: null)).Status, Is.EqualTo(HttpStatusCode.NotFound));
        var refused = await Http.Send(HttpMethod.Post, $"bindings/%2F/e/amq.default/e/{to}", body: null);
        Assert.That(refused.Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        foreach (var name in new[] { from, to }) await channel.ExchangeDeleteAsync(name);
    }

    [Test]
    public async Task Users_without_permissions_are_listed_and_several_are_deleted_at_once()
    {
        string[] users = [Name("u1"), Name("u2")];
        foreach (var user in users) await Http.Put($"users/{user}", new { password = "p", tags = "" });
        Assert.That((await Http.List("users/without-permissions")).Select(user => Text(user, "name")), Is.SupersetOf(users));
        Assert.That((await Http.Send(HttpMethod.Post, "users/bulk-delete", new { users })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Http.List("users")).Select(user => Text(user, "name")), Has.None.AnyOf(users));
    }

    private static string Text(ApiAnswer answer, string key) => answer[key]!.GetValue<string>();

    private static string Text(JsonObject item, string key) => item[key]!.GetValue<string>();
}
