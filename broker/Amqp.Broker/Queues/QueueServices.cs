using Amqp.Broker.Topology;
using Amqp.Broker.Loops;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Queues;

/// <summary>What every queue of a node needs from it.</summary>
internal sealed record QueueServices(TopologyService Topology, BrokerClock Clock, ILogger Logger);
