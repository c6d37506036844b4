using System.Buffers;
using AMQP.Net;
using Amqp.Cluster.Links;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Cluster.Tests.Operations;

/// <summary>What nodes know of each other's connections: this node is n1, and what it says to others waits in a list.</summary>
public class SharedUsageTests
{
    private static readonly UsageKey Guest = new(UsageKind.ConnectionsOfUser, "guest");
    private static readonly UsageKey Channels = new(UsageKind.ChannelsOfUser, "guest");

    private readonly List<(string Node, UsageFrame Frame)> _said = [];
    private Counts _counts = null!;
    private SharedUsage _usage = null!;
    private bool _takesNothing;

    [SetUp]
    public void Begin()
    {
        _said.Clear();
        _takesNothing = false;
        _counts = new Counts();
        _usage = new SharedUsage(Tell, NullLogger.Instance);
    }

    [Test]
    public void A_node_is_told_everything_when_it_is_there_and_then_what_changes()
    {
        _usage.Serve(_counts);
        _counts.Set(Guest, 2);
        _usage.LinkChanged("n2", isConnected: true);
        _counts.Set(Channels, 1);
        _counts.Set(Channels, 0);
        Assert.That(Said(), Is.EqualTo(new[] { "n2 all ConnectionsOfUser guest 2", "n2 ChannelsOfUser guest 1", "n2 ChannelsOfUser guest 0" }));
    }

    [Test]
    public void One_that_has_taken_nothing_for_a_while_is_told_everything_again()
    {
        _usage.Serve(_counts);
        _usage.LinkChanged("n2", isConnected: true);
        _takesNothing = true;
        _counts.Set(Guest, 1);
        _takesNothing = false;
        _counts.Set(Channels, 1);
        _usage.LinkChanged("n2", isConnected: false);
        _counts.Set(Guest, 2);
        Assert.That(Said(), Is.EqualTo(new[] { "n2 all", "n2 all ChannelsOfUser guest 1, ConnectionsOfUser guest 1" }));
    }

    [Test]
    public void What_others_have_is_added_up_and_what_was_said_before_the_broker_ran_is_not_lost()
    {
        Hear("n2", isAll: true, (Guest, 3));
        _usage.Serve(_counts);
        Hear("n3", isAll: true, (Guest, 1), (Channels, 5));
        Hear("n2", isAll: false, (Guest, 4));
        Hear("n3", isAll: true, (Channels, 6));
        Assert.That((_counts.Elsewhere(Guest), _counts.Elsewhere(Channels)), Is.EqualTo((4, 6)));
    }

    [Test]
    public void What_a_node_had_is_gone_when_it_has_ended_and_is_heard_no_more()
    {
        _usage.Serve(_counts);
        _usage.PeerChanged("n2", isConnected: true);
        Hear("n2", isAll: true, (Guest, 3));
        _usage.Ended("n2");
        Assert.That(_counts.Elsewhere(Guest), Is.EqualTo(3), "it is heard: only its lease has ended");
        _usage.PeerChanged("n2", isConnected: false);
        Assert.That(_counts.Elsewhere(Guest), Is.Zero);
    }

    [Test]
    public void A_link_that_breaks_takes_nothing_away()
    {
        _usage.Serve(_counts);
        _usage.PeerChanged("n2", isConnected: true);
        Hear("n2", isAll: true, (Guest, 3));
        _usage.PeerChanged("n2", isConnected: false);
        Assert.That(_counts.Elsewhere(Guest), Is.EqualTo(3));
        _usage.Ended("n2");
        Assert.That(_counts.Elsewhere(Guest), Is.Zero);
    }

    [Test]
    public void Many_counts_are_told_in_parts_of_which_only_the_first_begins_anew()
    {
        for (var number = 0; number < 1_200; number++) _counts.Set(new UsageKey(UsageKind.ConnectionsOfVhost, $"vhost {number}"), number + 1);
        _usage.Serve(_counts);
        _usage.LinkChanged("n2", isConnected: true);
        Assert.That(_said.Select(said => (said.Frame.IsFirstOfAll, said.Frame.Counts.Length)), Is.EqualTo(new[] { (true, 500), (false, 500), (false, 200) }));
    }

    [Test]
    public void A_name_that_is_no_UTF_8_is_told_as_it_is()
    {
        var name = LosslessUtf8.GetString([0xFF, (byte)'a', 0xC0]);
        _usage.Serve(_counts);
        _counts.Set(new UsageKey(UsageKind.ConnectionsOfVhost, name), 1);
        _usage.LinkChanged("n2", isConnected: true);
        Assert.That(_said[0].Frame.Counts.Single().Key.Name, Is.EqualTo(name));
    }

    [TestCase(new byte[0])]
    [TestCase(new byte[] { 1, 0, 0, 0, 0, 1 }, TestName = "no name")]
    [TestCase(new byte[] { 1, 0, 0, 0, 0, 1, 0, 2, 65 }, TestName = "a name that ends too early")]
    [TestCase(new byte[] { 1, 3, 0, 0, 0, 1, 0, 1, 65 }, TestName = "a kind that there is not")]
    [TestCase(new byte[] { 1, 0, 255, 0, 0, 1, 0, 1, 65 }, TestName = "less than none")]
    public void What_is_no_frame_is_known_as_such(byte[] bytes) => Assert.That(UsageFrame.Read(new ReadOnlySequence<byte>(bytes)), Is.Null);

    private bool Tell(string node, LinkMessage message)
    {
        if (_takesNothing) return false;
        _said.Add((node, UsageFrame.Read(Bytes(message))!));
        return true;
    }

    private string[] Said() => [.. _said.Select(said =>
        $"{said.Node}{(said.Frame.IsFirstOfAll ? " all" : "")} {string.Join(", ", said.Frame.Counts.Select(count => $"{count.Key.Kind} {count.Key.Name} {count.Count}").Order())}".TrimEnd())];

    private void Hear(string node, bool isAll, params (UsageKey Key, int Count)[] counts)
    {
        foreach (var frame in UsageFrame.Of(counts.Select(each => new UsageCount(each.Key, each.Count)), isAll)) _usage.Received(node, Bytes(frame));
    }

    private static ReadOnlySequence<byte> Bytes(LinkMessage message)
    {
        var bytes = new ArrayBufferWriter<byte>();
        message.Write(bytes);
        return new ReadOnlySequence<byte>(bytes.WrittenMemory);
    }

    /// <summary>What the broker counts.</summary>
    private sealed class Counts : INodeUsage
    {
        private readonly Dictionary<UsageKey, int> _own = [];
        private readonly Dictionary<UsageKey, int> _elsewhere = [];

        public IEnumerable<UsageCount> Own => _own.Where(each => each.Value > 0).Select(each => new UsageCount(each.Key, each.Value));

        public Action<UsageKey> OwnChanged { private get; set; } = static _ => { };

        public int OwnOf(UsageKey key) => _own.GetValueOrDefault(key);

        public int Elsewhere(UsageKey key) => _elsewhere.GetValueOrDefault(key);

        public void AddElsewhere(UsageKey key, int more) => _elsewhere[key] = Elsewhere(key) + more;

        public void Set(UsageKey key, int count)
        {
            _own[key] = count;
            OwnChanged(key);
        }
    }
}
