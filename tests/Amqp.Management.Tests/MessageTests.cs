using System.Net;
using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Management.Tests;

/// <summary>Messages that are published and got over HTTP.</summary>
internal sealed class MessageTests : ApiFixture
{
    private static readonly string[] BackAndForth = ["ack_requeue_true", "reject_requeue_true"];

    private static HttpApi Http => new(SharedBroker.Process!);

    [Test]
    public async Task What_is_published_over_HTTP_is_what_a_client_gets()
    {
        var (name, channel) = (Name("a/b"), await (await Connect()).CreateChannelAsync());
        await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false);
        var properties = new { delivery_mode = 2, priority = 1, content_type = "text/plain", timestamp = 1_700_000_000, headers = new { h = 1, t = new { x = "y" } }, message_id = "id", unknown = 1 };
        Assert.That((await Publish("amq.default", name, "grüße", "string", properties)).Json!.ToJsonString(), Is.EqualTo("""{"routed":true}"""));
        Assert.That((await Publish("amq.default", name, "/wA=", "base64", Array.Empty<int>()))["routed"]!.GetValue<bool>(), Is.True, "PHP writes an empty object as an array");
        Assert.That((await Publish("amq.direct", "nowhere", "x"))["routed"]!.GetValue<bool>(), Is.False);
        var first = (await channel.BasicGetAsync(name, autoAck: true))!;
        Assert.That((System.Text.Encoding.UTF8.GetString(first.Body.Span), first.BasicProperties.Persistent, first.BasicProperties.Timestamp.UnixTime), Is.EqualTo(("grüße", true, 1_700_000_000)));
        Assert.That((first.BasicProperties.ContentType, first.BasicProperties.MessageId, first.BasicProperties.Headers!["h"]), Is.EqualTo(("text/plain", "id", 1L)));
        Assert.That((await channel.BasicGetAsync(name, autoAck: true))!.Body.ToArray(), Is.EqualTo(new byte[] { 0xFF, 0 }));
        await channel.QueueDeleteAsync(name);
    }

    [Test]
    public async Task What_is_got_shows_all_of_a_message()
    {
        var name = await QueueWith("first", "second");
        var path = $"queues/%2F/{name}/get";
        var got = (await Http.Send(HttpMethod.Post, path, new { count = 5, ackmode = "ack_requeue_false", encoding = "auto", truncate = 3 })).Json!.AsArray();
        Assert.That(got.Select(message => message!.ToJsonString()), Is.EqualTo(new[]
        {
            $$"""{"payload_bytes":5,"redelivered":false,"exchange":"","routing_key":"{{name}}","message_count":1,"properties":{"delivery_mode":2},"payload":"fir","payload_encoding":"string"}""",
            $$"""{"payload_bytes":6,"redelivered":false,"exchange":"","routing_key":"{{name}}","message_count":0,"properties":{"delivery_mode":2},"payload":"sec","payload_encoding":"string"}""",
        }));
        Assert.That((await Http.Send(HttpMethod.Post, path, new { count = "1", ackmode = "ack_requeue_false", encoding = "base64" })).Json!.AsArray(), Is.Empty);
        await Http.Delete($"queues/%2F/{name}");
    }

    [TestCaseSource(nameof(BackAndForth))]
    public async Task What_was_got_can_go_back_where_it_was(string mode)
    {
        var name = await QueueWith("first", "second");
        foreach (var wasOut in (bool[])[false, true])
        {
            var got = (await Http.Send(HttpMethod.Post, $"queues/%2F/{name}/get", new { count = 2, ackmode = mode, encoding = "auto" })).Json!.AsArray();
            Assert.That(got.Select(message => (message!["payload"]!.GetValue<string>(), message["redelivered"]!.GetValue<bool>())), Is.EqualTo(new[] { ("first", wasOut), ("second", wasOut) }));
        }
        Assert.That((await Http.Send(HttpMethod.Post, $"queues/%2F/{name}/get", new { count = 2, ackmode = "reject_requeue_false", encoding = "base64" })).Json!.AsArray().Select(message => message!["payload"]!.GetValue<string>()),
            Is.EqualTo(new[] { "Zmlyc3Q=", "c2Vjb25k" }));
        await Eventually.That(async () => (await Http.Get($"queues/%2F/{name}"))["messages"]!.GetValue<int>(), Is.Zero);
        await Http.Delete($"queues/%2F/{name}");
    }

    [TestCase("""{"routing_key":"k","properties":{},"payload":"x"}""", "{key_missing,payload_encoding}")]
    [TestCase("""{"routing_key":"k","properties":{},"payload":"x","payload_encoding":"gzip"}""", "{unsupported_encoding,gzip}")]
    [TestCase("""{"routing_key":"k","properties":{},"payload":"=","payload_encoding":"base64"}""", "the payload is not base64")]
    [TestCase("""{"routing_key":"k","properties":{},"payload":{},"payload_encoding":"string"}""", "'payload' is not a text")]
    [TestCase("""{"routing_key":"k","properties":{"delivery_mode":"2"},"payload":"x","payload_encoding":"string"}""", "{not_int,delivery_mode}")]
    [TestCase("""{"routing_key":"k","properties":{"priority":256},"payload":"x","payload_encoding":"string"}""", "{not_int,priority}")]
    [TestCase("""{"routing_key":"k","properties":{"message_id":1},"payload":"x","payload_encoding":"string"}""", "{not_string,message_id}")]
    [TestCase("""{"routing_key":"k","properties":{"user_id":"other"},"payload":"x","payload_encoding":"string"}""", "406 PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'")]
    [TestCase("""{"routing_key":"k","properties":{"expiration":"soon"},"payload":"x","payload_encoding":"string"}""", "406 PRECONDITION_FAILED - invalid expiration 'soon'")]
    public async Task A_message_that_cannot_be_published_is_refused_with_the_reason(string body, string reason)
    {
        var answer = await Http.Send(HttpMethod.Post, "exchanges/%2F/amq.direct/publish", body);
        Assert.That((answer.Status, answer["error"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.BadRequest, "bad_request")));
        Assert.That(answer["reason"]!.GetValue<string>(), Does.StartWith(reason));
    }

    [TestCase("""{"count":1,"encoding":"auto"}""", "{key_missing,ackmode}")]
    [TestCase("""{"count":1,"ackmode":"ack","encoding":"auto"}""", "ackmode has to be")]
    [TestCase("""{"count":-1,"ackmode":"ack_requeue_true","encoding":"auto"}""", "count cannot be negative")]
    [TestCase("""{"count":1,"ackmode":"ack_requeue_true","encoding":"hex"}""", "Unsupported encoding. Please use auto or base64.")]
    [TestCase("""{"count":"one","ackmode":"ack_requeue_true","encoding":"auto"}""", "'count' is not a whole number")]
    public async Task What_is_not_asked_for_as_it_should_be_is_not_got(string body, string reason)
    {
        var name = await QueueWith("first");
        var answer = await Http.Send(HttpMethod.Post, $"queues/%2F/{name}/get", body);
        Assert.That((answer.Status, answer["reason"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.BadRequest, answer["reason"]!.GetValue<string>())));
        Assert.That(answer["reason"]!.GetValue<string>(), Does.StartWith(reason));
        Assert.That((await Http.Get($"queues/%2F/{name}"))["messages"]!.GetValue<int>(), Is.EqualTo(1));
        await Http.Delete($"queues/%2F/{name}");
    }

    [Test]
    public async Task A_user_may_do_what_its_permissions_allow_and_leaves_no_connection_behind()
    {
        var name = await QueueWith("first");
        await Api.Put("users/reader", new { password = "p", tags = "management" });
        await Api.Put("permissions/%2F/reader", new { configure = "", write = "^none$", read = ".*" });
        var reader = new HttpApi(SharedBroker.Process!, "reader", "p");
        var refused = await reader.Send(HttpMethod.Post, "exchanges/%2F/amq.direct/publish", new { routing_key = "k", properties = new { }, payload = "x", payload_encoding = "string" });
        Assert.That((refused.Status, refused["reason"]!.GetValue<string>()), Is.EqualTo(
            (HttpStatusCode.Unauthorized, "ACCESS_REFUSED - write access to exchange 'amq.direct' in vhost '/' refused for user 'reader'")));
        Assert.That((await reader.Send(HttpMethod.Post, $"queues/%2F/{name}/get", new { count = 1, ackmode = "ack_requeue_true", encoding = "auto" })).Json!.AsArray(), Has.Count.EqualTo(1));
        await Api.Put("permissions/%2F/reader", new { configure = "", write = "", read = "^none$" });
        Assert.That((await reader.Send(HttpMethod.Post, $"queues/%2F/{name}/get", new { count = 1, ackmode = "ack_requeue_true", encoding = "auto" })).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        await Eventually.That(async () => (await Api.List("connections")).Count(each => each["user"]!.GetValue<string>() == "reader"), Is.Zero);
        var missing = await Http.Send(HttpMethod.Post, "exchanges/%2F/nothing/publish", new { routing_key = "k", properties = new { }, payload = "x", payload_encoding = "string" });
        Assert.That(missing.Status, Is.EqualTo(HttpStatusCode.NotFound));
        var operators = await Api.Send(HttpMethod.Post, "exchanges/%2F/amq.direct/publish", new { routing_key = "k", properties = new { }, payload = "x", payload_encoding = "string" });
        Assert.That(operators["reason"]!.GetValue<string>(), Does.StartWith("messages are published and got as a user"));
        await Api.Delete("users/reader");
        await Http.Delete($"queues/%2F/{name}");
    }

    [Test]
    public async Task A_full_queue_that_refuses_says_so()
    {
        var (name, channel) = (Name(), await (await Connect()).CreateChannelAsync());
        await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 1, ["x-overflow"] = "reject-publish" });
        Assert.That((await Publish("amq.default", name, "x")).Status, Is.EqualTo(HttpStatusCode.OK));
        var refused = await Publish("amq.default", name, "x");
        Assert.That((refused.Status, refused["reason"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.BadRequest, "rejected Unable to publish message. Check queue limits.")));
        await channel.QueueDeleteAsync(name);
    }

    [Test]
    public async Task While_no_messages_are_taken_a_publish_is_refused_and_not_left_waiting()
    {
        await using var broker = await TestBroker.Start();
        var (api, http) = (new ControlApi(broker), new HttpApi(broker));
        var node = (await api.List("nodes")).Single()["name"]!.GetValue<string>();
        await api.Put($"nodes/{node}/memory-high-watermark", new { absolute = 0 });
        await Eventually.That(async () => (await api.List("nodes")).Single()["mem_alarm"]!.GetValue<bool>(), Is.True);
        var body = new { routing_key = "k", properties = new { }, payload = new string('x', 1 << 20), payload_encoding = "string" };
        var refused = await http.Send(HttpMethod.Post, "exchanges/%2F/amq.direct/publish", body);
        Assert.That((refused.Status, refused["error"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "service_unavailable")));
        Assert.That(refused["reason"]!.GetValue<string>(), Does.StartWith("no messages are taken at this time: "));
        // Its connection is noticed to be gone, and what it had begun to publish with it.
        await Eventually.That(async () => await api.List("connections"), Is.Empty, Patience.Start);
    }

    private static Task<ApiAnswer> Publish(string exchange, string key, string payload, string encoding = "string", object? properties = null) =>
        Http.Send(HttpMethod.Post, $"exchanges/%2F/{exchange}/publish", new { routing_key = key, properties = properties ?? new { }, payload, payload_encoding = encoding });

    /// <summary>A queue with persistent messages; its name needs no escaping.</summary>
    private static async Task<string> QueueWith(params string[] payloads)
    {
        var name = $"q-{TestContext.CurrentContext.Test.ID}";
        await Http.Put($"queues/%2F/{name}", new { durable = true });
        foreach (var payload in payloads) await Publish("amq.default", name, payload, properties: new { delivery_mode = 2 });
        return name;
    }
}
