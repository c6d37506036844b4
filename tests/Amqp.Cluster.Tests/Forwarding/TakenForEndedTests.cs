using AMQP.Net;
using Amqp.Core.Topology;
using Amqp.Testing;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>A node that stood still, and what the others have done meanwhile.</summary>
public class TakenForEndedTests
{
    [Test]
    public async Task Owners_of_exclusive_queues_begin_anew_when_others_have_taken_their_node_for_ended()
    {
        await using var cluster = await ForwardingCluster.Start();
        var (owner, other) = (await cluster.Edge.Connect(), await cluster.Edge.Connect());
        await owner.Declare(1, "mine", exclusive: true);
        await Eventually.True(() => cluster.Leader.Definition("mine") is not null);
        await cluster.Leader.Broker.Change(new EndNode(cluster.Edge.Self, cluster.Edge.Epoch));
        Assert.That((await owner.Expect<ConnectionClose>(0)).ReplyText, Does.Contain("have taken node 'rabbit@edge' for ended, and deleted the exclusive queues of this connection"));
        await other.Declare(1, "mine", exclusive: true);
        Assert.That(cluster.Edge.Logs.Complaints, Has.Exactly(1).Contains("1 connections that had some are closed"));
    }
}
