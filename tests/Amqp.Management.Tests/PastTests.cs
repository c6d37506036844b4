using System.Net;
using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Management.Tests;

/// <summary>How things went: samples of the past, and what came and went.</summary>
internal sealed class PastTests : ApiFixture
{
    /// <summary>Two passes of the sampler, and some.</summary>
    private static readonly TimeSpan Passes = TimeSpan.FromSeconds(20);

    private const string Ranges = "lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5&data_rates_age=60&data_rates_incr=5";

    [Test]
    public async Task Samples_tell_how_a_queue_grew()
    {
        await using var connection = await Connect();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        var queue = Name();
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        for (var number = 0; number < 3; number++) await channel.BasicPublishAsync("", queue, new byte[1]);
        await Eventually.That(async () => await Samples(queue), Does.Contain(3), Passes);
        await channel.BasicGetAsync(queue, autoAck: true);
        // The newest is first; before there was anything, there was nothing.
        await Eventually.That(async () => await Samples(queue), Has.ItemAt(0).EqualTo(2).And.Contains(3).And.Contains(0), Passes);
        var shown = (await Api.Get($"queues/%2F/{queue}?{Ranges}")).Json!;
        var times = shown["messages_details"]!["samples"]!.AsArray().Select(sample => sample!["timestamp"]!.GetValue<long>()).ToArray();
        Assert.That(times, Is.Ordered.Descending);
        Assert.That(DateTimeOffset.FromUnixTimeMilliseconds(times[0]), Is.EqualTo(TimeProvider.System.GetUtcNow()).Within(Passes));
        Assert.That(shown["message_stats"]!["publish_details"]!["samples"]![0]!["sample"]!.GetValue<int>(), Is.EqualTo(3));
        Assert.That(shown["messages_details"]!["avg"]!.GetValue<double>(), Is.InRange(0.1, 3));
        Assert.That((await Api.Get($"queues/%2F/{queue}"))["messages_details"]!.AsObject().Select(member => member.Key), Is.EqualTo((string[])["rate"]));
    }

    [TestCase("overview", "queue_totals.messages_details")]
    [TestCase("vhosts/%2F", "messages_details")]
    [TestCase("vhosts/%2F", "recv_oct_details")]
    public async Task They_are_there_of_everything_that_is_measured(string path, string field)
    {
        JsonNode? node = (await Api.Get($"{path}?{Ranges}")).Json;
        foreach (var name in field.Split('.')) node = node![name];
        Assert.That(node!.AsObject().Select(member => member.Key), Is.EqualTo((string[])["rate", "samples", "avg_rate", "avg"]));
    }

    [Test]
    public async Task They_are_there_of_connections_and_channels()
    {
        await using var connection = await Connect();
        await using var channel = await connection.CreateChannelAsync();
        var shown = (await Api.List($"connections?{Ranges}")).First();
        Assert.That(shown["recv_oct_details"]!["samples"], Is.Not.Null);
        await channel.QueueDeclareAsync(Name(), durable: false, exclusive: true, autoDelete: false);
        await channel.BasicPublishAsync("", "nowhere", new byte[1]);
        await Eventually.True(async () => (await Api.List($"channels?{Ranges}")).Any(one => one["message_stats"]?["publish_details"]?["samples"] is not null), Passes);
    }

    [TestCase("lengths_age=0&lengths_incr=5", "Invalid range parameters: age 0, incr 5")]
    [TestCase("msg_rates_age=60&msg_rates_incr=0", "Invalid range parameters: age 60, incr 0")]
    [TestCase("data_rates_age=86400&data_rates_incr=1", "Invalid range parameters: age 86400, incr 1")]
    public async Task A_range_that_is_none_is_refused(string range, string reason)
    {
        var answer = await Api.Get($"queues?{range}");
        Assert.That((answer.Status, answer["error"]!.GetValue<string>(), answer["reason"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.BadRequest, "invalid_range_parameters", reason)));
    }

    [Test]
    public async Task The_overview_tells_what_came_and_went()
    {
        await using var broker = await TestBroker.Start();
        await using (var connection = await Connect(broker))
        {
            await using var channel = await connection.CreateChannelAsync();
            await channel.QueueDeclareAsync("one", durable: true, exclusive: false, autoDelete: false);
            await channel.QueueDeclareAsync("one", durable: true, exclusive: false, autoDelete: false);
            await channel.QueueDeclarePassiveAsync("one");
            await channel.QueueDeleteAsync("one");
            await connection.CloseAsync();
        }
        var api = new ControlApi(broker);
        await Eventually.That(
            async () => (await api.Get("overview"))["churn_rates"]!.AsObject().Where(member => !member.Key.EndsWith("_details", StringComparison.Ordinal)).Select(member => $"{member.Key} {member.Value}"),
            Is.EqualTo((string[])["connection_created 1", "connection_closed 1", "channel_created 1", "channel_closed 1", "queue_declared 2", "queue_created 1", "queue_deleted 1"]));
    }

    [Test]
    public async Task Logins_are_counted_by_protocol()
    {
        await using var broker = await TestBroker.Start();
        await (await Connect(broker)).CloseAsync();
        ExpectLog("PLAIN login refused", broker);
        ExpectLog("HTTP access denied", broker);
        Assert.That(async () => await Connect(broker, password: "wrong"), Throws.Exception);
        await new HttpApi(broker).Get("whoami");
        await new HttpApi(broker, password: "wrong").Get("whoami");
        var api = new ControlApi(broker);
        var node = (await api.List("nodes")).Single()["name"]!.GetValue<string>();
        Assert.That((await api.Get($"auth/attempts/{node}")).Json!.ToJsonString(), Is.EqualTo("""
            [{"protocol":"http","auth_attempts":2,"auth_attempts_failed":1,"auth_attempts_succeeded":1},{"protocol":"amqp091","auth_attempts":2,"auth_attempts_failed":1,"auth_attempts_succeeded":1}]
            """));
        Assert.That((await api.Get($"auth/attempts/{node}/source")).Json!.ToJsonString(), Is.EqualTo("[]"));
        Assert.That((await api.Get("auth/attempts/rabbit@nowhere")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Memory_is_told_in_parts_that_are_the_whole()
    {
        var node = (await Api.List("nodes")).Single()["name"]!.GetValue<string>();
        var memory = (await Api.Get($"nodes/{node}/memory"))["memory"]!.AsObject();
        var parts = memory.Where(part => part.Value is JsonValue value && value.TryGetValue(out long _)).Sum(part => part.Value!.GetValue<long>());
        Assert.That(parts, Is.EqualTo(memory["total"]!["rss"]!.GetValue<long>()).Within(20).Percent);
        Assert.That((await Api.Get($"nodes/{node}/memory/relative"))["memory"]!["total"]!.GetValue<int>(), Is.EqualTo(100));
        Assert.That((await Api.Get("nodes/rabbit@nowhere/memory")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    private static async Task<int[]> Samples(string queue) =>
        [.. (await Api.Get($"queues/%2F/{queue}?{Ranges}"))["messages_details"]!["samples"]!.AsArray().Select(sample => sample!["sample"]!.GetValue<int>())];
}
