using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Conformance.Tests;

/// <summary>
/// Which permission each operation asks for. What the user may do with a thing stands behind the last dot of its name, so a name that
/// ends in <c>.cw</c> may be configured and written, and not read.
/// </summary>
[Same]
public sealed class AccessTests : ConformanceFixture
{
    private IConnection _connection = null!;
    private IChannel _guest = null!;
    private string _queue = "";
    private string _exchange = "";

    [SetUp]
    public async Task Log_in()
    {
        if (Definitions.Missing is { } reason) Assert.Ignore(reason);
        _connection = await Connect(Definitions.Limited);
        _guest = await OpenChannel();
    }

    [Test]
    public async Task Declaring_a_queue_configures_it()
    {
        var queue = Name("wr");
        await Refused("configure", $"queue '{queue}'", channel => channel.QueueDeclareAsync(queue));
        await Refused("configure", $"queue '{await Queue("wr")}'", channel => channel.QueueDeclareAsync(_queue, exclusive: false, autoDelete: false));
        await Allowed(channel => DeclareQueue(channel, Name("c")));
    }

    [Test]
    public async Task A_queue_that_the_server_names_is_configured_too()
    {
        await using var channel = await _connection.CreateChannelAsync();
        await Assert.ThatAsync(() => channel.QueueDeclareAsync(), Throws.InstanceOf<OperationInterruptedException>());
        Assert.That(channel.CloseReason?.ReplyText, Does.Match(@"^ACCESS_REFUSED - .*access to queue 'amq\.gen-[\w-]{22}' in vhost '/' refused for user 'limited'$"));
    }

    [Test]
    public async Task Asking_whether_a_thing_is_there_needs_no_permission()
    {
        await Queue("none");
        await Exchange("none");
        await Allowed(channel => channel.QueueDeclarePassiveAsync(_queue));
        await Allowed(channel => channel.ExchangeDeclarePassiveAsync(_exchange));
    }

    [Test]
    public async Task Dead_letters_are_read_from_the_queue_and_written_to_their_exchange()
    {
        var (unreadable, readable) = (Name("cw"), Name("cr"));
        var exchange = Name("cr");
        await Refused("read", $"queue '{unreadable}'", channel => channel.QueueDeclareAsync(unreadable, arguments: Table(("x-dead-letter-exchange", "x.w"))));
        await Refused("write", $"exchange '{exchange}'", channel => channel.QueueDeclareAsync(readable, arguments: Table(("x-dead-letter-exchange", exchange))));
        await Refused("write", "exchange 'amq.default'", channel => channel.QueueDeclareAsync(readable, arguments: Table(("x-dead-letter-exchange", ""))));
    }

    [Test]
    public async Task Deleting_a_queue_configures_it()
    {
        await Refused("configure", $"queue '{await Queue("wr")}'", channel => channel.QueueDeleteAsync(_queue));
        var missing = Name("wr");
        await Refused("configure", $"queue '{missing}'", channel => channel.QueueDeleteAsync(missing));
        await Queue("c");
        await Allowed(channel => channel.QueueDeleteAsync(_queue));
    }

    [Test]
    public async Task Purging_consuming_and_getting_read_the_queue()
    {
        var missing = Name("cw");
        await Refused("read", $"queue '{await Queue("cw")}'", channel => channel.QueuePurgeAsync(_queue));
        await Refused("read", $"queue '{_queue}'", channel => channel.BasicGetAsync(_queue, autoAck: true));
        await Refused("read", $"queue '{_queue}'", channel => Subscriber.Start(channel, _queue));
        await Refused("read", $"queue '{missing}'", channel => channel.BasicGetAsync(missing, autoAck: true));
        await Queue("r");
        await Allowed(channel => channel.QueuePurgeAsync(_queue));
        await Allowed(channel => channel.BasicGetAsync(_queue, autoAck: true));
        await Allowed(channel => Subscriber.Start(channel, _queue));
    }

    [Test]
    public async Task Direct_replies_need_no_permission() => await Allowed(channel => Subscriber.Start(channel, "amq.rabbitmq.reply-to", autoAck: true));

