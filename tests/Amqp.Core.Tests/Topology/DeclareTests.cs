using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using static Amqp.Core.Tests.Topology.TopologyStory;

namespace Amqp.Core.Tests.Topology;

public class DeclareTests
{
    private readonly TopologyStory _story = new();

    [Test]
    public void A_broker_begins_with_the_exchanges_of_the_specification()
    {
        var exchanges = TopologySnapshot.Initial.Find("/")!.Exchanges.Values.OrderBy(exchange => exchange.Name, StringComparer.Ordinal);
        Assert.That(exchanges.Select(exchange => (exchange.Name, exchange.Type, exchange.Durable, exchange.Internal)), Is.EqualTo(new[]
        {
            ("", "direct", true, false),
            ("amq.direct", "direct", true, false),
            ("amq.fanout", "fanout", true, false),
            ("amq.headers", "headers", true, false),
            ("amq.match", "headers", true, false),
            ("amq.rabbitmq.event", "topic", true, true),
            ("amq.rabbitmq.trace", "topic", true, true),
            ("amq.topic", "topic", true, false),
        }));
    }

    [Test]
    public void A_queue_declared_twice_alike_is_one_queue()
    {
        var first = _story.Apply(Queue());
        var version = _story.Topology.Version;
        var second = _story.Apply(Queue());
        Assert.That(first.QueuesAdded.Single(), Is.SameAs(first.Queue));
        Assert.That(second.Changed, Is.False);
        Assert.That(second.Queue, Is.SameAs(first.Queue));
        Assert.That(_story.Topology.Version, Is.EqualTo(version));
    }

    [Test]
    public void A_queue_declared_again_after_its_deletion_is_another_one()
    {
        var first = _story.Apply(Queue()).Queue!;
        _story.DeleteQueue("q");
        var second = _story.Apply(Queue()).Queue!;
        Assert.That(second.Id, Is.Not.EqualTo(first.Id));
        _story.Apply(new DeleteQueue(Vhost, "q", first.Id));
        Assert.That(_story.Here.FindQueue("q"), Is.SameAs(second), "the deletion meant the first one");
    }

    [TestCase(false, false, "durable", "false", "true")]
    [TestCase(true, true, "auto_delete", "true", "false")]
    [TestCase(false, true, "durable", "false", "true", Description = "durable is compared before auto_delete")]
    public void A_queue_declared_again_otherwise_is_refused(
        bool durable, bool autoDelete, string property, string received, string current)
    {
        _story.Queue("q");
        Assert.That(
            _story.Error(Queue(durable, autoDelete))!.Text,
            Is.EqualTo($"inequivalent arg '{property}' for queue 'q' in vhost '/': received '{received}' but current is '{current}'"));
    }

    [Test]
    public void Whose_a_queue_is_is_compared_before_everything_else()
    {
        _story.Queue("alices", owner: Alice);
        _story.Queue("everybodys");
        Assert.Multiple(() =>
        {
            Assert.That(_story.Error(Queue("alices", exclusive: true, requester: Bob))!.Code, Is.EqualTo(ReplyCode.ResourceLocked));
            Assert.That(_story.Error(Queue("alices", exclusive: false, requester: Alice))!.Code, Is.EqualTo(ReplyCode.ResourceLocked));
            Assert.That(
                _story.Error(Queue("everybodys", durable: false, exclusive: true, requester: Alice))!.Code,
                Is.EqualTo(ReplyCode.ResourceLocked));
            Assert.That(_story.Error(Queue("alices", exclusive: true, requester: Alice)), Is.Null);
        });
    }

    [Test]
    public void An_exclusive_queue_is_transient_whatever_was_asked_for()
    {
        var declared = _story.Apply(Queue(durable: true, exclusive: true));
        Assert.That(declared.Queue!.Durable, Is.False);
        Assert.That(declared.Durable, Is.False);
        Assert.That(_story.Error(Queue(durable: false, exclusive: true)), Is.Null);
        Assert.That(_story.Error(Queue(durable: true, exclusive: true)), Is.Null);
    }

    [Test]
    public void Reserved_queue_names_are_refused_even_where_the_queue_is_there()
    {
        var named = Queue("amq.gen-x") with { ServerNamed = true };
        Assert.That(_story.Error(named), Is.Null);
        Assert.That(_story.Error(Queue("amq.gen-x")), Is.EqualTo(BrokerError.ReservedPrefix(ResourceKind.Queue, "amq.gen-x")));
    }

    [Test]
    public void Reserved_exchange_names_are_refused_only_where_nothing_is_there()
    {
        Assert.That(_story.Error(Exchange("amq.direct", "direct")), Is.Null);
        Assert.That(_story.Error(Exchange("amq.mine", "direct")), Is.EqualTo(BrokerError.ReservedPrefix(ResourceKind.Exchange, "amq.mine")));
    }

    [Test]
    public void An_unknown_exchange_type_is_named_before_anything_else() =>
        Assert.That(_story.Error(Exchange("", "x-none")), Is.EqualTo(BrokerError.UnknownExchangeType("x-none")));

    [Test]
    public void The_default_exchange_cannot_be_declared() =>
        Assert.That(_story.Error(Exchange("", "direct")), Is.EqualTo(BrokerError.DefaultExchange));

    [Test]
    public void An_exchange_declared_again_otherwise_is_refused_with_the_first_difference()
    {
        var declared = Exchange("x", "topic") with { Arguments = Alternate("a") };
        Assert.That(_story.Error(declared), Is.Null);
        Assert.Multiple(() =>
        {
            Assert.That(Difference(declared with { Type = "direct", Durable = false }), Is.EqualTo("'type'"));
            Assert.That(Difference(declared with { Durable = false, AutoDelete = true }), Is.EqualTo("'durable'"));
            Assert.That(Difference(declared with { AutoDelete = true, Internal = true }), Is.EqualTo("'auto_delete'"));
            Assert.That(Difference(declared with { Internal = true, Arguments = FieldTable.Empty }), Is.EqualTo("'internal'"));
            Assert.That(Difference(declared with { Arguments = Alternate("b") }), Is.EqualTo("'alternate-exchange'"));
            Assert.That(_story.Error(declared with { Arguments = Alternate("a").With("other", FieldValue.From(1)) }), Is.Null);
        });

        string Difference(DeclareExchange other) => _story.Error(other)!.Text.Split(' ')[2];
    }

    [Test]
    public void An_alternate_exchange_is_named_by_a_string()
    {
        var declare = Exchange("x", "topic") with { Arguments = FieldTable.From(("alternate-exchange", FieldValue.From(1))) };
        Assert.That(_story.Error(declare)!.Text, Is.EqualTo("invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'"));
    }

    [Test]
    public void A_virtual_host_must_be_there() =>
        Assert.That(_story.Error(Queue() with { Vhost = "nowhere" }), Is.EqualTo(BrokerError.VhostNotFound("nowhere")));

    private static DeclareQueue Queue(bool durable = true, bool autoDelete = false, bool exclusive = false) =>
        Queue("q", durable, autoDelete, exclusive);

    private static DeclareQueue Queue(
        string name, bool durable = true, bool autoDelete = false, bool exclusive = false, ConnectionId? requester = null) =>
        new(Vhost, name, durable, autoDelete, exclusive, FieldTable.Empty, requester ?? Alice);

    private static DeclareExchange Exchange(string name, string type) =>
        new(Vhost, name, type, Durable: true, AutoDelete: false, Internal: false, FieldTable.Empty);

    private static FieldTable Alternate(string exchange) => FieldTable.From(("alternate-exchange", FieldValue.From(exchange)));
}
