using Amqp.Core.Errors;
using Amqp.Core.Topology;
using static Amqp.Core.Tests.Topology.TopologyStory;

namespace Amqp.Core.Tests.Topology;

public class DeleteTests
{
    private readonly TopologyStory _story = new();

    [Test]
    public void What_is_not_there_can_be_deleted()
    {
        Assert.That(_story.Apply(new DeleteExchange(Vhost, "x", IfUnused: true)).Changed, Is.False);
        Assert.That(_story.Apply(new DeleteQueue(Vhost, "q", new QueueId(7))).Changed, Is.False);
    }

    [TestCase("", "ACCESS_REFUSED - operation not permitted on the default exchange")]
    [TestCase("amq.topic", "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed")]
    [TestCase("amq.none", "ACCESS_REFUSED - deletion of system exchange 'amq.none' in vhost '/' not allowed")]
    public void The_brokers_own_exchanges_stay(string name, string text) =>
        Assert.That(_story.Error(new DeleteExchange(Vhost, name, IfUnused: false))!.ReplyText, Is.EqualTo(text));

    [Test]
    public void An_exchange_is_in_use_if_something_is_bound_to_it_as_a_source()
    {
        _story.Exchange("x").Exchange("y").Queue("q").BindExchange("x", "y");
        Assert.That(_story.Error(new DeleteExchange(Vhost, "x", IfUnused: true)), Is.EqualTo(BrokerError.ExchangeInUse("/", "x")));
        _story.DeleteExchange("y", ifUnused: true).DeleteExchange("x", ifUnused: true);
    }

    [Test]
    public void Bindings_go_with_either_end()
    {
        _story.Exchange("x").Exchange("y").Queue("q").BindExchange("x", "y", "k").Bind("x", "q", "k").Bind("y", "q", "k");
        _story.DeleteExchange("y");
        Assert.That(_story.Here.Bindings.All, Is.EquivalentTo(new[] { Binding("x", "q", "k") }));
        _story.DeleteQueue("q");
        Assert.That(_story.Here.Bindings.Count, Is.Zero);
        Assert.That(_story.Queue("q").Route("x", "k"), Is.Empty, "a new queue has none of the old one's bindings");
    }

    [Test]
    public void An_auto_delete_exchange_goes_with_its_last_binding_as_a_source()
    {
        _story.Exchange("x", autoDelete: true).Queue("q").Queue("p").Bind("x", "q").Bind("x", "p");
        _story.Unbind("x", "q");
        Assert.That(_story.Here.FindExchange("x"), Is.Not.Null);
        _story.DeleteQueue("p");
        Assert.That(_story.Here.FindExchange("x"), Is.Null);
    }

    [Test]
    public void An_auto_delete_exchange_that_never_had_a_binding_stays_and_one_bound_to_does_not_count()
    {
        _story.Exchange("x", autoDelete: true).Exchange("y").BindExchange("y", "x").DeleteExchange("y");
        Assert.That(_story.Here.FindExchange("x"), Is.Not.Null);
    }

    [Test]
    public void Auto_deletion_goes_up_the_chain_however_long()
    {
        const int length = 20_000;
        _story.Exchange("x0", autoDelete: true);
        for (var i = 1; i < length; i++) _story.Exchange($"x{i}", autoDelete: true).BindExchange($"x{i - 1}", $"x{i}");
        _story.Queue("q").Bind($"x{length - 1}", "q");

        var result = _story.Apply(new DeleteQueue(Vhost, "q", _story.Here.Queues["q"].Id));

        Assert.That(result.Changes, Has.Length.EqualTo(length + 1));
        Assert.That(_story.Here.Exchanges.Values.Any(exchange => exchange.AutoDelete), Is.False);
    }

    [Test]
    public void Exchanges_bound_in_a_circle_can_be_deleted()
    {
        _story.Exchange("x", autoDelete: true).Exchange("y", autoDelete: true);
        _story.BindExchange("x", "y").BindExchange("y", "x").BindExchange("x", "x").DeleteExchange("x");
        Assert.That(_story.Here.FindExchange("y"), Is.Null, "its last binding led to the one that was deleted");
        Assert.That(_story.Here.Bindings.Count, Is.Zero);
    }
}
