using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>The queue class: declare, bind, purge, delete.</summary>
[Same]
public sealed class QueueTests : ConformanceFixture
{
    private static string Locked(string queue) =>
        $"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}' in vhost '/'. It could be originally declared on " +
        "another connection or the exclusive property value does not match that of the original declaration.";

    private static string Missing(string queue) => $"NOT_FOUND - no queue '{queue}' in vhost '/'";

    [Test]
    public async Task A_queue_declared_without_a_name_gets_one_from_the_server()
    {
        var channel = await OpenChannel();
        var first = (await channel.QueueDeclareAsync()).QueueName;
        var second = (await channel.QueueDeclareAsync()).QueueName;
        DeleteAfterTest(first);
        DeleteAfterTest(second);
        Assert.That(first, Does.Match("^amq\\.gen-[A-Za-z0-9_-]{22}$"));
        Assert.That(second, Is.Not.EqualTo(first));
    }

    [Test]
    public async Task An_empty_name_means_the_queue_declared_last_on_the_channel()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "direct");
        await DeclareQueue(channel);
        var queue = await DeclareQueue(channel);
        await channel.QueueBindAsync("", exchange, "key");
        await channel.BasicPublishAsync(exchange, "key", Bytes("m"));

        Assert.That((await Get(channel, "", autoAck: true)).Body.ToArray(), Is.EqualTo(Bytes("m")));
        await Publish(channel, queue, "1", "2");
        await ExpectReady(channel, queue, 2);
        Assert.That(await channel.QueuePurgeAsync(""), Is.EqualTo(2));
        var subscriber = await Subscriber.Start(channel, "");
        await Publish(channel, queue, "consumed");
        Assert.That((await subscriber.Next()).Text, Is.EqualTo("consumed"));
        await channel.QueueUnbindAsync("", exchange, "key");
        Assert.That(await channel.QueueDeleteAsync("", ifUnused: false, ifEmpty: false), Is.Zero);
        await ExpectClose(() => channel.QueueDeclarePassiveAsync(queue), 404, Missing(queue));
    }

    [Test]
    public async Task A_passive_declaration_counts_as_the_last_one()
    {
        var channel = await OpenChannel();
        var first = await DeclareQueue(channel);
        await DeclareQueue(channel);
        await channel.QueueDeclarePassiveAsync(first);
        await Publish(channel, first, "m");
        Assert.That((await Get(channel, "")).Body.ToArray(), Is.EqualTo(Bytes("m")));
    }

    [Test]
    public async Task Binding_an_empty_name_with_an_empty_key_uses_the_queues_name_for_both()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "direct");
        var queue = await DeclareQueue(channel);
        await channel.QueueBindAsync("", exchange, "");
        await channel.BasicPublishAsync(exchange, queue, Bytes("m"));
        await channel.BasicPublishAsync(exchange, "", Bytes("lost"));
        Assert.That(await Drain(channel, queue), Is.EqualTo(["m"]));
    }

    [Test]
    public async Task Binding_a_named_queue_with_an_empty_key_keeps_the_key_empty()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "direct");
        var queue = await DeclareBoundQueue(channel, exchange, "");
        await channel.BasicPublishAsync(exchange, "", Bytes("m"));
        await channel.BasicPublishAsync(exchange, queue, Bytes("lost"));
        Assert.That(await Drain(channel, queue), Is.EqualTo(["m"]));
    }

    [Test]
    public async Task An_empty_name_before_any_declaration_on_the_channel_is_not_found()
    {
        await DeclareQueue(await OpenChannel());
        var channel = await OpenChannel();
        await ExpectClose(() => channel.QueuePurgeAsync(""), 404, "NOT_FOUND - no previously declared queue");
    }

    [Test]
    public async Task A_declaration_tells_the_messages_that_are_ready_and_the_consumers()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(3));
        await ExpectReady(channel, queue, 3);
        await channel.BasicGetAsync(queue, autoAck: false);
        var answer = await channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false);
        Assert.That((answer.MessageCount, answer.ConsumerCount), Is.EqualTo((2u, 0u)), "the third is not acknowledged, so not ready");

        await Subscriber.Start(channel, queue);
        await Subscriber.Start(channel, queue);
        Assert.That((await channel.QueueDeclarePassiveAsync(queue)).ConsumerCount, Is.EqualTo(2));
    }

    [Test]
    public async Task Passive_declaration_looks_at_nothing_but_the_name()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: true, autoDelete: true, Table(("x-expires", 0)), passive: true);
    }

    [Test]
    public async Task A_missing_queue_is_not_found_when_declared_passively()
    {
        var channel = await OpenChannel();
        var queue = Name();
        await ExpectClose(() => channel.QueueDeclarePassiveAsync(queue), 404, Missing(queue));
    }

    [Test]
    public async Task Line_ends_are_taken_out_of_the_name_of_a_queue()
    {
        var channel = await OpenChannel();
        var name = Name();
        DeleteAfterTest(name);
        var answer = await channel.QueueDeclareAsync($"{name[..3]}\r\n{name[3..]}\n", durable: false, exclusive: false, autoDelete: false);
        Assert.That(answer.QueueName, Is.EqualTo(name));
        await channel.QueueDeclarePassiveAsync($"\n{name}");
        await channel.QueueBindAsync($"{name}\r", "amq.direct", name);
        await channel.QueueUnbindAsync($"{name}\r", "amq.direct", name);
    }

    [TestCase("a name with spaces and / \\ ' \" signs")]
    [TestCase("ein Grün mit ünïcödé 漢字")]
    public async Task Names_may_hold_anything(string name)
    {
        var channel = await OpenChannel();
        name = $"{Name()} {name}";
        var queue = await DeclareQueue(channel, name);
        await Publish(channel, queue, "m");
        Assert.That(await Drain(channel, queue), Is.EqualTo(["m"]));
    }

    [Test]
    public async Task Names_may_have_255_octets()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, Name().PadRight(255, 'q'));
        await Publish(channel, queue, "m");
        Assert.That(await Drain(channel, queue), Is.EqualTo(["m"]));
    }

    [Test]
    public async Task A_queue_whose_name_begins_with_amq_cannot_be_created()
    {
        var channel = await OpenChannel();
        await ExpectClose(
            () => channel.QueueDeclareAsync("amq.mine", durable: false, exclusive: false, autoDelete: false), 403,
            "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'");
        var another = await OpenChannel();
        await ExpectClose(() => another.QueueDeclarePassiveAsync("amq.mine"), 404, Missing("amq.mine"));
    }

    // Against the letter of the specification, which forbids only to create one.
    [Test]
    public async Task A_server_named_queue_cannot_be_declared_again_by_its_name_except_passively()
    {
        var channel = await OpenChannel();
        var queue = (await channel.QueueDeclareAsync("", durable: false, exclusive: false, autoDelete: false)).QueueName;
        DeleteAfterTest(queue);
        await channel.QueueDeclarePassiveAsync(queue);
        await ExpectClose(
            () => channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false), 403,
            $"ACCESS_REFUSED - queue name '{queue}' contains reserved prefix 'amq.*'");
    }

    [TestCase(true, true, "durable", "true", "false")]
    [TestCase(false, true, "auto_delete", "true", "false")]
    public async Task A_declaration_that_differs_is_refused_for_the_first_difference(
        bool durable, bool autoDelete, string property, string received, string current)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await ExpectClose(
            () => channel.QueueDeclareAsync(queue, durable, exclusive: false, autoDelete, Table(("x-message-ttl", 1))), 406,
            $"PRECONDITION_FAILED - inequivalent arg '{property}' for queue '{queue}' in vhost '/': " +
            $"received '{received}' but current is '{current}'");
    }

    private static readonly TestCaseData[] DifferentArguments =
    [
        Arguments("another value", ("x-message-ttl", 1), ("x-message-ttl", 2), "x-message-ttl", "received '2' but current is '1'"),
        Arguments("new", null, ("x-message-ttl", 2), "x-message-ttl",
            "received the value '2' of type 'signedint' but current is none"),
        Arguments("new, 64 bits", null, ("x-expires", 60000L), "x-expires",
            "received the value '60000' of type 'long' but current is none"),
        Arguments("gone", ("x-expires", 60000), null, "x-expires",
            "received none but current is the value '60000' of type 'signedint'"),
        Arguments("another type", ("x-message-ttl", 5), ("x-message-ttl", "5"), "x-message-ttl", "received '5' but current is '5'"),
        Arguments("another text", ("x-overflow", "drop-head"), ("x-overflow", "reject-publish"),
            "x-overflow", "received 'reject-publish' but current is 'drop-head'"),
        Arguments("gone, a text", ("x-dead-letter-exchange", "d"), null, "x-dead-letter-exchange",
            "received none but current is the value 'd' of type 'longstr'"),
        Arguments("another truth", ("x-single-active-consumer", true),
            ("x-single-active-consumer", false), "x-single-active-consumer", "received 'false' but current is 'true'"),
    ];

    [TestCaseSource(nameof(DifferentArguments))]
    public async Task A_declaration_with_different_arguments_is_refused(
        (string, object?)? first, (string, object?)? second, string argument, string text)
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: first is { } given ? Table(given) : null);
        await ExpectClose(
            () => channel.QueueDeclareAsync(
                queue, durable: false, exclusive: false, autoDelete: false, second is { } other ? Table(other) : null), 406,
            $"PRECONDITION_FAILED - inequivalent arg '{argument}' for queue '{queue}' in vhost '/': {text}");
    }

    [Test]
    public async Task Whole_numbers_of_different_width_are_the_same_argument()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-message-ttl", 100)));
        foreach (object value in (object[])[100L, (short)100, (sbyte)100, (byte)100])
            await channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false, Table(("x-message-ttl", value)));
    }

    [Test]
    public async Task Arguments_the_server_does_not_know_are_accepted_and_not_compared()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-anything", "goes"), ("y", 1)));
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false, Table(("x-anything", 7)));
    }

    [Test]
    public async Task The_queue_type_classic_is_the_same_as_none()
    {
        var channel = await OpenChannel();
        var without = await DeclareQueue(channel);
        await channel.QueueDeclareAsync(without, durable: false, exclusive: false, autoDelete: false, Table(("x-queue-type", "classic")));
        var with = await DeclareQueue(channel, arguments: Table(("x-queue-type", "classic")));
        await channel.QueueDeclareAsync(with, durable: false, exclusive: false, autoDelete: false);
    }

    [Test]
    public async Task An_exclusive_queue_is_locked_for_every_other_connection()
    {
        var owner = await OpenChannel(await Connect());
        var queue = await DeclareQueue(owner, exclusive: true);
        var other = await Connect();
        await Refused(channel => channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: false));
        await Refused(channel => channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false));
        await Refused(channel => channel.QueueDeclarePassiveAsync(queue));
        await Refused(channel => channel.BasicConsumeAsync(queue, autoAck: true, new Subscriber(channel)));
        await Refused(channel => channel.BasicGetAsync(queue, autoAck: true));
        await Refused(channel => channel.QueuePurgeAsync(queue));
        await Refused(channel => channel.QueueDeleteAsync(queue));
        await Refused(channel => channel.QueueBindAsync(queue, "amq.direct", "key"));

        async Task Refused(Func<IChannel, Task> operation)
        {
            var channel = await OpenChannel(other);
            await ExpectClose(() => operation(channel), 405, Locked(queue));
        }
    }

    [Test]
    public async Task Every_connection_may_publish_to_an_exclusive_queue()
    {
        var owner = await OpenChannel(await Connect());
        var queue = await DeclareQueue(owner, exclusive: true);
        var other = await OpenChannel();
        await Publish(other, queue, "from elsewhere");
        await ExpectReady(owner, queue, 1);
    }

    [Test]
    public async Task Every_channel_of_the_connection_may_use_its_exclusive_queue()
    {
        var connection = await Connect();
        var queue = await DeclareQueue(await OpenChannel(connection), exclusive: true);
        var channel = await OpenChannel(connection);
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: false);
        await channel.QueueBindAsync(queue, "amq.fanout", "");
        Assert.That(await channel.QueueDeleteAsync(queue), Is.Zero);
    }

    [TestCase(true, false)]
    [TestCase(false, true)]
    public async Task The_exclusive_property_must_not_differ_even_on_the_same_connection(bool first, bool second)
    {
        var channel = await OpenChannel(await Connect());
        var queue = await DeclareQueue(channel, exclusive: first);
        await ExpectClose(
            () => channel.QueueDeclareAsync(queue, durable: true, exclusive: second, autoDelete: true), 405, Locked(queue));
    }

    [Test]
    public async Task An_exclusive_queue_is_never_durable()
    {
        var channel = await OpenChannel(await Connect());
        var queue = await DeclareQueue(channel, durable: true, exclusive: true);
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: false);
    }

    [Test]
    public async Task An_exclusive_queue_goes_with_its_connection_before_close_ok()
    {
        var connection = await Connect();
        var queue = await DeclareQueue(await OpenChannel(connection), exclusive: true);
        var stays = await DeclareQueue(await OpenChannel(connection));
        await connection.CloseAsync();
        var channel = await OpenChannel();
        await channel.QueueDeclarePassiveAsync(stays);
        await ExpectClose(() => channel.QueueDeclarePassiveAsync(queue), 404, Missing(queue));
    }

    [Test]
    public async Task An_exclusive_queue_outlives_the_channel_that_declared_it()
    {
        var connection = await Connect();
        var channel = await OpenChannel(connection);
        var queue = await DeclareQueue(channel, exclusive: true);
        await channel.CloseAsync();
        await (await OpenChannel(connection)).QueueDeclarePassiveAsync(queue);
    }

    [Test]
    public async Task An_auto_delete_queue_goes_with_its_last_consumer()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, autoDelete: true);
        var first = await Subscriber.Start(channel, queue);
        var second = await Subscriber.Start(channel, queue);
        await channel.BasicCancelAsync(first.Tag);
        await channel.QueueDeclarePassiveAsync(queue);
        await channel.BasicCancelAsync(second.Tag);
        await ExpectClose(() => channel.QueueDeclarePassiveAsync(queue), 404, Missing(queue));
    }

    [Test]
    public async Task An_auto_delete_queue_goes_when_the_channel_of_its_last_consumer_is_closed()
    {
        var consuming = await OpenChannel();
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, autoDelete: true);
        await Subscriber.Start(consuming, queue);
        await consuming.CloseAsync();
        await Eventually.That(() => IsMissing(queue), Is.True);
    }

    [Test]
    public async Task An_auto_delete_queue_waits_for_its_first_consumer_and_basic_get_is_none()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, autoDelete: true);
        await Publish(channel, queue, "m");
        await Get(channel, queue, autoAck: true);
        Assert.That(await channel.BasicGetAsync(queue, autoAck: true), Is.Null);
        await channel.CloseAsync();
        await (await OpenChannel()).QueueDeclarePassiveAsync(queue);
    }

    [Test]
    public async Task A_queue_with_consumers_is_in_use()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Subscriber.Start(channel, queue);
        await ExpectClose(
            () => channel.QueueDeleteAsync(queue, ifUnused: true, ifEmpty: false), 406,
            $"PRECONDITION_FAILED - queue '{queue}' in vhost '/' in use");
    }

    [Test]
    public async Task A_queue_with_messages_is_not_empty()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, "m");
        await ExpectReady(channel, queue, 1);
        await ExpectClose(
            () => channel.QueueDeleteAsync(queue, ifUnused: false, ifEmpty: true), 406,
            $"PRECONDITION_FAILED - queue '{queue}' in vhost '/' not empty");
    }

    [Test]
    public async Task A_queue_without_consumers_and_messages_is_deleted_on_both_conditions()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await channel.QueueDeleteAsync(queue, ifUnused: true, ifEmpty: true);
        await ExpectClose(() => channel.QueueDeclarePassiveAsync(queue), 404, Missing(queue));
    }

    [Test]
    public async Task A_queue_whose_messages_are_all_unacknowledged_counts_as_empty()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, "m");
        await Get(channel, queue);
        Assert.That(await channel.QueueDeleteAsync(queue, ifUnused: false, ifEmpty: true), Is.Zero);
    }

    [Test]
    public async Task Deleting_tells_how_many_messages_were_ready()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(5));
        await ExpectReady(channel, queue, 5);
        await channel.BasicGetAsync(queue, autoAck: false);
        Assert.That(await channel.QueueDeleteAsync(queue), Is.EqualTo(4));
    }

    [Test]
    public async Task Deleting_a_queue_that_is_not_there_succeeds()
    {
        var channel = await OpenChannel();
        var queue = Name();
        Assert.That(await channel.QueueDeleteAsync(queue), Is.Zero);
        Assert.That(await channel.QueueDeleteAsync(queue, ifUnused: true, ifEmpty: true), Is.Zero);
    }

    [Test]
    public async Task A_queue_declared_again_after_deletion_is_empty_and_unbound()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        var queue = await DeclareBoundQueue(channel, exchange, "");
        await Publish(channel, queue, "old");
        await channel.QueueDeleteAsync(queue);
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false);
        await channel.BasicPublishAsync(exchange, "", Bytes("m"));
        Assert.That(await Drain(channel, queue), Is.Empty);
    }

    [Test]
    public async Task Purging_removes_what_is_ready_and_tells_how_many()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(5));
        await ExpectReady(channel, queue, 5);
        var unacknowledged = await Get(channel, queue);
        Assert.That(await channel.QueuePurgeAsync(queue), Is.EqualTo(4));
        Assert.That(await channel.QueuePurgeAsync(queue), Is.Zero);
        await channel.BasicNackAsync(unacknowledged.DeliveryTag, multiple: false, requeue: true);
        Assert.That(await Drain(channel, queue), Is.EqualTo(["1"]), "what is not acknowledged is not purged");
    }

    [Test]
    public async Task A_missing_queue_cannot_be_purged()
    {
        var channel = await OpenChannel();
        var queue = Name();
        await ExpectClose(() => channel.QueuePurgeAsync(queue), 404, Missing(queue));
    }

    [Test]
    public async Task A_missing_queue_cannot_be_bound()
    {
        var channel = await OpenChannel();
        var queue = Name();
        await ExpectClose(() => channel.QueueBindAsync(queue, "amq.direct", "key"), 404, Missing(queue));
    }

    [Test]
    public async Task A_queue_cannot_be_bound_to_a_missing_exchange()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var exchange = Name("x");
        await ExpectClose(
            () => channel.QueueBindAsync(queue, exchange, "key"), 404, $"NOT_FOUND - no exchange '{exchange}' in vhost '/'");
    }

    [Test]
    public async Task The_default_exchange_cannot_be_bound_to()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await ExpectClose(
            () => channel.QueueBindAsync(queue, "", "key"), 403, "ACCESS_REFUSED - operation not permitted on the default exchange");
        var another = await OpenChannel();
        await ExpectClose(
            () => another.QueueUnbindAsync(queue, "", queue), 403, "ACCESS_REFUSED - operation not permitted on the default exchange");
    }

    private async Task<bool> IsMissing(string queue)
    {
        var channel = await OpenChannel();
        try
        {
            await channel.QueueDeclarePassiveAsync(queue);
            return false;
        }
        catch (RabbitMQ.Client.Exceptions.OperationInterruptedException exception) when (exception.ShutdownReason?.ReplyCode == 404)
        {
            return true;
        }
    }

    private static TestCaseData Arguments(
        string name, (string, object?)? first, (string, object?)? second, string argument, string text) =>
        new TestCaseData(first, second, argument, text).SetName($"A_declaration_with_different_arguments_is_refused({name})");
}
