using System.Text;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Conformance.Tests;

/// <summary>What happens on the broker, as messages of the exchange amq.rabbitmq.event. RabbitMQ has it as a plug-in.</summary>
[Same]
public sealed class EventTests : ConformanceFixture
{
    private const string EventExchange = "amq.rabbitmq.event";

    [Test]
    public async Task What_clients_declare_and_delete_is_told()
    {
        var channel = await OpenChannel();
        var (exchange, queue) = (Name("x"), Name("q"));
        var events = await Watch(channel, "queue.*", "exchange.*", "binding.*");
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, Table(("x-max-length", 5)));
        await channel.ExchangeDeclareAsync(exchange, "topic");
        await channel.QueueBindAsync(queue, exchange, "key", Table(("a", "b")));
        await channel.QueueUnbindAsync(queue, exchange, "key", Table(("a", "b")));
        await channel.QueueBindAsync(queue, exchange, "key");
        await channel.QueueDeleteAsync(queue);
        await channel.ExchangeDeleteAsync(exchange);

        var happened = new List<(string Key, string Says)>();
        while (happened.Count < 8)
        {
            var (key, headers) = await Next(events);
            if (!headers.Values.Any(value => value is byte[] name && (Text(name) == exchange || Text(name) == queue))) continue; // of another test
            Assert.That(Text(headers["vhost"]), Is.EqualTo("/"));
            // What goes with a queue is RabbitMQ's own doing.
            Assert.That(Text(headers["user_who_performed_action"]), Is.EqualTo("guest").Or.EqualTo(key == "binding.deleted" ? "rmq-internal" : "guest"));
            happened.Add((key, string.Join(' ', headers.Where(header => !IsElsewhere(header)).OrderBy(header => header.Key, StringComparer.Ordinal).Select(header => $"{header.Key}={Show(header.Value)}"))));
        }
        var binding = $"destination_kind=queue destination_name={queue} routing_key=key source_kind=exchange source_name={exchange}";
        Assert.That(happened, Is.EqualTo((List<(string, string)>)
        [
            ("queue.created", $"arguments=[{{<<\"x-max-length\">>,signedint,5}}] auto_delete=False durable=True exclusive=False name={queue} owner_pid="),
            ("exchange.created", $"arguments=[] auto_delete=False durable=False internal=False name={exchange} policy= type=topic"),
            ("binding.created", $"arguments=[{{<<\"a\">>,longstr,<<\"b\">>}}] {binding}"),
            ("binding.deleted", $"arguments=[{{<<\"a\">>,longstr,<<\"b\">>}}] {binding}"),
            ("binding.created", $"arguments=[] {binding}"),
            ("binding.deleted", $"arguments=[] {binding}"),
            ("queue.deleted", $"name={queue}"),
            ("exchange.deleted", $"name={exchange}"),
        ]));

