using System.Collections.Immutable;
using Amqp.Core.Queues;

namespace Amqp.Broker.Observability;

/// <summary>Something that happened to a traced message on a node. What does not belong to the step is null.</summary>
/// <param name="AtMs">Milliseconds since 1970 UTC, by the node's clock.</param>
public sealed record TraceEvent(long AtMs, TraceStep Step)
{
    /// <summary>To which it was published; or in which it waits.</summary>
    public string? Exchange { get; init; }

    public string? RoutingKey { get; init; }

    /// <summary>To which it goes.</summary>
    public ImmutableArray<string>? Queues { get; init; }

    /// <summary>In which it is, or was.</summary>
    public string? Queue { get; init; }

    public string? User { get; init; }

    /// <summary>Name of the client's connection.</summary>
    public string? Connection { get; init; }

    public int? Channel { get; init; }

    public string? ConsumerTag { get; init; }

    /// <summary>It was handed out before.</summary>
    public bool? Redelivered { get; init; }

    /// <summary>Where its queue has such messages dead-lettered.</summary>
    public string? DeadLetterExchange { get; init; }
}

/// <summary>What became of a message, as far as this node knows. Messages that have the same ids are one here.</summary>
/// <param name="Events">In their order.</param>
/// <param name="Forgotten">Events after the first one that are not kept, because there were too many.</param>
public sealed record MessageTrail(string Vhost, string? MessageId, string? CorrelationId, ImmutableArray<TraceEvent> Events, int Forgotten);
