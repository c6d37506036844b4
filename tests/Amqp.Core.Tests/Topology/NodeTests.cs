using System.Collections.Immutable;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Tests.Topology;

/// <summary>What belongs to which node of a cluster, and what goes with it.</summary>
public class NodeTests
{
    private static readonly ClusterNode N1 = new("n1", IsRunning: true, Epoch: 7);
    private static readonly ClusterNode N2 = new("n2", IsRunning: true, Epoch: 9);

    private TopologySnapshot _topology = TopologySnapshot.Initial;

    [SetUp]
    public void Empty() => _topology = TopologySnapshot.Initial;

    [TestCase("client-local", "n1")]
    [TestCase("no such thing", "n1", Description = "RabbitMQ takes any value of x-queue-master-locator, and ignores one that it does not know")]
    [TestCase("min-masters", "n2")]
    [TestCase("random", "n2")]
    public void A_queue_is_where_its_argument_says(string locator, string node)
    {
        Declare("first");
        Assert.That(Declare("q", arguments: Locator(locator)).Home, Is.EqualTo(new QueueHome(node, 0)));
    }

    [TestCase("balanced")]
    [TestCase("least-leaders")]
    public void A_quorum_queue_is_where_its_argument_says(string locator)
    {
        Declare("first");
        var arguments = FieldTable.Empty.With("x-queue-type", FieldValue.From("quorum")).With("x-queue-leader-locator", FieldValue.From(locator));
        Assert.That(Declare("q", arguments: arguments).Home.Node, Is.EqualTo("n2"));
    }

    [Test]
    public void An_exclusive_queue_is_where_its_connection_is() =>
        Assert.That(Declare("q", isDurable: false, owner: new("n1", 7, 1), arguments: Locator("random")).Home, Is.EqualTo(new QueueHome("n1", 7)));

    [Test]
    public void On_a_node_that_is_alone_a_queue_has_no_node()
    {
        var result = TopologyReducer.Apply(_topology, new DeclareQueue("/", "q", true, false, false, FieldTable.Empty, null));
        Assert.That(result.Queue!.Home.Node, Is.Null);
    }

    [Test]
    public void With_a_node_go_its_transient_queues_and_those_of_its_connections()
    {
        Declare("durable");
        Declare("transient", isDurable: false);
        Declare("exclusive", isDurable: false, owner: new("n1", 7, 1));
        Declare("on n2", isDurable: false, arguments: Locator("random"));
        Apply(new EndNode("n1", 7));
        Assert.That(Queues, Is.EquivalentTo(["durable", "on n2"]));
    }

    [Test]
    public void What_a_later_start_of_the_node_has_stays()
    {
        Declare("transient", isDurable: false);
        Declare("exclusive", isDurable: false, owner: new("n1", 7, 1));
        Apply(new EndNode("n1", 6));
        Assert.That(Queues, Is.EquivalentTo(["transient", "exclusive"]));
    }

    [Test]
    public void Transient_queues_that_other_nodes_have_too_stay_and_those_that_no_node_has_any_more_go()
    {
        Declare("only here", isDurable: false);
        var copied = Declare("copied", isDurable: false);
        var durable = Declare("durable", arguments: Locator("random"));
        var moved = Declare("moved here", isDurable: false, arguments: Locator("random"));
        Assert.That(moved.Home.Node, Is.EqualTo("n2"));
        Apply(new EndNode("n1", copied.Home.Epoch) { Kept = [copied.Id], Lost = [moved.Id, durable.Id] });
        Assert.That(Queues, Is.EquivalentTo(["copied", "durable"]));
    }

    [Test]
    public void When_no_node_ran_nothing_transient_is_left()
    {
        Declare("durable");
        Declare("transient", isDurable: false);
        Apply(new DeclareExchange("/", "x", "direct", Durable: false, AutoDelete: false, Internal: false, FieldTable.Empty));
        Apply(new DeclareExchange("/", "y", "direct", Durable: true, AutoDelete: false, Internal: false, FieldTable.Empty));
        Apply(new Bind("/", new Binding("x", Destination.Queue("durable"), "k", FieldTable.Empty)));
        Apply(new EndAllTransient());
        Assert.That(Queues, Is.EquivalentTo(["durable"]));
        Assert.That(_topology.Find("/")!.FindExchange("x"), Is.Null);
        Assert.That(_topology.Find("/")!.FindExchange("y"), Is.Not.Null);
        Assert.That(_topology.Find("/")!.FindExchange("amq.direct"), Is.Not.Null);
        Assert.That(_topology.Find("/")!.Bindings.All, Is.Empty);
    }

    [Test]
    public void With_a_node_that_is_forgotten_go_its_durable_queues_and_exchanges_that_kept_messages_there_keep_them_elsewhere()
    {
        Declare("here");
        Declare("there", arguments: Locator("random"));
        Apply(new DeclareExchange("/", "delayed", "x-delayed-message", true, false, false, FieldTable.Empty.With("x-delayed-type", FieldValue.From("direct"))));
        Apply(new Bind("/", new Binding("delayed", Destination.Queue("there"), "k", FieldTable.Empty)));
        Apply(new Bind("/", new Binding("amq.direct", Destination.Exchange("delayed"), "k", FieldTable.Empty)));
        var before = _topology.Find("/")!.FindExchange("delayed")!.OwnQueue!;
        Apply(new RemoveQueuesOfNode("n1"), on: N2);
        Assert.That(Queues, Is.EquivalentTo(["there"]));
        var after = _topology.Find("/")!.FindExchange("delayed")!.OwnQueue!;
        Assert.That(after.Home.Node, Is.EqualTo("n2"));
        Assert.That(after.Id.Value, Is.GreaterThan(before.Id.Value));
        Assert.That(_topology.Find("/")!.Bindings.Count, Is.EqualTo(2));
    }

    [Test]
    public void Queues_that_other_nodes_have_too_stay_when_a_node_is_forgotten_and_those_that_only_it_has_by_now_go()
    {
        Declare("only here");
        var kept = Declare("copied");
        var lost = Declare("moved here", arguments: Locator("random"));
        Assert.That(lost.Home.Node, Is.EqualTo("n2"));
        Apply(new RemoveQueuesOfNode("n1") { Kept = [kept.Id], Lost = [lost.Id] }, on: N2);
        Assert.That(Queues, Is.EquivalentTo(["copied"]));
    }

    private IEnumerable<string> Queues => _topology.Find("/")!.Queues.Keys;

    private static FieldTable Locator(string value) => FieldTable.Empty.With("x-queue-master-locator", FieldValue.From(value));

    private QueueDefinition Declare(string name, bool isDurable = true, ConnectionId? owner = null, FieldTable? arguments = null) =>
        Apply(new DeclareQueue("/", name, isDurable, AutoDelete: false, owner is not null, arguments ?? FieldTable.Empty, owner)).Queue!;

    private TopologyResult Apply(TopologyCommand command, ClusterNode? on = null)
    {
        ImmutableArray<ClusterNode> running = [N1, N2];
        var result = TopologyReducer.Apply(_topology, command, new QueuePlacement(on ?? N1, running, QueuePlacement.ClientLocal, Chance: 1));
        Assert.That(result.Error, Is.Null);
        _topology = result.Topology;
        return result;
    }
}
