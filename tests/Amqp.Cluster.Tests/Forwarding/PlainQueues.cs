using Amqp.Cluster.Forwarding;
using Amqp.Core.Ports;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>A cluster without mirrored queues: each is at its home.</summary>
internal sealed class PlainQueues(RemoteQueues remote) : IRemoteQueues
{
    public QueueAccess Open(QueueDefinition queue) => remote.Open(queue) is { } elsewhere ? new QueueAccess(IsHere: false, elsewhere) : QueueAccess.HereOnly;

    public void Opened(QueueDefinition queue)
    {
    }

    public QueueAccess Follow(QueueDefinition queue)
    {
        remote.Follow(queue);
        return QueueAccess.HereOnly;
    }

    public void Close(QueueId queue) => remote.Close(queue);
}
