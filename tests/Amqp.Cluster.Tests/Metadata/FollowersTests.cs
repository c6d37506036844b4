using System.Buffers;
using Amqp.Broker.Tests.Nodes;
using Amqp.Cluster.Links;
using Amqp.Cluster.Metadata;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Cluster.Tests.Metadata;

/// <summary>When the client of a change hears of it: this node is n1, and what it says to others waits in a list.</summary>
public class FollowersTests
{
    private readonly List<(string Node, LinkMessage Message)> _said = [];
    private readonly List<string> _told = [];
    private readonly ManualTime _time = new();
    private Followers _followers = null!;

    [SetUp]
    public void Begin()
    {
        _said.Clear();
        _told.Clear();
        _followers = new Followers(
            (node, message) =>
            {
                _said.Add((node, message));
                return true;
            },
            _time,
            NullLogger.Instance);
    }

    [TearDown]
    public void End() => _followers.Dispose();

    [Test]
    public void A_node_that_sees_no_other_waits_for_none()
    {
        _followers.WhenFollowed(1, () => _told.Add("a"));
        Assert.That(_told, Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public void It_is_told_when_all_others_go_by_it_and_in_order()
    {
        Join("n2", at: 40);
        Join("n3", at: 41);
        _followers.WhenFollowed(42, () => _told.Add("a"));
        // What has changed nothing waits for what was changed before.
        _followers.WhenFollowed(41, () => _told.Add("b"));
        Says("n2", 42);
        Assert.That(_told, Is.Empty);
        Says("n3", 43);
        Assert.That(_told, Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public void A_node_that_is_lost_or_has_said_nothing_is_not_waited_for()
    {
        Join("n2", at: 40);
        _followers.LinkChanged("n3", isConnected: true);
        _followers.WhenFollowed(41, () => _told.Add("a"));
        Assert.That(_told, Is.Empty);
        _followers.LinkChanged("n2", isConnected: false);
        Assert.That(_told, Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public void A_node_that_is_late_is_waited_for_once()
    {
        Join("n2", at: 40);
        _followers.WhenFollowed(41, () => _told.Add("a"));
        _time.Advance(1_000);
        _followers.WhenFollowed(42, () => _told.Add("b"));
        Assert.That(_told, Is.Empty);
        _time.Advance(1_000);
        Assert.That(_told, Is.EqualTo(new[] { "a", "b" }));
        _followers.WhenFollowed(43, () => _told.Add("c"));
        Assert.That(_told, Has.Count.EqualTo(3));
        Says("n2", 43);
        _followers.WhenFollowed(44, () => _told.Add("d"));
        Assert.That(_told, Has.Count.EqualTo(3), "it is there again");
    }

    [Test]
    public void A_node_is_told_where_this_one_is_when_it_comes_and_once_for_all_that_happens_meanwhile()
    {
        _followers.LinkChanged("n2", isConnected: true);
        Assert.That(_said, Is.Empty, "this one goes by nothing yet");
        for (var revision = 1; revision <= 3; revision++) _followers.Shown(revision);
        Assert.That(_said.Select(each => each.Node), Is.EqualTo(new[] { "n2" }));
        Assert.That(RevisionOf(_said[0].Message), Is.EqualTo(3));
        _followers.Shown(4);
        _followers.LinkChanged("n3", isConnected: true);
        Assert.That(_said.Select(each => each.Node), Is.EqualTo(new[] { "n2", "n2", "n3" }));
    }

    [Test]
    public void When_this_node_ends_nothing_waits()
    {
        Join("n2", at: 40);
        _followers.WhenFollowed(41, () => _told.Add("a"));
        _followers.Dispose();
        Assert.That(_told, Is.EqualTo(new[] { "a" }));
    }

    private void Join(string node, long at)
    {
        _followers.LinkChanged(node, isConnected: true);
        Says(node, at);
    }

    private void Says(string node, long revision)
    {
        var said = new List<LinkMessage>();
        using var other = new Followers(
            (_, message) =>
            {
                said.Add(message);
                return true;
            },
            _time,
            NullLogger.Instance);
        other.Shown(revision);
        other.LinkChanged("n1", isConnected: true);
        _followers.Received(node, PayloadOf(said[0]));
    }

    private static long RevisionOf(LinkMessage message) => System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(PayloadOf(message).FirstSpan);

    private static ReadOnlySequence<byte> PayloadOf(LinkMessage message)
    {
        var payload = new ArrayBufferWriter<byte>();
        message.Write(payload);
        return new ReadOnlySequence<byte>(payload.WrittenMemory);
    }
}
