using System.Collections.Immutable;
using Amqp.Core.Errors;

namespace Amqp.Core.Topology;

/// <summary>What came of a command.</summary>
/// <param name="Topology">The topology afterwards; the same object as before if nothing changed.</param>
/// <param name="Changes">What became different, in order; empty if it was so already or was refused.</param>
public sealed record TopologyResult(TopologySnapshot Topology, ImmutableArray<TopologyChange> Changes)
{
    /// <summary>Why it was refused; null if it was done or was so already.</summary>
    public BrokerError? Error { get; init; }

    /// <summary>The exchange declared, new or already there.</summary>
    public Exchange? Exchange { get; init; }

    /// <summary>The queue declared, new or already there; or the one deleted.</summary>
    public QueueDefinition? Queue { get; init; }

    /// <summary>Who wanted it; null: the broker itself.</summary>
    public string? User { get; init; }

    /// <summary>Another node of the cluster has changed it.</summary>
    public bool IsFromOutside { get; init; }

    /// <summary>True if something was made or deleted, false if it was so already or was refused.</summary>
    public bool Changed => !Changes.IsEmpty;

    /// <summary>Whether anything of it must be stored before it counts.</summary>
    public bool Durable => Changes.Any(change => change.Durable);

    /// <summary>Those of exchanges too.</summary>
    public IEnumerable<QueueDefinition> QueuesAdded => Changes.Select(change => change.NewQueue).OfType<QueueDefinition>();

    /// <summary>Without those that went with an exchange or virtual host.</summary>
    public IEnumerable<QueueDefinition> QueuesRemoved => Changes.OfType<QueueRemoved>().Select(change => change.Queue);

    /// <summary>Queues that went with an exchange or virtual host.</summary>
    public IEnumerable<QueueDefinition> QueuesRemovedWithOthers => Changes.SelectMany(change => change switch
    {
        ExchangeRemoved { Exchange.OwnQueue: { } queue } => [queue],
        VhostRemoved removed => removed.Vhost.AllQueues,
        _ => [],
    });

    /// <summary>Virtual hosts whose queues and exchanges may go by other policies now.</summary>
    public IEnumerable<string> VhostsUnderOtherPolicies => VhostsOfPolicies.Concat(Changes.OfType<VhostChanged>().Select(change => change.Name)).Distinct();

    public IEnumerable<VirtualHost> VhostsRemoved => Changes.OfType<VhostRemoved>().Select(change => change.Vhost);

    /// <summary>This result with what follows from changed policies.</summary>
    public TopologyResult UnderPolicies() => this with
    {
        Topology = VhostsOfPolicies.Aggregate(Topology, (topology, vhost) => topology.UnderPolicies(vhost)),
    };

    private IEnumerable<string> VhostsOfPolicies => Changes.OfType<PolicyChanged>().Select(change => change.Vhost).Distinct();
}