        // The type of a queue is told since 3.13.
        static bool IsElsewhere(KeyValuePair<string, object?> header) => header.Key is "vhost" or "user_who_performed_action" or "timestamp_in_ms"
            || (header.Key == "type" && Text(header.Value).StartsWith("rabbit_", StringComparison.Ordinal));
    }

    [Test]
    public async Task What_connections_channels_and_consumers_do_is_told()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var events = await Watch(channel, "connection.*", "channel.*", "consumer.*", "user.authentication.*");
        var name = Guid.NewGuid().ToString();
        string address;
        await using (var connection = await Factory().CreateConnectionAsync(name))
        {
            address = $"127.0.0.1:{connection.LocalPort} -> 127.0.0.1:{Broker.Port}";
            await using var own = await connection.CreateChannelAsync();
            var tag = await own.BasicConsumeAsync(queue, autoAck: false, "tag", noLocal: false, exclusive: false, Table(("x-priority", 2)), new AsyncEventingBasicConsumer(own));
            await own.BasicCancelAsync(tag);
        }
        var happened = new List<string>();
        var pids = new HashSet<string>();
        while (!happened.Contains("connection.closed"))
        {
            var (key, headers) = await Next(events);
            if (key.StartsWith("connection.", StringComparison.Ordinal) && Text(headers.TryGetValue("user_provided_name", out var given) ? given : null) != name) continue;
            if (key == "user.authentication.success" && Text(headers["connection_name"]) != address) continue;
            if (key == "channel.created" && !pids.Contains(Text(headers["connection"]))) continue;
            if (key == "channel.closed" && !pids.Contains(Text(headers["pid"]))) continue;
            if (key.StartsWith("consumer.", StringComparison.Ordinal) && Text(headers["queue"]) != queue) continue;
            if (key is "connection.created" or "channel.created") pids.Add(Text(headers["pid"]));
            if (key == "connection.created")
            {
                Assert.That((Text(headers["name"]), Text(headers["user"]), headers["port"], headers["ssl"]), Is.EqualTo((address, "guest", (long)Broker.Port, false)));
                Assert.That((Text(headers["host"]), Text(headers["protocol"]), Text(headers["auth_mechanism"])), Is.EqualTo(("{127,0,0,1}", "{0,9,1}", "PLAIN")));
            }
            if (key == "consumer.created")
            {
                Assert.That((Text(headers["consumer_tag"]), headers["ack_required"], headers["exclusive"], headers["prefetch_count"]), Is.EqualTo(("tag", (object)true, (object)false, (object)0L)));
                Assert.That(pids, Does.Contain(Text(headers["channel"])));
            }
            happened.Add(key);
        }
        Assert.That(happened, Is.EqualTo((string[])
            ["user.authentication.success", "connection.created", "channel.created", "consumer.created", "consumer.deleted", "channel.closed", "connection.closed"]));
    }

    [Test]
    public async Task A_failed_login_is_told()
    {
        ExpectLog("PLAIN login refused");
        var channel = await OpenChannel();
        var events = await Watch(channel, "user.authentication.failure");
        var user = Name();
        Assert.That(async () => await Connect(factory => factory.UserName = user), Throws.Exception);
        while (true)
        {
            var (_, headers) = await Next(events);
            if (Text(headers["name"]) != user) continue;
            Assert.That((Text(headers["auth_mechanism"]), Text(headers["connection_type"]), Text(headers["peer_host"])), Is.EqualTo(("PLAIN", "network", "{127,0,0,1}")));
            return;
        }
    }

    [Test]
    public async Task Nobody_can_publish_there()
    {
        var channel = await OpenChannel();
        await channel.BasicPublishAsync(EventExchange, "queue.created", Bytes("m"));
        await ExpectClose(channel, 403, $"ACCESS_REFUSED - cannot publish to internal exchange '{EventExchange}' in vhost '/'");
    }

    private async Task<Subscriber> Watch(IChannel channel, params string[] keys)
    {
        var queue = await DeclareQueue(channel, exclusive: true);
        foreach (var key in keys) await channel.QueueBindAsync(queue, EventExchange, key);
        return await Subscriber.Start(channel, queue, autoAck: true);
    }

    private static async Task<(string Key, IDictionary<string, object?> Headers)> Next(Subscriber events)
    {
        var told = await events.Next();
        var properties = told.Properties;
        Assert.That((told.Body.Length, properties.DeliveryMode, properties.IsTimestampPresent()), Is.EqualTo((0, DeliveryModes.Persistent, true)));
        Assert.That((long)properties.Headers!["timestamp_in_ms"]! / 1000, Is.EqualTo(properties.Timestamp.UnixTime));
        return (told.RoutingKey, properties.Headers!);
    }

    private static string Show(object? value) => value switch
    {
        null => "[]", // how the client reads an empty array
        System.Collections.IList list and not byte[] => $"[{string.Join(',', list.Cast<object?>().Select(Show))}]",
        byte[] bytes => Text(bytes),
        _ => $"{value}",
    };

    private static string Text(object? value) => value is byte[] bytes ? Encoding.UTF8.GetString(bytes) : "";
}