    [Test]
    public async Task Binding_a_queue_writes_it_and_reads_the_exchange()
    {
        await Queue("cr");
        await Exchange("r");
        await Refused("write", $"queue '{_queue}'", channel => channel.QueueBindAsync(_queue, _exchange, "k"));
        await Refused("write", $"queue '{_queue}'", channel => channel.QueueUnbindAsync(_queue, _exchange, "k"));
        await Queue("w");
        await Allowed(channel => channel.QueueBindAsync(_queue, _exchange, "k"));
        await Allowed(channel => channel.QueueUnbindAsync(_queue, _exchange, "k"));
        await Exchange("cw");
        await Refused("read", $"exchange '{_exchange}'", channel => channel.QueueBindAsync(_queue, _exchange, "k"));
        await Refused("read", $"exchange '{_exchange}'", channel => channel.QueueUnbindAsync(_queue, _exchange, "k"));
    }

    [Test]
    public async Task Binding_an_exchange_writes_the_destination_and_reads_the_source()
    {
        var (readable, writable) = (await Exchange("r"), await Exchange("w"));
        await Refused("write", $"exchange '{readable}'", channel => channel.ExchangeBindAsync(readable, readable, "k"));
        await Refused("write", $"exchange '{readable}'", channel => channel.ExchangeUnbindAsync(readable, readable, "k"));
        await Refused("read", $"exchange '{writable}'", channel => channel.ExchangeBindAsync(writable, writable, "k"));
        await Refused("read", $"exchange '{writable}'", channel => channel.ExchangeUnbindAsync(writable, writable, "k"));
        await Refused("write", "exchange 'amq.default'", channel => channel.ExchangeBindAsync("", readable, "k"));
        await Allowed(channel => channel.ExchangeBindAsync(writable, readable, "k"));
        await Allowed(channel => channel.ExchangeUnbindAsync(writable, readable, "k"));
    }

    [Test]
    public async Task Declaring_and_deleting_an_exchange_configures_it()
    {
        await Refused("configure", $"exchange '{await Exchange("wr")}'", channel => channel.ExchangeDeclareAsync(_exchange, "topic"));
        await Refused("configure", $"exchange '{_exchange}'", channel => channel.ExchangeDeleteAsync(_exchange));
        var missing = Name("wr");
        await Refused("configure", $"exchange '{missing}'", channel => channel.ExchangeDeclareAsync(missing, "topic"));
        await Refused("configure", $"exchange '{missing}'", channel => channel.ExchangeDeleteAsync(missing));
        var mine = Name("c");
        await Allowed(channel => DeclareExchange(channel, "topic", mine));
        await Allowed(channel => channel.ExchangeDeleteAsync(mine));
    }

    [Test]
    public async Task An_alternate_exchange_is_written_and_its_exchange_read()
    {
        var (unreadable, readable) = (Name("cw"), Name("cr"));
        var (writable, other) = (Name("w"), Name("cr"));
        await Refused("read", $"exchange '{unreadable}'", channel => DeclareExchange(channel, "fanout", unreadable, arguments: Table(("alternate-exchange", writable))));
        await Refused("write", $"exchange '{other}'", channel => DeclareExchange(channel, "fanout", readable, arguments: Table(("alternate-exchange", other))));
        await Allowed(channel => DeclareExchange(channel, "fanout", readable, arguments: Table(("alternate-exchange", writable))));
    }

    [Test]
    public async Task Publishing_writes_the_exchange()
    {
        var missing = Name("cr");
        await Exchange("cr");
        await PublishRefused("write", $"exchange '{_exchange}'", _exchange, "k");
        await PublishRefused("write", $"exchange '{missing}'", missing, "k");
        await PublishRefused("write", "exchange 'amq.default'", "", "k");

        var queue = await Queue("none");
        foreach (var exchange in (string[])[await Exchange("w"), await Exchange("w")])
        {
            await _guest.QueueBindAsync(queue, exchange, "k");
            await using var channel = await _connection.CreateChannelAsync();
            for (var i = 0; i < 2; i++) await channel.BasicPublishAsync(exchange, "k", Bytes("m"));
        }
        await ExpectReady(_guest, queue, 4);
    }

