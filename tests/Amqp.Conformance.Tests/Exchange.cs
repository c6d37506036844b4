using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>The exchange class: declare, delete, bind, unbind. What each type routes where is in <see cref="RoutingTests"/>.</summary>
[Same]
public sealed class ExchangeTests : ConformanceFixture
{
    [TestCase("amq.direct", "direct")]
    [TestCase("amq.fanout", "fanout")]
    [TestCase("amq.topic", "topic")]
    [TestCase("amq.headers", "headers")]
    [TestCase("amq.match", "headers")]
    public async Task The_predeclared_exchanges_exist_and_are_durable(string exchange, string type)
    {
        var channel = await OpenChannel();
        await channel.ExchangeDeclarePassiveAsync(exchange);
        await channel.ExchangeDeclareAsync(exchange, type, durable: true); // allowed, being just as they are
    }

    [Test]
    public async Task The_exchange_that_traces_messages_is_internal()
    {
        var channel = await OpenChannel();
        await channel.ExchangeDeclarePassiveAsync("amq.rabbitmq.trace");
        await ExpectClose(
            () => channel.ExchangeDeclareAsync("amq.rabbitmq.trace", "topic", durable: true), 406,
            "PRECONDITION_FAILED - inequivalent arg 'internal' for exchange 'amq.rabbitmq.trace' in vhost '/': " +
            "received 'false' but current is 'true'");
    }

    [Test]
    public async Task The_default_exchange_cannot_be_declared_not_even_passively()
    {
        var channel = await OpenChannel();
        await ExpectClose(
            () => channel.ExchangeDeclareAsync("", "direct", durable: true), 403,
            "ACCESS_REFUSED - operation not permitted on the default exchange");
        var another = await OpenChannel();
        await ExpectClose(
            () => another.ExchangeDeclarePassiveAsync(""), 403, "ACCESS_REFUSED - operation not permitted on the default exchange");
    }

