using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using Amqp.Broker.Tests.Nodes;
using Amqp.Cluster.Links;
using Amqp.Cluster.Membership;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Cluster.Tests.Membership;

/// <summary>Nodes that lose each other, on a table: what they say to each other arrives at once.</summary>
public class SilenceTests
{
    private readonly Dictionary<string, Node> _nodes = [];
    private readonly ManualTime _time = new();

    [SetUp]
    public void ThreeNodes() => Begin("n1", "n2", "n3");

    [TearDown]
    public void End()
    {
        foreach (var node in _nodes.Values) node.Silence.Dispose();
        _nodes.Clear();
    }

    [Test]
    public void One_that_most_do_not_hear_is_silent_and_knows_that_it_is_in_doubt()
    {
        Cut("n1 n3", "n2 n3");
        Assert.That(InDoubt, Is.EqualTo("n3"));
        _time.Advance(499);
        Assert.That(Silent, Is.Empty, "it may be there again at once");
        _time.Advance(1);
        Assert.That(Silent, Is.EqualTo("n1:n3 n2:n3"));
        Assert.That(_nodes["n1"].Changes, Is.EqualTo(1));
        Join("n1 n3", "n2 n3");
        Assert.That((Silent, InDoubt), Is.EqualTo(("", "")));
    }

    [Test]
    public void Where_two_do_not_hear_each_other_and_the_third_hears_both_nothing_is_silent()
    {
        Cut("n1 n3");
        Grace();
        Assert.That((Silent, InDoubt), Is.EqualTo(("", "")));
        // What one has lost before counts as well.
        Cut("n2 n3");
        Grace();
        Assert.That(Silent, Is.EqualTo("n1:n3 n2:n3"));
    }

    [Test]
    public void When_all_lose_each_other_none_is_silent_and_those_that_reach_etcd_go_on_after_the_time_of_a_lease()
    {
        Cut("n1 n2", "n2 n3", "n1 n3");
        Grace();
        Assert.That((Silent, InDoubt), Is.EqualTo(("", "n1 n2 n3")));
        _nodes["n3"].Silence.LeaseDoubted(isInDoubt: true);
        _time.Advance(4_500);
        Assert.That((Silent, InDoubt), Is.EqualTo(("", "n3")));
    }

    [Test]
    public void Half_of_the_nodes_are_no_majority()
    {
        foreach (var node in _nodes.Values) node.Shows("n1", "n2");
        Cut("n1 n2");
        Grace();
        Assert.That((Silent, InDoubt), Is.EqualTo(("", "")));
    }

    [Test]
    public void A_node_that_has_ended_is_not_counted()
    {
        Cut("n1 n3", "n2 n3", "n1 n2");
        Assert.That(_nodes["n1"].Silence.IsInDoubt, Is.True);
        _nodes["n1"].Shows("n1", "n2");
        _nodes["n1"].Silence.Look();
        Assert.That(_nodes["n1"].Silence.IsInDoubt, Is.False);
        Grace();
        Assert.That(Silent, Is.Empty);
    }

    [Test]
    public void What_was_said_of_an_earlier_start_says_nothing_of_this_one()
    {
        _nodes["n2"].Silence.LinkChanged("n3", epoch: 6, isConnected: false);
        _nodes["n1"].Silence.LinkChanged("n3", epoch: 7, isConnected: false);
        Grace();
        Assert.That(Silent, Is.Empty);
    }

    [Test]
    public void A_node_whose_lease_is_in_doubt_is_in_doubt_until_it_is_renewed_and_it_hears_the_others()
    {
        _nodes["n3"].Silence.LeaseDoubted(isInDoubt: true);
        Assert.That(InDoubt, Is.EqualTo("n3"));
        Cut("n1 n3", "n2 n3");
        _nodes["n3"].Silence.LeaseDoubted(isInDoubt: false);
        Assert.That(InDoubt, Is.EqualTo("n3"));
        Join("n1 n3");
        Assert.That(InDoubt, Is.Empty);
    }

    [TestCase("")]
    [TestCase("{}")]
    [TestCase("[{\"Node\":7}]")]
    [TestCase("null")]
    public void What_cannot_be_read_says_nothing(string text)
    {
        _nodes["n1"].Silence.Received("n2", new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(text)));
        Assert.That(Silent, Is.Empty);
    }

    private string Silent => string.Join(' ', _nodes.Values.SelectMany(node => _nodes.Keys.Where(other => node.Silence.IsSilent(other, 7)).Select(other => $"{node.Self}:{other}")));

    private string InDoubt => string.Join(' ', _nodes.Values.Where(node => node.Silence.IsInDoubt).Select(node => node.Self));

    /// <summary>The time within which a broken link means nothing has passed.</summary>
    private void Grace() => _time.Advance(500);

    private void Begin(params string[] names)
    {
        foreach (var name in names) _nodes.Add(name, new Node(this, name, names));
    }

    private void Cut(params string[] pairs) => Change(pairs, isConnected: false);

    private void Join(params string[] pairs) => Change(pairs, isConnected: true);

    private void Change(string[] pairs, bool isConnected)
    {
        foreach (var pair in pairs.Select(pair => pair.Split(' ')))
        {
            foreach (var (one, other) in new[] { (pair[0], pair[1]), (pair[1], pair[0]) })
            {
                if (isConnected) _nodes[one].Cut.Remove(other);
                else _nodes[one].Cut.Add(other);
            }
        }
        foreach (var pair in pairs.Select(pair => pair.Split(' ')))
        {
            _nodes[pair[0]].Silence.LinkChanged(pair[1], 7, isConnected);
            _nodes[pair[1]].Silence.LinkChanged(pair[0], 7, isConnected);
        }
    }

    private sealed class Node : IClusterView
    {
        public Node(SilenceTests table, string self, string[] names)
        {
            Self = self;
            Shows(names);
            Silence = new Silence(this, (to, message) => Tell(table, to, message), table._time, () => Changes++, NullLogger.Instance);
        }

        public string Self { get; }

        public ImmutableArray<ClusterNode> Nodes { get; private set; } = [];

        public HashSet<string> Cut { get; } = [];

        public Silence Silence { get; }

        public int Changes { get; private set; }

        public void Shows(params string[] running) =>
            Nodes = [.. new[] { "n1", "n2", "n3" }.Select(name => running.Contains(name) ? new ClusterNode(name, IsRunning: true, 7) : new ClusterNode(name, IsRunning: false, 0))];

        private bool Tell(SilenceTests table, string to, LinkMessage message)
        {
            if (Cut.Contains(to)) return false;
            var payload = new ArrayBufferWriter<byte>();
            message.Write(payload);
            table._nodes[to].Silence.Received(Self, new ReadOnlySequence<byte>(payload.WrittenMemory));
            return true;
        }
    }
}
