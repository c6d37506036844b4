using Amqp.Cluster.Forwarding;
using Amqp.Cluster.Tests.Links;
using Amqp.Core;
using Amqp.Core.Ports;
using Amqp.Testing;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>Two nodes, with a wire for each direction between them: queues are declared on the leader, and used on the edge.</summary>
internal sealed class ForwardingCluster : IAsyncDisposable
{
    private ForwardingCluster(ForwardingNode leader, ForwardingNode edge)
    {
        (Leader, Edge) = (leader, edge);
        (ToLeader, ToEdge) = (new Wire(leader.Address), new Wire(edge.Address));
    }

    public ForwardingNode Leader { get; }

    public ForwardingNode Edge { get; }

    public Wire ToLeader { get; }

    public Wire ToEdge { get; }

    public static async Task<ForwardingCluster> Start(ForwardingOptions? options = null, Limits? limits = null)
    {
        var (authority, definitions) = (new TestAuthority(), new SharedDefinitions());
        var leader = await ForwardingNode.Start("rabbit@leader", 1, authority, definitions, options, limits);
        var edge = await ForwardingNode.Start("rabbit@edge", 2, authority, definitions, options, limits);
        var cluster = new ForwardingCluster(leader, edge);
        cluster.ShowNodes(leaderRuns: true);
        edge.Links.Add(leader.Self, cluster.ToLeader.Address);
        leader.Links.Add(edge.Self, cluster.ToEdge.Address);
        await Eventually.That(() => edge.Links.Status.Concat(leader.Links.Status).Count(link => link.IsConnected), Is.EqualTo(6), Patience.Start);
        return cluster;
    }

    public void ShowNodes(bool leaderRuns) =>
        Leader.Nodes = Edge.Nodes = [new ClusterNode(Edge.Self, IsRunning: true, Edge.Epoch), new ClusterNode(Leader.Self, leaderRuns, leaderRuns ? Leader.Epoch : 0)];

    /// <summary>Declares a queue at the leader, and waits until the edge knows it.</summary>
    public async Task Declare(string queue, bool durable = false, AMQP.Net.FieldTable? arguments = null)
    {
        var client = await Leader.Connect();
        await client.Declare(1, queue, durable, arguments: arguments);
        client.Drop();
        await Eventually.True(() => Edge.Definition(queue) is not null);
    }

    /// <summary>No node says anything that an operator would have to look into.</summary>
    public void NothingIsWrong() => Assert.That(Leader.Logs.Complaints.Concat(Edge.Logs.Complaints).Concat(Leader.Messages.Complaints), Is.Empty);

    public async ValueTask DisposeAsync()
    {
        await Edge.DisposeAsync();
        await Leader.DisposeAsync();
        await ToLeader.DisposeAsync();
        await ToEdge.DisposeAsync();
    }
}
