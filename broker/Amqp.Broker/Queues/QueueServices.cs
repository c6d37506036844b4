using Amqp.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker;

/// <summary>What every queue of a node needs from it.</summary>
internal sealed record QueueServices(TopologyService Topology, BrokerClock Clock, ILogger Logger);