    [TestCase("direct")]
    [TestCase("fanout")]
    [TestCase("topic")]
    [TestCase("headers")]
    public async Task An_exchange_of_each_type_can_be_declared_again_just_so(string type)
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, type);
        await channel.ExchangeDeclareAsync(exchange, type);
        await channel.ExchangeDeclarePassiveAsync(exchange);
    }

    [Test]
    public async Task Passive_declaration_looks_at_nothing_but_the_name()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "topic");
        await channel.ExchangeDeclareAsync(exchange, "direct", durable: true, autoDelete: true, passive: true);
    }

    [TestCase("fanout", true, true, "type", "fanout", "topic")]
    [TestCase("topic", true, true, "durable", "true", "false")]
    [TestCase("topic", false, true, "auto_delete", "true", "false")]
    public async Task A_declaration_that_differs_is_refused_for_the_first_difference(
        string type, bool durable, bool autoDelete, string property, string received, string current)
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "topic");
        await ExpectClose(
            () => channel.ExchangeDeclareAsync(exchange, type, durable, autoDelete, Table(("alternate-exchange", "other"))), 406,
            $"PRECONDITION_FAILED - inequivalent arg '{property}' for exchange '{exchange}' in vhost '/': " +
            $"received '{received}' but current is '{current}'");
    }

    [Test]
    public async Task A_declaration_with_another_alternate_exchange_is_refused()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "topic", arguments: Table(("alternate-exchange", "one")));
        await ExpectClose(
            () => channel.ExchangeDeclareAsync(exchange, "topic", arguments: Table(("alternate-exchange", "two"))), 406,
            $"PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '{exchange}' in vhost '/': " +
            "received 'two' but current is 'one'");
    }

    [Test]
    public async Task A_declaration_without_the_alternate_exchange_is_refused()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "topic", arguments: Table(("alternate-exchange", "one")));
        await ExpectClose(
            () => channel.ExchangeDeclareAsync(exchange, "topic"), 406,
            $"PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '{exchange}' in vhost '/': " +
            "received none but current is the value 'one' of type 'longstr'");
    }

    [Test]
    public async Task Arguments_other_than_the_alternate_exchange_are_not_compared()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "topic", arguments: Table(("x-anything", 1)));
        await channel.ExchangeDeclareAsync(exchange, "topic", arguments: Table(("x-anything", 2), ("more", "of it")));
    }

    [Test]
    public async Task An_alternate_exchange_of_the_wrong_type_is_refused()
    {
        var channel = await OpenChannel();
        var exchange = Name();
        DeleteAfterTest(exchange: exchange);
        await ExpectClose(
            () => channel.ExchangeDeclareAsync(exchange, "topic", arguments: Table(("alternate-exchange", 1))), 406,
            $"PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange '{exchange}' in vhost '/'");
    }

    [Test]
    public async Task An_exchange_whose_name_begins_with_amq_cannot_be_created()
    {
        var channel = await OpenChannel();
        await ExpectClose(
            () => channel.ExchangeDeclareAsync("amq.mine", "direct"), 403,
            "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'");
    }

    [Test]
    public async Task A_missing_exchange_is_not_found_when_declared_passively()
    {
        var channel = await OpenChannel();
        var exchange = Name();
        await ExpectClose(
            () => channel.ExchangeDeclarePassiveAsync(exchange), 404, $"NOT_FOUND - no exchange '{exchange}' in vhost '/'");
    }

    [Test]
    public async Task Line_ends_are_taken_out_of_the_name_of_an_exchange()
    {
        var channel = await OpenChannel();
        var name = Name();
        DeleteAfterTest(exchange: name);
        await channel.ExchangeDeclareAsync($"{name[..3]}\r\n{name[3..]}\n", "fanout");
        await channel.ExchangeDeclarePassiveAsync(name);
    }

    [Test]
    public async Task Deleting_an_exchange_that_is_not_there_succeeds()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        await channel.ExchangeDeleteAsync(exchange);
        await channel.ExchangeDeleteAsync(exchange);
        await channel.ExchangeDeleteAsync(exchange, ifUnused: true);
    }

    [TestCase("amq.direct")]
    [TestCase("amq.not-even-there")]
    public async Task The_exchanges_of_the_server_cannot_be_deleted(string exchange)
    {
        var channel = await OpenChannel();
        await ExpectClose(
            () => channel.ExchangeDeleteAsync(exchange), 403,
            $"ACCESS_REFUSED - deletion of system exchange '{exchange}' in vhost '/' not allowed");
    }

    [Test]
    public async Task The_default_exchange_cannot_be_deleted()
    {
        var channel = await OpenChannel();
        await ExpectClose(() => channel.ExchangeDeleteAsync(""), 403, "ACCESS_REFUSED - operation not permitted on the default exchange");
    }

    [Test]
    public async Task An_exchange_with_bindings_is_in_use()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        await DeclareBoundQueue(channel, exchange, "");
        await ExpectClose(
            () => channel.ExchangeDeleteAsync(exchange, ifUnused: true), 406,
            $"PRECONDITION_FAILED - exchange '{exchange}' in vhost '/' in use");
    }

    [Test]
    public async Task An_exchange_that_is_only_the_destination_of_bindings_is_not_in_use()
    {
        var channel = await OpenChannel();
        var source = await DeclareExchange(channel, "fanout");
        var destination = await DeclareExchange(channel, "fanout");
        await channel.ExchangeBindAsync(destination, source, "");
        await channel.ExchangeDeleteAsync(destination, ifUnused: true);
    }

    [Test]
    public async Task Deleting_an_exchange_takes_its_bindings_along_on_both_sides()
    {
        var channel = await OpenChannel();
        var source = await DeclareExchange(channel, "fanout");
        var middle = await DeclareExchange(channel, "fanout");
        var queue = await DeclareBoundQueue(channel, middle, "");
        await channel.ExchangeBindAsync(middle, source, "");
        await channel.ExchangeDeleteAsync(middle);
        await channel.ExchangeDeclareAsync(middle, "fanout");

        await channel.BasicPublishAsync(source, "", Bytes("to the source"));
        await channel.BasicPublishAsync(middle, "", Bytes("to the new exchange"));

        Assert.That(await Drain(channel, queue), Is.Empty);
    }

    [Test]
    public async Task An_auto_delete_exchange_goes_with_its_last_binding()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout", autoDelete: true);
        var first = await DeclareBoundQueue(channel, exchange, "");
        var second = await DeclareBoundQueue(channel, exchange, "");

        await channel.QueueUnbindAsync(first, exchange, "");
        await channel.ExchangeDeclarePassiveAsync(exchange);
        await channel.QueueUnbindAsync(second, exchange, "");

        await ExpectClose(
            () => channel.ExchangeDeclarePassiveAsync(exchange), 404, $"NOT_FOUND - no exchange '{exchange}' in vhost '/'");
    }

    [Test]
    public async Task An_auto_delete_exchange_goes_when_its_last_queue_is_deleted()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout", autoDelete: true);
        var queue = await DeclareBoundQueue(channel, exchange, "");
        await channel.QueueDeleteAsync(queue);
        await ExpectClose(
            () => channel.ExchangeDeclarePassiveAsync(exchange), 404, $"NOT_FOUND - no exchange '{exchange}' in vhost '/'");
    }

    [Test]
    public async Task An_auto_delete_exchange_that_loses_its_last_binding_as_a_destination_stays()
    {
        var channel = await OpenChannel();
        var source = await DeclareExchange(channel, "fanout");
        var destination = await DeclareExchange(channel, "fanout", autoDelete: true);
        await channel.ExchangeBindAsync(destination, source, "");
        await channel.ExchangeUnbindAsync(destination, source, "");
        await channel.ExchangeDeclarePassiveAsync(destination);
    }

    [Test]
    public async Task Auto_delete_exchanges_in_a_chain_go_one_after_the_other()
    {
        var channel = await OpenChannel();
        var first = await DeclareExchange(channel, "fanout", autoDelete: true);
        var second = await DeclareExchange(channel, "fanout", autoDelete: true);
        await channel.ExchangeBindAsync(second, first, "");
        var queue = await DeclareBoundQueue(channel, second, "");

        await channel.QueueDeleteAsync(queue); // takes the second, and that the first

        await ExpectClose(() => channel.ExchangeDeclarePassiveAsync(first), 404, $"NOT_FOUND - no exchange '{first}' in vhost '/'");
        var another = await OpenChannel();
        await ExpectClose(() => another.ExchangeDeclarePassiveAsync(second), 404, $"NOT_FOUND - no exchange '{second}' in vhost '/'");
    }

    [Test]
    public async Task Messages_without_a_route_go_to_the_alternate_exchange()
    {
        var channel = await OpenChannel();
        var alternate = await DeclareExchange(channel, "fanout");
        var unrouted = await DeclareBoundQueue(channel, alternate, "");
        var exchange = await DeclareExchange(channel, "direct", arguments: Table(("alternate-exchange", alternate)));
        var routed = await DeclareBoundQueue(channel, exchange, "known");

        await channel.BasicPublishAsync(exchange, "known", Bytes("known"));
        await channel.BasicPublishAsync(exchange, "unknown", Bytes("unknown"));

        Assert.That(await Drain(channel, routed), Is.EqualTo(["known"]));
        var message = await Get(channel, unrouted);
        Assert.That((message.Exchange, message.RoutingKey), Is.EqualTo((exchange, "unknown")), "it keeps where it was published to");
    }

    [Test]
    public async Task Alternate_exchanges_in_a_circle_end()
    {
        var channel = await OpenChannel();
        var one = Name("one");
        var two = await DeclareExchange(channel, "direct", arguments: Table(("alternate-exchange", one)));
        await DeclareExchange(channel, "direct", one, arguments: Table(("alternate-exchange", two)));
        var queue = await DeclareBoundQueue(channel, two, "key");

        await channel.BasicPublishAsync(one, "key", Bytes("over the alternate"));
        await channel.BasicPublishAsync(one, "nowhere", Bytes("round and round"));

        Assert.That(await Drain(channel, queue), Is.EqualTo(["over the alternate"]));
    }

    [Test]
    public async Task A_missing_alternate_exchange_drops_the_message_and_keeps_the_channel()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "direct", arguments: Table(("alternate-exchange", Name("missing"))));
        await channel.BasicPublishAsync(exchange, "nowhere", Bytes("lost"));
        await channel.ExchangeDeclarePassiveAsync(exchange);
    }

    [Test]
    public async Task Exchanges_route_through_exchanges()
    {
        var channel = await OpenChannel();
        var source = await DeclareExchange(channel, "topic");
        var middle = await DeclareExchange(channel, "direct");
        var last = await DeclareExchange(channel, "fanout");
        await channel.ExchangeBindAsync(middle, source, "a.#");
        await channel.ExchangeBindAsync(last, middle, "a.b");
        var queue = await DeclareBoundQueue(channel, last, "");

        await channel.BasicPublishAsync(source, "a.b", Bytes("all the way"));
        await channel.BasicPublishAsync(source, "a.c", Bytes("stops in the middle"));

        var message = await Get(channel, queue);
        Assert.That((message.Exchange, message.RoutingKey), Is.EqualTo((source, "a.b")));
        Assert.That(await Drain(channel, queue), Is.Empty);
    }

    [Test]
    public async Task An_internal_exchange_takes_messages_from_exchanges_only()
    {
        var channel = await OpenChannel();
        var source = await DeclareExchange(channel, "fanout");
        var isInternal = Name("internal");
        DeleteAfterTest(exchange: isInternal);
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Call<AMQP.Net.ExchangeDeclare, AMQP.Net.ExchangeDeclareOk>(1, new AMQP.Net.ExchangeDeclare(
            isInternal, "fanout", Passive: false, Durable: false, AutoDelete: false, Internal: true, NoWait: false, AMQP.Net.FieldTable.Empty));
        var queue = await DeclareBoundQueue(channel, isInternal, "");
        await channel.ExchangeBindAsync(isInternal, source, "");

        await channel.BasicPublishAsync(source, "", Bytes("by the exchange"));
        Assert.That(await Drain(channel, queue), Is.EqualTo(["by the exchange"]));
        await raw.Publish(1, isInternal, "", "by a client");
        await raw.ExpectChannelClose(
            1, AMQP.Net.ReplyCode.AccessRefused, $"ACCESS_REFUSED - cannot publish to internal exchange '{isInternal}' in vhost '/'");
        Assert.That(await Drain(channel, queue), Is.Empty);
    }

    [Test]
    public async Task A_queue_reached_on_several_ways_gets_one_copy()
    {
        var channel = await OpenChannel();
        var source = await DeclareExchange(channel, "fanout");
        var left = await DeclareExchange(channel, "fanout");
        var right = await DeclareExchange(channel, "topic");
        await channel.ExchangeBindAsync(left, source, "");
        await channel.ExchangeBindAsync(right, source, "");
        var queue = await DeclareBoundQueue(channel, left, "");
        await channel.QueueBindAsync(queue, right, "#");
        await channel.QueueBindAsync(queue, right, "*");
        await channel.QueueBindAsync(queue, source, "");

        await channel.BasicPublishAsync(source, "key", Bytes("once"));

        Assert.That(await Drain(channel, queue), Is.EqualTo(["once"]));
    }

    [Test]
    public async Task Exchanges_bound_in_a_circle_deliver_once_and_end()
    {
        var channel = await OpenChannel();
        var exchanges = new List<string>();
        var queues = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            exchanges.Add(await DeclareExchange(channel, "fanout"));
            queues.Add(await DeclareBoundQueue(channel, exchanges[i], ""));
        }
        for (var i = 0; i < 3; i++) await channel.ExchangeBindAsync(exchanges[(i + 1) % 3], exchanges[i], "");
        await channel.ExchangeBindAsync(exchanges[0], exchanges[0], ""); // and one to itself

        await channel.BasicPublishAsync(exchanges[1], "", Bytes("round"));

        foreach (var queue in queues) Assert.That(await Drain(channel, queue), Is.EqualTo(["round"]));
    }

    [Test]
    public async Task Binding_twice_is_binding_once()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        var queue = await DeclareBoundQueue(channel, exchange, "key");
        await channel.QueueBindAsync(queue, exchange, "key");
        await channel.QueueUnbindAsync(queue, exchange, "key");

        await channel.BasicPublishAsync(exchange, "key", Bytes("lost"));

        Assert.That(await Drain(channel, queue), Is.Empty);
    }

    [Test]
    public async Task Bindings_that_differ_in_their_arguments_are_two()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        var queue = await DeclareBoundQueue(channel, exchange, "key", Table(("a", 1)));
        await channel.QueueBindAsync(queue, exchange, "key", Table(("a", 2)));
        await channel.QueueUnbindAsync(queue, exchange, "key", Table(("a", 1)));

        await channel.BasicPublishAsync(exchange, "key", Bytes("by the other"));

        Assert.That(await Drain(channel, queue), Is.EqualTo(["by the other"]));
    }

    [Test]
    public async Task The_order_of_a_bindings_arguments_does_not_tell_bindings_apart()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        var queue = await DeclareBoundQueue(channel, exchange, "key", Table(("a", 1), ("b", "two")));
        await channel.QueueUnbindAsync(queue, exchange, "key", Table(("b", "two"), ("a", 1)));

        await channel.BasicPublishAsync(exchange, "key", Bytes("lost"));

        Assert.That(await Drain(channel, queue), Is.Empty);
    }

    [Test]
    public async Task Unbinding_what_is_not_bound_succeeds()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "fanout");
        var other = await DeclareExchange(channel, "fanout");
        var queue = await DeclareQueue(channel);
        await channel.QueueUnbindAsync(queue, exchange, "key");
        await channel.ExchangeUnbindAsync(other, exchange, "key");
    }

    [TestCase("queue", "exchange")]
    [TestCase("queue", "queue")]
    [TestCase("exchange", "exchange")]
    public async Task Unbinding_succeeds_even_where_an_end_is_missing(string destination, string missing)
    {
        var channel = await OpenChannel();
        var exchange = missing == "exchange" ? Name("missing") : await DeclareExchange(channel, "fanout");
        if (destination == "exchange")
        {
            await channel.ExchangeUnbindAsync(await DeclareExchange(channel, "fanout"), exchange, "key");
            return;
        }
        var queue = missing == "queue" ? Name("missing") : await DeclareQueue(channel);
        await channel.QueueUnbindAsync(queue, exchange, "key");
    }

    [Test]
    public async Task Unbinding_compares_the_routing_key_to_the_letter()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "topic");
        var queue = await DeclareBoundQueue(channel, exchange, "a.*");
        await channel.QueueUnbindAsync(queue, exchange, "a.b");
        await channel.BasicPublishAsync(exchange, "a.b", Bytes("still bound"));
        Assert.That(await Drain(channel, queue), Is.EqualTo(["still bound"]));
    }

    [Test]
    public async Task Declarations_that_want_no_answer_get_none_and_are_carried_out()
    {
        var channel = await OpenChannel();
        var exchange = Name("x");
        var other = Name("y");
        var queue = Name("q");
        DeleteAfterTest(queue, exchange);
        DeleteAfterTest(exchange: other);
        await channel.ExchangeDeclareAsync(exchange, "fanout", noWait: true);
        await channel.ExchangeDeclareAsync(other, "fanout", noWait: true);
        await channel.ExchangeBindAsync(other, exchange, "", noWait: true);
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: false, autoDelete: false, noWait: true);
        await channel.QueueBindAsync(queue, other, "", noWait: true);

        await channel.BasicPublishAsync(exchange, "", Bytes("through"));
        Assert.That(await Drain(channel, queue), Is.EqualTo(["through"]));

        await channel.ExchangeUnbindAsync(other, exchange, "", noWait: true);
        await channel.ExchangeDeleteAsync(exchange, noWait: true);
        await channel.QueueDeleteAsync(queue, ifUnused: false, ifEmpty: false, noWait: true);
        await ExpectClose(
            () => channel.ExchangeDeclarePassiveAsync(exchange), 404, $"NOT_FOUND - no exchange '{exchange}' in vhost '/'");
    }

    /// <remarks>rabbit_exchange:check_type: 503 closes the connection up to 3.12, 406 the channel since 3.13.</remarks>
    [Test, Newer]
    public async Task An_unknown_type_closes_the_channel()
    {
        var channel = await OpenChannel();
        await ExpectClose(
            () => channel.ExchangeDeclareAsync(Name(), "no-such-type"), 406, "PRECONDITION_FAILED - unknown exchange type 'no-such-type'");
    }
}
