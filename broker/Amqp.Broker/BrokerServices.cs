using Amqp.Broker.Topology;
using Amqp.Broker.Channels;
using Amqp.Broker.Connections;
using Amqp.Broker.Events;
using Amqp.Broker.Flow;
using Amqp.Broker.Loops;
using Amqp.Broker.Metrics;
using Amqp.Broker.Queues;
using Amqp.Broker.Security;
using Amqp.Broker.Tracing;
using Amqp.Core;
using Amqp.Core.Ports;

namespace Amqp.Broker;

/// <summary>What every connection of a node needs from it.</summary>
internal sealed record BrokerServices(
    Limits Limits,
    TopologyService Topology,
    IMessageStore Messages,
    QueueDirectory Queues,
    DirectReplies DirectReplies,
    LoginRules Logins,
    Authenticator Authenticator,
    Usage Usage,
    Alarms Alarms,
    MemoryBudget Memory,
    NodeMetrics Metrics,
    BrokerClock Clock,
    NodeEvents Events,
    Firehose Firehose,
    MessageTracing Tracing,
    ConnectionLog Log,
    ServerProperties ServerProperties);
