using System.Collections.Immutable;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker;

/// <summary>The cluster of a node that is in none: it has all queues.</summary>
/// <param name="node">Its name.</param>
public sealed class NodeAlone(string node) : IClusterView, IRemoteQueues, IClusterOperations
{
    public string Self => node;

    public ImmutableArray<ClusterNode> Nodes { get; } = [new ClusterNode(node, IsRunning: true, Epoch: 0)];

    public bool IsDrained { get; set; }

    public Func<ReadOnlyMemory<byte>> Card
    {
        set
        {
            // No other node wants to see it.
        }
    }

    public Func<ReadOnlyMemory<byte>, Task<ReadOnlyMemory<byte>>> Answerer
    {
        set
        {
            // Nor does one ask.
        }
    }

    public ImmutableArray<string> Unreachable => [];

    private QueuePlace Here { get; } = new(node, IsUp: true);

    public QueueAccess Open(QueueDefinition queue) => QueueAccess.HereOnly;

    public void Opened(QueueDefinition queue)
    {
    }

    public QueueAccess Follow(QueueDefinition queue) => QueueAccess.HereOnly;

    public void Close(QueueId queue)
    {
    }

    public Task<ImmutableArray<NodeReply>> Ask(ReadOnlyMemory<byte> question, CancellationToken cancellation) => Task.FromResult<ImmutableArray<NodeReply>>([]);

    public QueuePlace PlaceOf(QueueDefinition queue) => Here;

    public LeaderReport? ReportOf(QueueId queue) => null;

    public NodeCard? CardOf(string node) => null;

    public Task<ClusterHealth> Health(CancellationToken cancellation) =>
        Task.FromResult(new ClusterHealth([new MemberHealth(node, IsRunning: true, Epoch: 0, IsVoter: false, NodeIdentity.OwnVersion, Address: "")], null, [], null, IsLeaseInDoubt: false, []));

    public Task Forget(string node, CancellationToken cancellation) => throw new ClusterRefusedException("The node selected is not in the cluster.");

    public Task<int> HandOver(bool isEnding, CancellationToken patience) => Task.FromResult(0);

    public Task<int> Rebalance(Func<QueueDefinition, bool> which, CancellationToken patience) => Task.FromResult(0);
}
