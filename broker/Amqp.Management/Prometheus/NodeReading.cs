using Amqp.Broker;
using Amqp.Core.Metrics;

namespace Amqp.Management.Prometheus;

/// <summary>A node at the moment at which a page is made.</summary>
internal sealed record NodeReading(INodeHost Host, NodeStatus Status)
{
    public BrokerNode Node => Host.Node;

    public Churn Churn => Node.Churn;

    public StoreCounters Store => Node.StoreCounters;
}
