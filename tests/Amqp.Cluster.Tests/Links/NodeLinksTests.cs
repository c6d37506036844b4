using System.Net;
using System.Text;
using Amqp.Cluster.Links;
using Amqp.Testing;
using Polly.CircuitBreaker;

namespace Amqp.Cluster.Tests.Links;

/// <summary>Links between nodes on loopback, through wires that can be held up.</summary>
public class NodeLinksTests
{
    private readonly TestAuthority _authority = new();

    [Test]
    public async Task What_is_posted_arrives_in_order_on_every_lane_and_in_both_directions()
    {
        await using var one = new LinkNode("rabbit@one", _authority, epoch: 11);
        await using var two = new LinkNode("rabbit@two", _authority, epoch: 22);
        await Connect(one, two);
        Assert.That((two.Peers[("rabbit@one", LinkLane.Clients)], one.Connected[("rabbit@two", LinkLane.Clients)]), Is.EqualTo((11u, 22u)));
        for (var number = 0; number < 5_000; number++)
        {
            foreach (var lane in Enum.GetValues<LinkLane>()) Assert.That(one.Send(two, lane, $"{number}"), Is.True);
            two.Send(one, LinkLane.Replication, $"{number}");
        }
        await Eventually.That(() => (two.Received.Count, one.Received.Count), Is.EqualTo((15_000, 5_000)));
        var numbers = Enumerable.Range(0, 5_000).Select(number => $"{number}").ToArray();
        Assert.That(one.Received, Is.EqualTo(numbers.Select(number => $"rabbit@two Replication {number}")));
        foreach (var lane in Enum.GetValues<LinkLane>())
            Assert.That(two.Received.Where(text => text.Contains($" {lane} ", StringComparison.Ordinal)), Is.EqualTo(numbers.Select(number => $"rabbit@one {lane} {number}")));
    }

