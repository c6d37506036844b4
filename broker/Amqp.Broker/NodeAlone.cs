using System.Collections.Immutable;
using Amqp.Core.Ports;
using Amqp.Core.Topology;

namespace Amqp.Broker;

/// <summary>The cluster of a node that is in none: it has all queues.</summary>
/// <param name="node">Its name.</param>
public sealed class NodeAlone(string node) : IClusterView, IRemoteQueues
{
    public string Self => node;

    public ImmutableArray<ClusterNode> Nodes { get; } = [new ClusterNode(node, IsRunning: true, Epoch: 0)];

    public QueueAccess Open(QueueDefinition queue) => QueueAccess.HereOnly;

    public void Opened(QueueDefinition queue)
    {
    }

    public QueueAccess Follow(QueueDefinition queue) => QueueAccess.HereOnly;

    public void Close(QueueId queue)
    {
    }
}
