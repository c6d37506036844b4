using System.Net;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Management.Tests;

/// <summary>Messages that are looked at and not taken, and those that wait in an exchange.</summary>
internal sealed class BrowseTests : ApiFixture
{
    [Test]
    public async Task A_queue_shows_its_messages_and_does_not_hear_of_it()
    {
        var (name, channel) = (Name("a/b"), await (await Connect()).CreateChannelAsync());
        await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false);
        var properties = new BasicProperties { MessageId = "id", Persistent = true, Headers = new Dictionary<string, object?> { ["h"] = 1 } };
        await channel.BasicPublishAsync("", name, mandatory: false, properties, "first"u8.ToArray());
        await channel.BasicPublishAsync("", name, new byte[] { 0xFF });
        await channel.BasicPublishAsync("", name, "third"u8.ToArray());
        await Eventually.True(async () => await channel.MessageCountAsync(name) == 3);
        await channel.BasicGetAsync(name, autoAck: false);

        var path = $"queues/%2F/{Uri.EscapeDataString(name)}/messages";
        var part = (await Api.Get($"{path}?count=2&truncate=3")).Json!;
        var (first, second) = (part["messages"]![0]!, part["messages"]![1]!);
        Assert.Multiple(() =>
        {
            Assert.That((Text(first, "state"), Text(first, "payload"), Text(first, "payload_encoding")), Is.EqualTo(("unacknowledged", "fir", "string")));
            Assert.That(first["payload_bytes"]!.GetValue<int>(), Is.EqualTo(5));
            Assert.That(first["properties"]!.ToJsonString(), Is.EqualTo("""{"headers":{"h":1},"delivery_mode":2,"message_id":"id"}"""));
            Assert.That((Text(second, "state"), Text(second, "payload"), Text(second, "payload_encoding")), Is.EqualTo(("ready", "/w==", "base64")));
            Assert.That((second["redelivered"]!.GetValue<bool>(), part["is_last"]!.GetValue<bool>()), Is.EqualTo((false, false)));
        });
        var rest = (await Api.Get($"{path}?from={part["next"]}")).Json!;
        Assert.That((Text(rest["messages"]!.AsArray().Single()!, "payload"), rest["is_last"]!.GetValue<bool>()), Is.EqualTo(("third", true)));
        var got = await channel.BasicGetAsync(name, autoAck: true);
        Assert.That((got!.Body.ToArray(), got.Redelivered), Is.EqualTo((new byte[] { 0xFF }, false)));
        await channel.QueueDeleteAsync(name);
        Assert.That((await Api.Get(path)).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task A_copy_is_told_from_another_one_by_what_is_in_it()
    {
        var (name, channel) = (Name("copy"), await (await Connect()).CreateChannelAsync(new CreateChannelOptions(true, true)));
        var path = $"queues/%2F/{Uri.EscapeDataString(name)}/copy";
        Assert.That((await Api.Get(path)).Status, Is.EqualTo(HttpStatusCode.NotFound));
        await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false);
        var empty = await Copy();
        await channel.BasicPublishAsync("", name, new byte[] { 1, 2, 3 });
        var one = await Copy();
        await channel.BasicPublishAsync("", name, new byte[100_000]);
        var two = await Copy();
        Assert.That((empty.Messages, one.Messages, two.Messages), Is.EqualTo((0, 1, 2)));
        Assert.That(new[] { empty.Hash, one.Hash, two.Hash }, Is.Unique);
        await channel.BasicGetAsync(name, autoAck: false);
        Assert.That(await Copy(), Is.EqualTo(two), "a message that a consumer has is there");

        async Task<(int Messages, string Hash)> Copy()
        {
            var answer = await Api.Get(path);
            return (answer["messages"]!.GetValue<int>(), answer["sha256"]!.GetValue<string>());
        }
    }

    [TestCase("count=0")]
    [TestCase("count=1001")]
    [TestCase("from=-1")]
    [TestCase("truncate=-1")]
    [TestCase("count=many")]
    public async Task Too_much_and_nonsense_is_refused(string query) =>
        Assert.That((await Api.Get($"queues/%2F/any/messages?{query}")).Status, Is.EqualTo(HttpStatusCode.BadRequest));

    [Test]
    public async Task Messages_that_wait_in_an_exchange_are_seen_and_can_be_taken_out()
    {
        var (name, channel) = (Name(), await (await Connect()).CreateChannelAsync(new CreateChannelOptions(true, true)));
        await channel.ExchangeDeclareAsync(name, "x-delayed-message", arguments: new Dictionary<string, object?> { ["x-delayed-type"] = "fanout" });
        await channel.QueueDeclareAsync(name, durable: false, exclusive: true, autoDelete: false);
        await channel.QueueBindAsync(name, name, "");
        var before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        foreach (var (id, ms) in ((string, int)[])[("a", 600_000), ("b", 600_000), ("b", 600_000), ("c", 3_000)])
        {
            var properties = new BasicProperties { MessageId = id, Headers = new Dictionary<string, object?> { ["x-delay"] = ms } };
            await channel.BasicPublishAsync(name, "", mandatory: false, properties, ReadOnlyMemory<byte>.Empty);
        }
        Assert.That(await Delayed(), Is.EqualTo(4));

        var path = $"exchanges/%2F/{name}/delayed";
        var waiting = (await Api.Get(path)).Json!["messages"]!.AsArray();
        Assert.That(waiting.Select(message => message!["properties"]!["message_id"]!.GetValue<string>()), Is.EqualTo((string[])["a", "b", "b", "c"]));
        Assert.That(waiting[0]!["due"]!.GetValue<long>() - before, Is.InRange(600_000, 610_000));
        Assert.That(Text(waiting[0]!, "state"), Is.EqualTo("delayed"));
        Assert.That((await Api.Get($"{path}?message_id=b")).Json!["messages"]!.AsArray(), Has.Count.EqualTo(2));

        Assert.That((await Api.Delete($"{path}?message_id=b")).Json!["cancelled"]!.GetValue<int>(), Is.EqualTo(2));
        Assert.That((await Api.Delete($"{path}?message_id=b")).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await Api.Delete(path)).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await Api.Delete($"{path}/{waiting[0]!["position"]}")).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Api.Delete($"{path}/{waiting[0]!["position"]}")).Status, Is.EqualTo(HttpStatusCode.NotFound));
        await Eventually.True(async () => await channel.MessageCountAsync(name) == 1);
        Assert.That((await channel.BasicGetAsync(name, autoAck: true))!.BasicProperties.MessageId, Is.EqualTo("c"));
        await Eventually.That(Delayed, Is.Zero);
        Assert.That((await Api.Get("exchanges/%2F/amq.fanout/delayed")).Status, Is.EqualTo(HttpStatusCode.NotFound));
        await channel.ExchangeDeleteAsync(name);

        async Task<int> Delayed() => (await Api.List("exchanges/%2F")).Single(each => each["name"]!.GetValue<string>() == name)["messages_delayed"]!.GetValue<int>();
    }

    private static string Text(System.Text.Json.Nodes.JsonNode node, string key) => node[key]!.GetValue<string>();
}