    [Test]
    public async Task A_large_message_arrives_and_the_link_lives_meanwhile()
    {
        await using var one = new LinkNode("rabbit@one", _authority);
        await using var two = new LinkNode("rabbit@two", _authority);
        await Connect(one, two);
        Assert.That(one.Send(two, LinkLane.Clients, new byte[100 << 20]), Is.True);
        one.Send(two, LinkLane.Clients, "behind it");
        await Eventually.That(() => two.Received, Is.EqualTo(new[] { "rabbit@one Clients behind it" }), Patience.Start);
        Assert.That(two.ReceivedBytes, Is.GreaterThan(100 << 20));
        Assert.That(one.Connected, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task A_node_that_ends_is_known_at_once_and_connected_to_again_when_it_is_back()
    {
        await using var one = new LinkNode("rabbit@one", _authority);
        var two = new LinkNode("rabbit@two", _authority, epoch: 2);
        await Connect(one, two);
        var port = two.Address.Port;
        await two.DisposeAsync();
        await Eventually.That(() => (one.Connected.Count, one.Peers.Count), Is.EqualTo((0, 0)));
        Assert.That(one.Send(two, LinkLane.Control, "lost"), Is.False);
        await Eventually.That(() => one.Links.Status.Select(link => link.Breaker), Has.Some.EqualTo(CircuitState.Open), Patience.Start);
        Assert.That(one.Links.Status.Select(link => link.LastFailure), Has.None.Null);
        await using var again = new LinkNode("rabbit@two", _authority, epoch: 3, port);
        await Eventually.That(() => one.Connected.Values, Is.EquivalentTo(new[] { 3u, 3u, 3u }), Patience.Start);
        one.Send(again, LinkLane.Control, "heard");
        await Eventually.That(() => again.Received, Is.EqualTo(new[] { "rabbit@one Control heard" }));
        Assert.That(one.Links.Status.Select(link => link.LastFailure), Is.All.Null);
    }

    [Test]
    public async Task A_silent_wire_is_a_broken_link_on_both_sides()
    {
        await using var one = new LinkNode("rabbit@one", _authority);
        await using var two = new LinkNode("rabbit@two", _authority);
        await using var wire = new Wire(two.Address);
        one.Links.Add("rabbit@two", wire.Address);
        await Eventually.That(() => (one.Connected.Count, two.Peers.Count), Is.EqualTo((3, 3)));
        wire.Hold();
        await Eventually.That(() => (one.Connected.Count, two.Peers.Count), Is.EqualTo((0, 0)), TimeSpan.FromMilliseconds(2 * new LinkOptions().SilenceMs));
        wire.Release();
        await Eventually.That(() => (one.Connected.Count, two.Peers.Count), Is.EqualTo((3, 3)), Patience.Start);
    }

    [Test]
    public async Task A_link_that_too_much_waits_for_is_broken()
    {
        await using var one = new LinkNode("rabbit@one", _authority, options: new LinkOptions { WaitingBytesMax = 1_000_000, SilenceMs = 60_000 });
        await using var two = new LinkNode("rabbit@two", _authority, options: new LinkOptions { SilenceMs = 60_000 });
        await using var wire = new Wire(two.Address);
        one.Links.Add("rabbit@two", wire.Address);
        await Eventually.That(() => one.Connected.Count, Is.EqualTo(3));
        wire.Hold();
        await Eventually.True(() => !one.Send(two, LinkLane.Clients, new byte[100_000]), Patience.Start);
        await Eventually.That(() => one.Links.Status.Single(link => link.Lane == LinkLane.Clients).LastFailure ?? "", Does.Contain("more than 1000000 bytes wait"));
    }

    [Test]
    public async Task A_node_that_is_starting_answers_questions_and_takes_nothing_else()
    {
        await using var one = new LinkNode("rabbit@one", _authority);
        await using var two = new LinkNode("rabbit@two", _authority, epoch: 0);
        two.Links.Answerer = (node, question) => Encoding.UTF8.GetBytes($"{node} asks {Encoding.UTF8.GetString(question)}");
        one.Links.Add("rabbit@two", two.Address);
        await Eventually.That(() => one.Links.Status.Select(link => link.LastFailure ?? ""), Has.All.Contains("is starting"));
        Assert.That(await Ask("rabbit@three", two.Address, node: null), Is.EqualTo(("rabbit@two", "rabbit@three asks who")));
        Assert.That(() => Ask("rabbit@three", two.Address, "rabbit@four"), Throws.TypeOf<IOException>().With.Message.Contains("is node rabbit@two, and not rabbit@four"));
        Assert.That(() => Ask("rabbit@three", one.Address, "rabbit@one"), Throws.TypeOf<IOException>(), "it answers nothing");
        Assert.That((one.Connected.Count, two.Peers.Count), Is.EqualTo((0, 0)));
        two.Links.Begin(7);
        await Eventually.That(() => (one.Connected.Count, two.Peers.Count), Is.EqualTo((3, 3)), Patience.Start);
        Assert.That(one.Connected.Values, Has.All.EqualTo(7));
        Assert.That(await Ask("rabbit@three", two.Address, node: null), Is.EqualTo(("rabbit@two", "rabbit@three asks who")));
        Assert.That(two.Peers.Keys.Select(peer => peer.Node), Has.None.EqualTo("rabbit@three"));
    }

    [Test]
    public async Task A_lane_that_waits_tries_at_once_when_the_other_node_has_connected()
    {
        var (port, patient) = (Ports.Free(), new LinkOptions { SilenceMs = 60_000 });
        await using var one = new LinkNode("rabbit@one", _authority, options: patient, time: new StandingTime());
        one.Links.Add("rabbit@two", new IPEndPoint(IPAddress.Loopback, port));
        await Eventually.That(() => one.Links.Status.Select(link => link.LastFailure ?? ""), Has.All.Contains("refused"));
        await using var two = new LinkNode("rabbit@two", _authority, port: port, options: patient);
        two.Links.Add("rabbit@one", one.Address);
        await Eventually.That(() => one.Connected.Count, Is.EqualTo(3));
    }

    private async Task<(string Node, string Answer)> Ask(string self, EndPoint address, string? node)
    {
        var (name, answer) = await LinkQuestion.Ask(address, node, self, "who"u8.ToArray(), _authority.Of(self), new LinkOptions(), TimeProvider.System, CancellationToken.None);
        return (name, Encoding.UTF8.GetString(answer));
    }

    private static async Task Connect(LinkNode one, LinkNode two)
    {
        one.Links.Add(two.Name, two.Address);
        two.Links.Add(one.Name, one.Address);
        await Eventually.That(() => (one.Connected.Count, two.Connected.Count, one.Peers.Count, two.Peers.Count), Is.EqualTo((3, 3, 3, 3)), Patience.Start);
    }
}