    [Test]
    public async Task A_channel_that_may_write_to_one_exchange_may_not_write_to_another()
    {
        var (writable, other) = (await Exchange("w"), await Exchange("r"));
        var channel = await OpenChannel(_connection);
        await channel.BasicPublishAsync(writable, "k", Bytes("m"));
        await channel.BasicPublishAsync(other, "k", Bytes("m"));
        await ExpectClose(channel, 403, Text("write", $"exchange '{other}'", Definitions.Limited));
    }

    [Test]
    public async Task Topic_permissions_are_asked_for_the_routing_key()
    {
        var user = await Connect(Definitions.Topical);
        var queue = await DeclareBoundQueue(_guest, "amq.topic", "#");
        var channel = await OpenChannel(user);
        foreach (var key in (string[])["w.a", "w.b", "w.a"]) await channel.BasicPublishAsync("amq.topic", key, Bytes(key));
        await ExpectReady(_guest, queue, 3);
        await channel.BasicPublishAsync("amq.topic", "r.a", Bytes("m"));
        await ExpectClose(channel, 403, Text("write", "topic 'r.a' in exchange 'amq.topic'", Definitions.Topical));

        channel = await OpenChannel(user);
        await channel.QueueBindAsync(queue, "amq.topic", "r.*");
        await channel.QueueUnbindAsync(queue, "amq.topic", "r.*");
        await channel.QueueBindAsync(queue, "amq.direct", "w.a");
        await ExpectClose(
            () => channel.QueueBindAsync(queue, "amq.topic", "w.*"), 403, Text("read", "topic 'w.*' in exchange 'amq.topic'", Definitions.Topical));
    }

    [TestCase("top.ical.other", true)]
    [TestCase("top.ical.another", false)]
    public async Task Topic_permissions_know_the_user_and_the_virtual_host(string key, bool isAllowed)
    {
        var channel = await OpenChannel(await Connect(Definitions.Topical, Definitions.Other));
        await channel.BasicPublishAsync("amq.topic", key, Bytes("m"));
        if (isAllowed) await channel.ExchangeDeclarePassiveAsync("amq.topic");
        else await ExpectClose(channel, 403, Text("write", $"topic '{key}' in exchange 'amq.topic'", Definitions.Topical, "other"));
    }

    [Test]
    [Ours]
    public async Task A_dot_in_the_name_of_a_user_is_a_dot_in_topic_permissions()
    {
        var channel = await OpenChannel(await Connect(Definitions.Topical, Definitions.Other));
        await channel.BasicPublishAsync("amq.topic", "topXical.other", Bytes("m"));
        await ExpectClose(channel, 403, Text("write", "topic 'topXical.other' in exchange 'amq.topic'", Definitions.Topical, "other"));
    }

    [Test]
    public async Task An_impersonator_may_name_another_user()
    {
        var channel = await OpenChannel(await Connect("impersonator"));
        var queue = await DeclareQueue(channel);
        await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { UserId = "guest" }, Bytes("m"));
        Assert.That((await Get(channel, queue)).BasicProperties.UserId, Is.EqualTo("guest"));
    }

    private async Task<string> Queue(string allowed) => _queue = await DeclareQueue(_guest, Name(allowed));

    private async Task<string> Exchange(string allowed) => _exchange = await DeclareExchange(_guest, "topic", Name(allowed));

    private async Task Refused(string access, string resource, Func<IChannel, Task> operation)
    {
        await using var channel = await _connection.CreateChannelAsync();
        await ExpectClose(() => operation(channel), 403, Text(access, resource, Definitions.Limited));
    }

    private async Task PublishRefused(string access, string resource, string exchange, string key)
    {
        await using var channel = await _connection.CreateChannelAsync();
        await channel.BasicPublishAsync(exchange, key, Bytes("m"));
        await ExpectClose(channel, 403, Text(access, resource, Definitions.Limited));
    }

    private async Task Allowed(Func<IChannel, Task> operation)
    {
        await using var channel = await _connection.CreateChannelAsync();
        await operation(channel);
    }

    /// <summary>RabbitMQ says since 3.12 which access was refused.</summary>
    private static string Text(string access, string resource, string user, string vhost = "/") =>
        $"ACCESS_REFUSED - {(Oracle.IsUsed ? "" : access + " ")}access to {resource} in vhost '{vhost}' refused for user '{user}'";
}
