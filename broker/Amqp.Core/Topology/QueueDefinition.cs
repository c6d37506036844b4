using Amqp.Core.Errors;
using Amqp.Core.Policies;
using Amqp.Core.Queues;
using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>A connection, for questions of ownership. Never another one's, in a cluster and over restarts.</summary>
/// <param name="Node">Name of the node that serves it.</param>
/// <param name="Epoch">Of that node's start (<see cref="Ports.StoredTopology"/>).</param>
/// <param name="Number">Counts the connections since then.</param>
public readonly record struct ConnectionId(string Node, uint Epoch, long Number);

/// <summary>A queue's number, given by the metadata store and never again: a queue deleted and declared again under the same
/// name is another queue, and nothing of the old one may reach it.</summary>
public readonly record struct QueueId(long Value);

/// <summary>Where a queue lives.</summary>
/// <param name="Node">A node's name; null: the node is alone.</param>
/// <param name="Epoch">Of a queue that ends with its node: of that start of the node (<see cref="Ports.StoredTopology"/>).</param>
public readonly record struct QueueHome(string? Node, uint Epoch);

/// <summary>What a queue was declared as, and what policies make of it. Its messages and consumers are elsewhere.</summary>
public sealed class QueueDefinition
{
    private QueueDefinition(QueueDefinition queue, AppliedPolicies policies, QueueHome home)
    {
        (Vhost, Name, Id, Durable, AutoDelete, Owner) = (queue.Vhost, queue.Name, queue.Id, queue.Durable, queue.AutoDelete, queue.Owner);
        (Arguments, Parsed, Home, Exchange) = (queue.Arguments, queue.Parsed, home, queue.Exchange);
        Policies = policies;
        Settings = Exchange is null ? QueueSettings.Of(Parsed, policies.Effective) : queue.Settings;
    }

    /// <param name="arguments">Arguments that <see cref="QueueArguments.Validate"/> has let pass.</param>
    public QueueDefinition(
        string vhost, string name, QueueId id, bool durable, bool autoDelete, ConnectionId? owner, FieldTable arguments, QueueHome home = default)
    {
        Vhost = vhost;
        Name = name;
        Id = id;
        Durable = durable;
        AutoDelete = autoDelete;
        Owner = owner;
        Arguments = arguments;
        Home = home;
        Parsed = QueueArguments.Parse(arguments);
        Policies = AppliedPolicies.None;
        Settings = QueueSettings.Of(Parsed, PolicyDefinition.Empty);
    }

    private QueueDefinition(Exchange exchange, QueueId id, QueueSettings settings, QueueHome home)
        : this(exchange.Vhost, $"the messages of exchange {exchange.Name}", id, exchange.Durable, autoDelete: false, owner: null, FieldTable.Empty, home)
    {
        Exchange = exchange.Name;
        Settings = settings;
    }

    public string Vhost { get; }

    /// <summary>Of the queue of an <see cref="Exchange"/> only for the log.</summary>
    public string Name { get; }

    public QueueId Id { get; }

    /// <summary>Never together with <see cref="Exclusive"/>: an exclusive queue ends with its connection anyway.</summary>
    public bool Durable { get; }

    /// <summary>Deleted when its last consumer goes; a queue that never had one stays.</summary>
    public bool AutoDelete { get; }

    /// <summary>The only connection that may use the queue; the queue is deleted when it ends. Null: any connection may use it.</summary>
    public ConnectionId? Owner { get; }

    /// <summary>The node that has its messages; of a mirrored queue, the first that had.</summary>
    public QueueHome Home { get; }

    public FieldTable Arguments { get; }
    public QueueArguments Parsed { get; }

    public AppliedPolicies Policies { get; }

    /// <summary>What the queue goes by: its arguments and policies.</summary>
    public QueueSettings Settings { get; }

    /// <summary>The exchange that keeps messages here (<see cref="Topology.Exchange.OwnQueue"/>); null: a queue like any other.</summary>
    public string? Exchange { get; }

    public bool Exclusive => Owner is not null;

    public Resource Resource => Resource.Queue(Vhost, Name);

    /// <summary>405 if the queue belongs to another connection.</summary>
    /// <param name="requester">Null for the broker itself, which may everything.</param>
    public BrokerError? CheckAccess(ConnectionId? requester) =>
        Owner is null || requester is null || Owner == requester ? null : BrokerError.QueueLocked(Vhost, Name);

    /// <summary>A queue in which an exchange keeps messages. It lives as long as that does.</summary>
    internal static QueueDefinition OfExchange(Exchange exchange, QueueId id, QueueSettings settings, QueueHome home) => new(exchange, id, settings, home);

    /// <summary>The same queue under other policies.</summary>
    internal QueueDefinition Under(AppliedPolicies policies) => policies.Equals(Policies) ? this : new(this, policies, Home);

    /// <summary>The same queue with its messages on that node.</summary>
    internal QueueDefinition At(QueueHome home) => home == Home ? this : new(this, Policies, home);

    public override string ToString() => Resource.ToString();
}
