using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using static Amqp.Core.Tests.Topology.TopologyStory;

namespace Amqp.Core.Tests.Topology;

public class BindTests
{
    private readonly TopologyStory _story = new();

    [Test]
    public void Of_two_missing_ends_the_exchange_is_named()
    {
        Assert.That(_story.Error(Bind("x", "q")), Is.EqualTo(BrokerError.ExchangeNotFound("/", "x")));
        _story.Exchange("x");
        Assert.That(_story.Error(Bind("x", "q")), Is.EqualTo(BrokerError.QueueNotFound("/", "q")));
        Assert.That(
            _story.Error(new Bind(Vhost, new("x", Destination.Exchange("y"), "", FieldTable.Empty))),
            Is.EqualTo(BrokerError.ExchangeNotFound("/", "y")));
    }

    [Test]
    public void The_default_exchange_is_bound_to_every_queue_and_to_nothing_else()
    {
        _story.Exchange("x").Queue("q");
        var toDefault = new Binding("x", Destination.Exchange(""), "", FieldTable.Empty);
        Assert.Multiple(() =>
        {
            Assert.That(_story.Error(Bind("", "q")), Is.EqualTo(BrokerError.DefaultExchange));
            Assert.That(_story.Error(Bind("", "missing")), Is.EqualTo(BrokerError.DefaultExchange));
            Assert.That(_story.Error(new Bind(Vhost, toDefault)), Is.EqualTo(BrokerError.DefaultExchange));
            Assert.That(_story.Error(new Unbind(Vhost, toDefault)), Is.EqualTo(BrokerError.DefaultExchange));
            Assert.That(_story.Error(new Unbind(Vhost, Binding("", "q"))), Is.EqualTo(BrokerError.DefaultExchange));
            Assert.That(_story.Route("", "q"), Is.EqualTo("q"));
        });
    }

    [Test]
    public void A_binding_made_twice_is_one_binding()
    {
        _story.Exchange("x").Queue("q").Bind("x", "q", "k");
        Assert.That(_story.Apply(Bind("x", "q", "k")).Changed, Is.False);
        Assert.That(_story.Here.Bindings.Count, Is.EqualTo(1));
        _story.Unbind("x", "q", "k");
        Assert.That(_story.Route("x", "k"), Is.Empty);
    }

    [Test]
    public void Bindings_that_differ_in_arguments_alone_are_two()
    {
        var red = FieldTable.From(("colour", FieldValue.From("red")));
        _story.Exchange("x").Queue("q").Bind("x", "q", "k").Bind("x", "q", "k", red);
        _story.Unbind("x", "q", "k");
        Assert.That(_story.Route("x", "k"), Is.EqualTo("q"));
        _story.Unbind("x", "q", "k", red);
        Assert.That(_story.Route("x", "k"), Is.Empty);
    }

    [Test]
    public void Arguments_in_another_order_are_the_same_binding()
    {
        var (one, two) = (("a", FieldValue.From(1)), ("b", FieldValue.From(2)));
        _story.Exchange("x").Queue("q").Bind("x", "q", "k", FieldTable.From(one, two));
        Assert.That(_story.Apply(Bind("x", "q", "k", FieldTable.From(two, one))).Changed, Is.False);
    }

    [Test]
    public void What_is_not_bound_can_be_unbound()
    {
        Assert.That(_story.Error(new Unbind(Vhost, Binding("x", "q"))), Is.Null);
        _story.Exchange("x").Queue("q", owner: Alice);
        Assert.That(_story.Error(new Unbind(Vhost, Binding("x", "q"), Bob)), Is.Null, "and nobody asks whose queue it is");
    }

    [Test]
    public void Only_its_owner_binds_and_unbinds_an_exclusive_queue()
    {
        _story.Exchange("x").Queue("q", owner: Alice).Bind("x", "q");
        Assert.Multiple(() =>
        {
            Assert.That(_story.Error(Bind("x", "q", "k") with { Requester = Bob }), Is.EqualTo(BrokerError.QueueLocked("/", "q")));
            Assert.That(_story.Error(new Unbind(Vhost, Binding("x", "q"), Bob)), Is.EqualTo(BrokerError.QueueLocked("/", "q")));
            Assert.That(
                _story.Error(new DeleteQueue(Vhost, "q", _story.Here.Queues["q"].Id, Bob)), Is.EqualTo(BrokerError.QueueLocked("/", "q")));
        });
    }

    [Test]
    public void Headers_bindings_say_how_to_match()
    {
        _story.Exchange("x", "headers").Queue("q", owner: Alice);
        Assert.Multiple(() =>
        {
            Assert.That(Match(FieldValue.From("some")), Is.EqualTo(BrokerError.InvalidXMatchValue(FieldValue.From("some"))));
            Assert.That(Match(FieldValue.From(1)), Is.EqualTo(BrokerError.InvalidXMatchType(FieldValue.From(1))));
            Assert.That(Match(FieldValue.From("any-with-x")), Is.EqualTo(BrokerError.QueueLocked("/", "q")), "arguments come before access");
        });

        BrokerError? Match(FieldValue value) =>
            _story.Error(Bind("x", "q", arguments: FieldTable.From(("x-match", value))) with { Requester = Bob });
    }

    [TestCase(true, true, true)]
    [TestCase(true, false, false)]
    [TestCase(false, true, false)]
    public void A_binding_is_as_durable_as_both_of_its_ends(bool exchange, bool queue, bool binding)
    {
        _story.Exchange("x", durable: exchange).Queue("q", durable: queue);
        Assert.That(_story.Apply(Bind("x", "q")).Durable, Is.EqualTo(binding));
    }

    private static Bind Bind(string source, string queue, string key = "", FieldTable? arguments = null) =>
        new(Vhost, Binding(source, queue, key, arguments), Alice);
}
