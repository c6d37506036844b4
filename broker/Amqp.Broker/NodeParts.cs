using Amqp.Broker.Security;
using Amqp.Core;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
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
}
