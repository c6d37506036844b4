using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>What survives the end of the broker, and how it says goodbye. Every test has a broker of its own.</summary>
[Same]
public sealed class RestartTests : ConformanceFixture
{
    private BrokerProcess _broker = null!;
    private IConnection? _connection;

    [SetUp]
    public async Task StartBroker() => _broker = await StartOwnBroker();

    [TearDown]
    public async Task CloseConnection()
    {
        if (_connection is null) return;
        await _connection.AbortAsync(Patience.Answer);
        await _connection.DisposeAsync();
        _connection = null;
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Durable_exchanges_queues_and_bindings_survive_and_others_do_not(bool killed)
    {
        var channel = await Channel();
        await channel.ExchangeDeclareAsync("durable", "topic", durable: true, arguments: Table(("alternate-exchange", "alternate")));
        await channel.ExchangeDeclareAsync("alternate", "fanout", durable: true);
        await channel.ExchangeDeclareAsync("second", "headers", durable: true);
        await channel.ExchangeDeclareAsync("transient", "direct", durable: false);
        await channel.QueueDeclareAsync("durable", durable: true, exclusive: false, autoDelete: false, Table(("x-expires", 600_000)));
        await channel.QueueDeclareAsync("by-headers", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync("unrouted", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync("transient", durable: false, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync("durable", "durable", "a.*");
        await channel.QueueBindAsync("unrouted", "alternate", "");
        await channel.ExchangeBindAsync("second", "durable", "#.headers");
        await channel.QueueBindAsync("by-headers", "second", "", Table(("x-match", "any"), ("h", 1)));
        await channel.QueueBindAsync("durable", "transient", "key");
        await channel.QueueBindAsync("transient", "durable", "#");

        await Restart(killed);

        channel = await Channel();
        await channel.ExchangeDeclareAsync("durable", "topic", durable: true, arguments: Table(("alternate-exchange", "alternate")));
        await channel.QueueDeclareAsync("durable", durable: true, exclusive: false, autoDelete: false, Table(("x-expires", 600_000)));
        await channel.BasicPublishAsync("durable", "a.b", Bytes("by topic"));
        await channel.BasicPublishAsync("durable", "no.route", Bytes("by the alternate"));
        await channel.BasicPublishAsync(
            "durable", "x.headers", mandatory: false, new BasicProperties { Headers = Table(("h", 1)) }, Bytes("by headers"));
        Assert.That(await Drain(channel, "durable"), Is.EqualTo(["by topic"]));
        Assert.That(await Drain(channel, "unrouted"), Is.EqualTo(["by the alternate"]));
        Assert.That(await Drain(channel, "by-headers"), Is.EqualTo(["by headers"]));

        await ExpectClose(
            async () => await (await Channel()).ExchangeDeclarePassiveAsync("transient"), 404, "NOT_FOUND - no exchange 'transient' in vhost '/'");
        await ExpectClose(
            async () => await (await Channel()).QueueDeclarePassiveAsync("transient"), 404, "NOT_FOUND - no queue 'transient' in vhost '/'");

        // The bindings of what is gone are gone, too.
        await channel.ExchangeDeclareAsync("transient", "direct", durable: false);
        await channel.BasicPublishAsync("transient", "key", Bytes("lost"));
        Assert.That(await Drain(channel, "durable"), Is.Empty);
    }

    [Test]
    public async Task What_was_deleted_and_unbound_stays_so()
    {
        var channel = await Channel();
        await channel.ExchangeDeclareAsync("stays", "fanout", durable: true);
        await channel.ExchangeDeclareAsync("goes", "fanout", durable: true);
        await channel.QueueDeclareAsync("stays", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync("goes", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync("stays", "stays", "");
        await channel.QueueUnbindAsync("stays", "stays", "");
        await channel.QueueDeleteAsync("goes");
        await channel.ExchangeDeleteAsync("goes");

        await Restart(killed: true);

        channel = await Channel();
        await channel.BasicPublishAsync("stays", "", Bytes("no route"));
        Assert.That(await Drain(channel, "stays"), Is.Empty);
        await ExpectClose(async () => await (await Channel()).QueueDeclarePassiveAsync("goes"), 404, "NOT_FOUND - no queue 'goes' in vhost '/'");
        await ExpectClose(
            async () => await (await Channel()).ExchangeDeclarePassiveAsync("goes"), 404, "NOT_FOUND - no exchange 'goes' in vhost '/'");
    }

    [Test]
    public async Task An_exclusive_queue_does_not_survive_even_if_declared_durable()
    {
        var channel = await Channel();
        await channel.QueueDeclareAsync("exclusive", durable: true, exclusive: true, autoDelete: false);
        await Restart(killed: true);
        await ExpectClose(
            async () => await (await Channel()).QueueDeclarePassiveAsync("exclusive"), 404, "NOT_FOUND - no queue 'exclusive' in vhost '/'");
    }

    [Test]
    public async Task A_durable_auto_delete_queue_survives_until_its_consumers_have_come_and_gone()
    {
        var channel = await Channel();
        await channel.QueueDeclareAsync("auto", durable: true, exclusive: false, autoDelete: true);
        await channel.ExchangeDeclareAsync("auto", "fanout", durable: true, autoDelete: true);
        await channel.QueueBindAsync("auto", "auto", "");

        await Restart(killed: false);

        channel = await Channel();
        await channel.QueueDeclareAsync("auto", durable: true, exclusive: false, autoDelete: true);
        var subscriber = await Subscriber.Start(channel, "auto");
        await channel.BasicPublishAsync("auto", "", Bytes("still bound"));
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("still bound"));
        await channel.BasicCancelAsync(subscriber.Tag);
        await ExpectClose(async () => await (await Channel()).QueueDeclarePassiveAsync("auto"), 404, "NOT_FOUND - no queue 'auto' in vhost '/'");
        await ExpectClose(
            async () => await (await Channel()).ExchangeDeclarePassiveAsync("auto"), 404, "NOT_FOUND - no exchange 'auto' in vhost '/'");
    }

    [Test]
    public async Task Persistent_messages_survive_a_graceful_stop_and_transient_ones_do_not()
    {
        var channel = await Channel();
        await channel.QueueDeclareAsync("durable", durable: true, exclusive: false, autoDelete: false);
        for (var i = 1; i <= 6; i++)
        {
            var mode = i % 2 == 0 ? DeliveryModes.Transient : DeliveryModes.Persistent;
            await channel.BasicPublishAsync(
                "", "durable", mandatory: false, new BasicProperties { DeliveryMode = mode, MessageId = $"id {i}" }, Bytes($"{i}"));
        }
        await ExpectReady(channel, "durable", 6);
        var unacknowledged = await Get(channel, "durable");

        await Restart(killed: false);

        channel = await Channel();
        await ExpectReady(channel, "durable", 3);
        var first = await Get(channel, "durable");
        Assert.That((first.Body.ToArray(), first.BasicProperties.MessageId, first.BasicProperties.DeliveryMode),
            Is.EqualTo((unacknowledged.Body.ToArray(), "id 1", DeliveryModes.Persistent)));
        Assert.That(first.Redelivered, Is.True, "it was out when the broker ended");
        Assert.That(await Drain(channel, "durable"), Is.EqualTo(["3", "5"]));
    }

    [Test]
    public async Task A_server_that_stops_closes_its_connections_with_320()
    {
        await using var raw = await RawConnection.Open(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, _broker.Port));
        await raw.OpenChannel(1);
        var connection = await Connect(factory => factory.Port = _broker.Port);

        var stopping = _broker.Stop();

        const string text = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'";
        // RabbitMQ does not wait for close-ok: the client that sends it may find the socket closed.
        var close = await raw.Expect<AMQP.Net.ConnectionClose>(0);
        Assert.That((close.ReplyCode, close.ReplyText), Is.EqualTo((AMQP.Net.ReplyCode.ConnectionForced, text)));
        try
        {
            await raw.Send(0, default(AMQP.Net.ConnectionCloseOk));
        }
        catch (System.Net.Sockets.SocketException)
        {
            await TestContext.Out.WriteLineAsync("the server did not wait for close-ok");
        }
        await ExpectClose(connection, 320, text);
        Assert.That(await stopping, Is.Zero, "exit code");
    }

    [Test]
    public async Task A_client_that_does_not_answer_does_not_keep_the_server_from_stopping()
    {
        await using var raw = await RawConnection.Open(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, _broker.Port));
        await raw.OpenChannel(1);
        Assert.That(await _broker.Stop(), Is.Zero, "exit code");
    }

    private async Task Restart(bool killed)
    {
        if (killed) await _broker.Kill();
        else await _broker.Stop();
        await _broker.Restart();
    }

    private async Task<IChannel> Channel()
    {
        if (_connection is not { IsOpen: true })
        {
            var factory = Factory(_broker.Port);
            factory.HostName = _broker.Host;
            _connection = await factory.CreateConnectionAsync("restart test");
        }
        return await _connection.CreateChannelAsync();
    }
}
