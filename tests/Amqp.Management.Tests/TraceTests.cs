using System.Net;
using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Management.Tests;

/// <summary>A message is looked up by its id.</summary>
internal sealed class TraceTests : ApiFixture
{
    private string _vhost = "";

    [SetUp]
    public async Task MakeVhost()
    {
        _vhost = Name();
        await Api.Put($"vhosts/{_vhost}", "{}");
        await Api.Put($"permissions/{_vhost}/guest", """{"configure":".*","write":".*","read":".*"}""");
    }

    [TearDown]
    public Task DeleteVhost() => Api.Delete($"vhosts/{_vhost}");

    [Test]
    public async Task A_message_is_followed_through_its_queues()
    {
        await TraceBy("""{"trace":true,"dead-letter-exchange":"","dead-letter-routing-key":"dead"}""", "^(q|dead)$");
        var channel = await Channel();
        await Declare(channel, "q", "dead", "untraced");
        await Publish(channel, "q");
        await channel.BasicRejectAsync((await channel.BasicGetAsync("q", autoAck: false))!.DeliveryTag, requeue: true);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            if (delivery.RoutingKey == "q") await channel.BasicNackAsync(delivery.DeliveryTag, multiple: false, requeue: false);
            else await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
        };
        await channel.BasicConsumeAsync("q", autoAck: false, "worker", consumer);
        await channel.BasicConsumeAsync("dead", autoAck: false, "morgue", consumer);
        await Eventually.That(async () => await Steps("id=m"), Is.EqualTo((string[])
        [
            "published ", "entered q", "got q", "requeued q", "delivered q", "rejected q", "entered dead", "delivered dead", "acknowledged dead",
        ]));
        var events = (await Find("id=m")).Single()["events"]!.AsArray();
        Assert.That(events[0]!.ToJsonString(), Does.Contain("\"exchange\":\"\",\"routing_key\":\"q\",\"queues\":[\"q\"],\"user\":\"guest\""));
        Assert.That(events.Single(each => each!["step"]!.GetValue<string>() == "rejected")!["dead_letter_exchange"]!.GetValue<string>(), Is.Empty);
        await Publish(channel, "untraced", id: "u");
        Assert.That(await Find("id=u"), Is.Empty);
    }

    [TestCase("id=m", 1)]
    [TestCase("id=c", 1)]
    [TestCase("message_id=m", 1)]
    [TestCase("message_id=c", 0)]
    [TestCase("correlation_id=c", 1)]
    [TestCase("correlation_id=m", 0)]
    [TestCase("id=M", 0)]
    public async Task It_is_found_by_its_ids(string query, int count)
    {
        await TraceBy("""{"trace":true}""", "");
        var channel = await Channel();
        await Declare(channel, "q");
        await Publish(channel, "q");
        Assert.That(await Find(query), Has.Length.EqualTo(count));
    }

    [Test]
    public async Task Of_a_virtual_host_that_is_traced_all_is_kept_and_what_no_queue_gets_too()
    {
        await Api.Put($"vhosts/{_vhost}", """{"tracing":true}""");
        var channel = await Channel();
        await Publish(channel, "nowhere");
        Assert.That(await Steps("id=m"), Is.EqualTo((string[])["unroutable "]));
        await channel.QueueDeclareAsync("small", durable: false, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 1 });
        foreach (var id in (string[])["first", "second", "third"]) await Publish(channel, "small", id);
        Assert.That(await Steps("id=first"), Is.EqualTo((string[])["published ", "entered small", "maxlen small"]));
        await channel.QueuePurgeAsync("small");
        await Publish(channel, "small", "fourth");
        await channel.QueueDeleteAsync("small");
        Assert.That((await Steps("id=third"))[^1], Is.EqualTo("purged small"));
        Assert.That((await Steps("id=fourth"))[^1], Is.EqualTo("queue_deleted small"));
    }

    [Test]
    public async Task A_transaction_is_in_its_queue_when_it_is_committed()
    {
        await TraceBy("""{"trace":true}""", "");
        var channel = await (await Connect(vhost: _vhost)).CreateChannelAsync();
        await Declare(channel, "q");
        await channel.TxSelectAsync();
        await Publish(channel, "q");
        await channel.TxRollbackAsync();
        Assert.That(await Steps("id=m"), Is.EqualTo((string[])["published "]));
        await Publish(channel, "q", "n");
        await channel.TxCommitAsync();
        Assert.That(await Steps("id=n"), Is.EqualTo((string[])["published ", "entered q"]));
    }

    [Test]
    public async Task Operators_have_traced_what_a_policy_of_users_acts_on_too()
    {
        await TraceBy("""{"max-length":10}""", "");
        await Api.Put($"operator-policies/{_vhost}/trace", """{"pattern":"","definition":{"trace":true}}""");
        var channel = await Channel();
        await Declare(channel, "q");
        await Publish(channel, "q");
        Assert.That(await Steps("id=m"), Is.EqualTo((string[])["published ", "entered q"]));
        await Api.Delete($"operator-policies/{_vhost}/trace");
        await Publish(channel, "q", "later");
        Assert.That(await Find("id=later"), Is.Empty);
    }

    [Test]
    public async Task What_is_asked_for_has_to_be_said()
    {
        Assert.That((await Api.Get($"trace/{_vhost}")).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await Api.Get("trace/nothing?id=m")).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await Api.Put($"policies/{_vhost}/p", """{"pattern":"","definition":{"trace":"yes"}}"""))["reason"]!.GetValue<string>(), Does.Contain("<<\"yes\">> is not a valid trace value"));
    }

    private async Task TraceBy(string definition, string pattern) =>
        Assert.That((await Api.Put($"policies/{_vhost}/p", $$"""{"pattern":"{{pattern}}","definition":{{definition}}}""")).Status, Is.EqualTo(HttpStatusCode.Created));

    private async Task<IChannel> Channel() =>
        await (await Connect(vhost: _vhost)).CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));

    private static async Task Declare(IChannel channel, params string[] queues)
    {
        foreach (var queue in queues) await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
    }

    private static async Task Publish(IChannel channel, string queue, string id = "m") =>
        await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { MessageId = id, CorrelationId = "c", Persistent = true }, "x"u8.ToArray());

    private Task<JsonObject[]> Find(string query) => Api.List($"trace/{_vhost}?{query}");

    private async Task<string[]> Steps(string query) =>
        [.. (await Find(query)).Single()["events"]!.AsArray().Select(each => $"{each!["step"]!.GetValue<string>()} {each["queue"]?.GetValue<string>()}")];
}
