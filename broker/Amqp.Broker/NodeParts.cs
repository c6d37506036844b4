using Amqp.Broker.Security;
using Amqp.Core;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker;

/// <summary>What a node is given.</summary>
/// <param name="Metadata">Where its topology survives; not started yet.</param>
/// <param name="Messages">Where its messages survive; open, and not started yet.</param>
/// <param name="Logins">Who may log in, and how.</param>
/// <param name="Resources">What the system has for it.</param>
public sealed record NodeParts(
    NodeIdentity Identity,
    Limits Limits,
    IMetadataStore Metadata,
    IMessageStore Messages,
    LoginRules Logins,
    ISystemResources Resources,
    TimeProvider Time,
    ILoggerFactory Loggers)
{
    /// <summary>What messages mean that ask to wait.</summary>
    public DelayLevels DelayLevels { get; init; } = DelayLevels.Default;

    /// <summary>The nodes that it is in a cluster with.</summary>
    public IClusterView Cluster { get; init; } = new NodeAlone(Identity.Name);

    /// <summary>What operators ask of these nodes.</summary>
    public IClusterOperations Operations { get; init; } = new NodeAlone(Identity.Name);

    /// <summary>Where the queues of these nodes are reached.</summary>
    public IRemoteQueues RemoteQueues { get; init; } = new NodeAlone(Identity.Name);

    /// <summary>Says where new queues are to be (<see cref="QueuePlacement"/>); null: here, the node is alone.</summary>
    public Func<QueuePlacement?> Placement { get; init; } = () => null;
}
