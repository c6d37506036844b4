using System.Net;
using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Management.Tests;

/// <summary>What clients do, as operators see it.</summary>
internal sealed class ObserverTests : ApiFixture
{
    private static readonly byte[] TenBytes = new byte[10];

    [Test]
    public async Task The_overview_tells_people_whose_broker_it_is_and_tools_which_RabbitMQ_to_count_on()
    {
        var overview = (await Api.Get("overview")).Json!.AsObject();
        Expect(overview, ("product_name", "Warren"), ("product_version", "0.1.0"), ("rabbitmq_version", "3.13.7"));
    }

    [Test]
    public async Task A_queue_shows_its_messages_where_they_are()
    {
        var name = Name("a/b");
        var channel = await (await Connect()).CreateChannelAsync();
        await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-message-ttl"] = 600_000 });
        for (var message = 0; message < 3; message++) await Publish(channel, name, isPersistent: message > 0);
        await channel.BasicGetAsync(name, autoAck: false);

        var queue = await Queue(name, ready: 2);
        Assert.Multiple(() =>
        {
            Expect(queue, ("vhost", "/"), ("type", "classic"), ("state", "running"), ("policy", null));
            Expect(queue, ("durable", true), ("auto_delete", false), ("exclusive", false), ("consumers", 0));
            Expect(queue, ("messages", 3), ("messages_unacknowledged", 1), ("messages_persistent", 2), ("messages_ram", 3));
            Expect(queue, ("messages_ready_ram", 2), ("messages_unacknowledged_ram", 1));
            Expect(queue, ("message_bytes", 30), ("message_bytes_ready", 20), ("message_bytes_unacknowledged", 10), ("message_bytes_persistent", 20));
            Expect(queue, ("head_message_timestamp", 1_700_000_000));
            Assert.That(queue["arguments"]!.ToJsonString(), Is.EqualTo("""{"x-message-ttl":600000}"""));
            Assert.That(queue["pid"]!.GetValue<string>(), Does.Match("^<test.*@localhost\\.[0-9]+\\.0\\.[0-9]+>$"));
        });
        var listed = (await Api.List("queues/%2F")).Single(each => each["name"]!.GetValue<string>() == name);
        Assert.That(listed["messages"]!.GetValue<int>(), Is.EqualTo(3));

        var purged = await Api.Delete($"queues/%2F/{Uri.EscapeDataString(name)}/contents", ("X-Count", "true"));
        Assert.That(purged["message_count"]!.GetValue<int>(), Is.EqualTo(2));
        var refused = await Api.Delete($"queues/%2F/{Uri.EscapeDataString(name)}?if-empty=true");
        Assert.That(refused.Status, Is.EqualTo(HttpStatusCode.NoContent), "unacked messages do not count, as in RabbitMQ");
        Assert.That((await Api.Get($"queues/%2F/{Uri.EscapeDataString(name)}")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task What_happens_is_shown_with_its_rate_of_everything_that_has_to_do_with_it()
    {
        var name = Name();
        var connection = await Connect();
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync(name, durable: false, exclusive: false, autoDelete: false);
        await channel.ExchangeDeclareAsync(name, "fanout");
        await channel.QueueBindAsync(name, name, "");
        for (var message = 0; message < 3; message++) await channel.BasicPublishAsync(name, "", TenBytes);
        await channel.BasicGetAsync(name, autoAck: true);
        await Eventually.That(async () => Stats(await Queue(name, ready: 2)), Is.EqualTo("publish 3, get_no_ack 1, deliver_get 1"));

        var shown = (await Api.List("connections")).Single(each => each["client_properties"]!["connection_name"]?.GetValue<string>() == TestContext.CurrentContext.Test.Name);
        const string client = "publish 3, confirm 3, get_no_ack 1, deliver_get 1";
        Assert.That(Stats(shown), Is.EqualTo(client));
        Assert.That(shown["recv_oct_details"]!["rate"]!.GetValue<double>(), Is.GreaterThanOrEqualTo(0));
        Assert.That(Stats(await Channel(shown["pid"]!.GetValue<string>(), 1)), Is.EqualTo(client));
        Assert.That(Stats((await Api.List("exchanges/%2F")).Single(each => each["name"]!.GetValue<string>() == name)), Is.EqualTo("publish_in 3, publish_out 3"));
        // Other tests' messages are in these as well.
        var (vhost, overview) = ((await Api.Get("vhosts/%2F")).Json!.AsObject(), (await Api.Get("overview")).Json!.AsObject());
        Assert.That(vhost["message_stats"]!["publish"]!.GetValue<long>(), Is.GreaterThanOrEqualTo(3));
        Assert.That(vhost["messages"]!.GetValue<long>(), Is.GreaterThanOrEqualTo(2).And.EqualTo(vhost["messages_ready"]!.GetValue<long>() + vhost["messages_unacknowledged"]!.GetValue<long>()));
        Assert.That(overview["message_stats"]!["publish"]!.GetValue<long>(), Is.GreaterThanOrEqualTo(3));

        // The rate of what has stopped comes down to nothing; what was counted stays.
        await Eventually.That(async () => (await Queue(name, ready: 2))["message_stats"]!["publish_details"]!["rate"]!.GetValue<double>(), Is.Zero);
        Assert.That(Stats(await Queue(name, ready: 2)), Is.EqualTo("publish 3, get_no_ack 1, deliver_get 1"));

        static string Stats(JsonObject shown) => string.Join(", ", shown["message_stats"]!.AsObject()
            .Where(each => each.Value is JsonValue value && value.GetValue<long>() != 0)
            .Select(each => $"{each.Key} {each.Value}"));
    }

    [Test]
    public async Task A_queue_in_use_or_with_messages_is_deleted_only_when_that_is_wanted()
    {
        var name = Name();
        var channel = await (await Connect()).CreateChannelAsync();
        await channel.QueueDeclareAsync(name, durable: false, exclusive: false, autoDelete: false);
        await Publish(channel, name);
        await Queue(name, ready: 1);
        var notEmpty = await Api.Delete($"queues/%2F/{name}?if-empty=true");
        Assert.That(notEmpty.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(notEmpty["reason"]!.GetValue<string>(), Is.EqualTo($"queue '{name}' in vhost '/' not empty"));
        await channel.BasicQosAsync(0, 1, global: false);
        await channel.BasicConsumeAsync(name, autoAck: false, new AsyncEventingBasicConsumer(channel));
        var inUse = await Api.Delete($"queues/%2F/{name}?if-unused=true");
        Assert.That(inUse["reason"]!.GetValue<string>(), Is.EqualTo($"queue '{name}' in vhost '/' in use"));
        Assert.That((await Api.Delete($"queues/%2F/{name}")).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Api.Delete($"queues/%2F/{name}")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task A_connection_its_channels_and_its_consumers_show_what_they_do()
    {
        var name = Name();
        var connection = await Connect();
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false));
        await channel.QueueDeclareAsync(name, durable: false, exclusive: true, autoDelete: false);
        await channel.BasicQosAsync(0, 5, global: false);
        await channel.BasicQosAsync(0, 9, global: true);
        var delivered = new SemaphoreSlim(0);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, _) => Task.FromResult(delivered.Release());
        var tag = await channel.BasicConsumeAsync(
            name, autoAck: false, "", noLocal: false, exclusive: true, new Dictionary<string, object?> { ["x-priority"] = 3 }, consumer);
        await Publish(channel, name);
        await delivered.WaitAsync(Patience.Answer);
        var other = await connection.CreateChannelAsync();
        await other.TxSelectAsync();
        await Publish(other, "nowhere");
        await Publish(other, name);

        var shown = (await Api.List("connections")).Single(each => each["client_properties"]!["connection_name"]?.GetValue<string>() == TestContext.CurrentContext.Test.Name);
        var pid = shown["pid"]!.GetValue<string>();
        await Eventually.That(
            async () => (await Channel(pid, 2))["messages_uncommitted"]!.GetValue<int>(), Is.EqualTo(2));
        var (first, second) = (await Channel(pid, 1), await Channel(pid, 2));
        var its = (await Api.List("consumers/%2F")).Single(each => each["consumer_tag"]!.GetValue<string>() == tag);
        var queue = (await Api.Get($"queues/%2F/{name}")).Json!.AsObject();
        Assert.Multiple(() =>
        {
            Expect(shown, ("user", "guest"), ("vhost", "/"), ("state", "running"), ("channels", 2), ("ssl", false), ("protocol", "AMQP 0-9-1"));
            Expect(shown, ("auth_mechanism", "PLAIN"), ("frame_max", 131_072), ("channel_max", 2047), ("timeout", 60), ("send_pend", 0));
            Expect(shown, ("host", "127.0.0.1"), ("port", SharedBroker.Process!.Port), ("peer_host", "127.0.0.1"), ("peer_port", connection.LocalPort));
            Expect(shown, ("name", $"127.0.0.1:{connection.LocalPort} -> 127.0.0.1:{SharedBroker.Process.Port}"));
            Assert.That(shown["client_properties"]!["capabilities"]!["publisher_confirms"]!.GetValue<bool>(), Is.True);
            Assert.That(shown["recv_oct"]!.GetValue<long>(), Is.GreaterThan(100));
            Assert.That(shown["send_oct"]!.GetValue<long>(), Is.GreaterThan(100));

            Expect(first, ("confirm", true), ("transactional", false), ("consumer_count", 1), ("messages_unacknowledged", 1), ("state", "running"));
            Expect(first, ("prefetch_count", 5), ("global_prefetch_count", 9), ("messages_unconfirmed", 0), ("user", "guest"), ("vhost", "/"));
            Expect(second, ("confirm", false), ("transactional", true), ("consumer_count", 0), ("acks_uncommitted", 0), ("messages_uncommitted", 2));

            Expect(its, ("ack_required", true), ("exclusive", true), ("prefetch_count", 5), ("active", true), ("activity_status", "up"));
            Assert.That(its["queue"]!.ToJsonString(), Is.EqualTo($$"""{"name":"{{name}}","vhost":"/"}"""));
            Assert.That(its["arguments"]!.ToJsonString(), Is.EqualTo("""{"x-priority":3}"""));
            Assert.That(its["channel_pid"]!.GetValue<string>(), Is.EqualTo(first["pid"]!.GetValue<string>()));

            Expect(queue, ("owner_pid", pid), ("exclusive", true), ("exclusive_consumer_tag", tag), ("exclusive_consumer_pid", first["pid"]!.GetValue<string>()));
        });
    }

    [Test]
    public async Task A_closed_connection_is_told_the_operators_reason()
    {
        var connection = await Connect();
        var ended = new TaskCompletionSource<string>();
        connection.ConnectionShutdownAsync += (_, reason) => Task.FromResult(ended.TrySetResult(reason.ReplyText));
        var shown = (await Api.List("connections")).Single(each => each["peer_port"]!.GetValue<int>() == connection.LocalPort);
        var path = $"connections/{Uri.EscapeDataString(shown["name"]!.GetValue<string>())}";
        Assert.That((await Api.Delete(path, ("X-Reason", "enough"))).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await ended.Task.WaitAsync(Patience.Answer), Is.EqualTo("CONNECTION_FORCED - enough"));
        await Eventually.That(async () => (await Api.Get(path)).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await Api.Delete(path)).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Exchanges_and_bindings_are_listed_with_those_that_every_virtual_host_has()
    {
        var (exchange, queue) = (Name("x"), Name("q"));
        var channel = await (await Connect()).CreateChannelAsync();
        await channel.ExchangeDeclareAsync(exchange, "topic", durable: true, autoDelete: false, new Dictionary<string, object?> { ["alternate-exchange"] = "amq.fanout" });
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: false);
        await channel.QueueBindAsync(queue, exchange, "a.*.b", new Dictionary<string, object?> { ["note"] = true });
        var exchanges = await Api.List("exchanges/%2F");
        Assert.That(exchanges.Select(each => each["name"]!.GetValue<string>()), Is.SupersetOf(new[] { "", "amq.direct", "amq.rabbitmq.trace", exchange }));
        var own = exchanges.Single(each => each["name"]!.GetValue<string>() == exchange);
        Expect(own, ("type", "topic"), ("durable", true), ("auto_delete", false), ("internal", false), ("vhost", "/"));
        Assert.That(own["arguments"]!.ToJsonString(), Is.EqualTo("""{"alternate-exchange":"amq.fanout"}"""));
        var bindings = (await Api.List("bindings/%2F")).Where(each => each["destination"]!.GetValue<string>() == queue).ToArray();
        Assert.That(bindings, Has.Length.EqualTo(2));
        Expect(bindings[0], ("source", ""), ("destination_type", "queue"), ("routing_key", queue));
        Expect(bindings[1], ("source", exchange), ("destination_type", "queue"), ("routing_key", "a.*.b"));
        Assert.That(bindings[1]["arguments"]!.ToJsonString(), Is.EqualTo("""{"note":true}"""));
    }

    [Test]
    public async Task Arguments_that_are_not_UTF8_are_shown_as_well_as_can_be()
    {
        await using var raw = await RawConnection.Open(SharedBroker.Address);
        await raw.OpenChannel(1);
        var queue = Name();
        await raw.Call<AMQP.Net.QueueDeclare, AMQP.Net.QueueDeclareOk>(
            1, new AMQP.Net.QueueDeclare(queue, false, false, true, false, false, AMQP.Net.FieldTable.From(("caf\uDCE9", AMQP.Net.FieldValue.From("\uDCE9!")))));
        Assert.That((await Queue(queue, ready: 0))["arguments"]!.ToJsonString(), Is.EqualTo("""{"caf\uFFFD":"\uFFFD!"}"""));
    }

    [Test]
    public async Task A_list_of_a_virtual_host_that_is_not_there_is_not_found()
    {
        foreach (var list in new[] { "queues", "exchanges", "bindings", "consumers", "vhost-limits" })
            Assert.That((await Api.Get($"{list}/nowhere")).Status, Is.EqualTo(HttpStatusCode.NotFound), list);
    }

    private static ValueTask Publish(IChannel channel, string queue, bool isPersistent = false) => channel.BasicPublishAsync(
        "", queue, mandatory: false, new BasicProperties { Persistent = isPersistent, Timestamp = new AmqpTimestamp(1_700_000_000) }, TenBytes);

    /// <summary>The queue, when so many messages have come.</summary>
    private static async Task<JsonObject> Queue(string name, int ready)
    {
        var path = $"queues/%2F/{Uri.EscapeDataString(name)}";
        await Eventually.That(async () => (await Api.Get(path))["messages_ready"]!.GetValue<int>(), Is.EqualTo(ready));
        return (await Api.Get(path)).Json!.AsObject();
    }

    private static async Task<JsonObject> Channel(string connection, int number) =>
        (await Api.List("channels")).Single(each => each["connection"]!.GetValue<string>() == connection && each["number"]!.GetValue<int>() == number);

    private static void Expect(JsonObject shown, params (string Key, object? Value)[] expected)
    {
        foreach (var (key, value) in expected)
        {
            Assert.That(shown.ContainsKey(key), Is.True, key);
            Assert.That(shown[key]?.ToJsonString(), Is.EqualTo(JsonValue.Create(value)?.ToJsonString()), key);
        }
    }
}
