using Amqp.Broker.Flow;
using Amqp.Broker.Loops;
using Amqp.Broker.Metrics;
using Amqp.Broker.Topology;
using Amqp.Broker.Tracing;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Queues;

/// <summary>What every queue of a node needs from it.</summary>
internal sealed record QueueServices(TopologyService Topology, QueueDirectory Queues, IMessageStore Store, MemoryBudget Memory, NodeMetrics Metrics, MessageTracing Tracing, BrokerClock Clock, ILogger Logger)
{
    /// <summary>What messages mean that ask to wait.</summary>
    public DelayLevels DelayLevels { get; init; } = DelayLevels.Default;

    /// <summary>Of this start of the node; known before there is any queue. See <see cref="StoredTopology"/>.</summary>
    public uint Epoch { get; set; }
}
