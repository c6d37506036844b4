using Amqp.Core;
using AMQP.Net;

namespace Amqp.Broker;

/// <summary>What every connection of a node needs from it.</summary>
internal sealed record BrokerServices(
    Limits Limits,
    TopologyService Topology,
    LocalQueues Queues,
    DirectReplies DirectReplies,
    IAuthenticator Authenticator,
    BrokerClock Clock,
    ConnectionLog Log,
    FieldTable ServerProperties);
