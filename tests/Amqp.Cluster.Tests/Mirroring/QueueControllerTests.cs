using Amqp.Broker.Tests.Nodes;
using Amqp.Cluster.Mirroring;
using Amqp.Cluster.Tests.Etcd;
using Amqp.Core.Topology;
using Amqp.Replication;

namespace Amqp.Cluster.Tests.Mirroring;

/// <summary>Which node gives a queue another leader, and when.</summary>
public class QueueControllerTests
{
    private static readonly Member[] Nodes = [.. Enumerable.Range(1, 4).Select(number => new Member($"n{number}", Guid.NewGuid(), number))];
    private static readonly Member Gone = new("n9", Guid.NewGuid(), 9);

    private readonly Dictionary<QueueId, QueueConfiguration> _records = [];
    private readonly Dictionary<QueueId, QueueConfiguration> _failed = [];
    private readonly List<QueueChange> _proposed = [];
    private readonly ManualTime _time = new();

    [SetUp]
    public void Begin()
    {
        _records.Clear();
        _failed.Clear();
        _proposed.Clear();
    }

    [TestCase(0, 0)]
    [TestCase(1, 1_000)]
    [TestCase(2, 2_000)]
    public void A_node_does_what_those_before_it_leave_undone(int place, int afterMs)
    {
        Record(Gone);
        var controller = NewController(place);
        if (afterMs > 0)
        {
            controller.Look(Nodes);
            _time.Advance(afterMs - 1);
            controller.Look(Nodes);
            Assert.That(_proposed, Is.Empty);
            _time.Advance(1);
        }
        controller.Look(Nodes);
        Assert.That(_proposed.Select(change => change.Configuration.Leader), Is.EqualTo(new[] { Nodes[0] }));
    }

    [Test]
    public void What_another_node_has_done_is_not_done_again()
    {
        var controller = NewController(place: 1);
        Record(Gone);
        controller.Look(Nodes);
        _time.Advance(999);
        Record(Nodes[0]);
        controller.Look(Nodes);
        _time.Advance(1);
        Record(Gone);
        controller.Look(Nodes);
        Assert.That(_proposed, Is.Empty, "the time begins anew");
    }

    [Test]
    public void Nodes_far_behind_do_nothing_and_so_does_one_that_does_not_run()
    {
        Record(Gone);
        var (far, away) = (NewController(place: 3), NewController(place: 0));
        far.Look(Nodes);
        away.Look(Nodes[1..]);
        _time.Advance(60_000);
        far.Look(Nodes);
        away.Look(Nodes[1..]);
        Assert.That(_proposed, Is.Empty);
    }

    [Test]
    public void A_node_whose_leader_has_failed_has_another_copy_in_sync_lead_wherever_it_is_among_the_nodes()
    {
        _failed[new QueueId(1)] = Configuration(Nodes[3]) with { InSync = [Nodes[3], Nodes[1], Nodes[2]] };
        _failed[new QueueId(2)] = Configuration(Nodes[3]) with { InSync = [Nodes[3]] };
        NewController(place: 3).Look([Nodes[0], Nodes[2], Nodes[3]]);
        Assert.That(_proposed.Select(change => (change.Queue, change.Configuration.Epoch, change.Configuration.Leader)), Is.EqualTo(new[] { (new QueueId(1), 2u, Nodes[2]) }));
        Assert.That(_proposed[0].Configuration.InSync, Is.EqualTo(new[] { Nodes[1], Nodes[2] }));
    }

    private QueueController NewController(int place) => new(Nodes[place].Node, _records, _failed, _proposed.Add, _ => default, _ => Task.FromResult(false), _time, new LogLines());

    private void Record(Member leader) => _records[new QueueId(1)] = Configuration(leader);

    private static QueueConfiguration Configuration(Member leader) => new()
    {
        Revision = 1, Epoch = 1, Leader = leader, Replicas = [.. Nodes.Select(node => node.Node)], InSync = [leader, Nodes[0]], MinInSync = 1,
    };
}
