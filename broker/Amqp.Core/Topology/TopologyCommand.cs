using System.Collections.Immutable;
using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>
/// A wish to change the topology. Names are stripped and shortcuts expanded; all checks are the reducer's, so that nothing
/// can change between a check and what it allowed. A requester or user of null is the broker itself or an operator, who may
/// everything.
/// </summary>
public abstract record TopologyCommand
{
    /// <summary>Operators of a node's host have no names of their own; RabbitMQ's word for them.</summary>
    public const string OperatorOfHost = "rmq-cli";

    /// <summary>Who wants it, to be told. Null: the broker itself.</summary>
    public virtual string? By { get; init; } = OperatorOfHost;
}

/// <summary>All of them or, at the first that is refused, none.</summary>
public sealed record Commands(ImmutableArray<TopologyCommand> All) : TopologyCommand;

/// <summary>A command inside of one virtual host.</summary>
public abstract record CommandInVhost(string Vhost) : TopologyCommand;

/// <summary>A command that a client may send, too.</summary>
/// <param name="User">Who sends it; null: the broker itself.</param>
public abstract record CommandOfClient(string Vhost, string? User) : CommandInVhost(Vhost)
{
    public override string? By => User;
}

public sealed record DeclareExchange(
    string Vhost, string Name, string Type, bool Durable, bool AutoDelete, bool Internal, FieldTable Arguments, string? User = null)
    : CommandOfClient(Vhost, User);

/// <param name="IfUnused">Only if nothing is bound to it as a source.</param>
public sealed record DeleteExchange(string Vhost, string Name, bool IfUnused, string? User = null) : CommandOfClient(Vhost, User);

/// <param name="Name">Stripped; for a client that left it empty the name that the broker made, with <paramref name="ServerNamed"/> set.</param>
public sealed record DeclareQueue(
    string Vhost,
    string Name,
    bool Durable,
    bool AutoDelete,
    bool Exclusive,
    FieldTable Arguments,
    ConnectionId? Requester,
    bool ServerNamed = false,
    string? User = null) : CommandOfClient(Vhost, User)
{
    /// <summary>The node that a new queue is to be on, if that runs and takes queues; null: as arguments, policies and the configuration say.</summary>
    public string? Node { get; init; }
}

/// <summary>If-unused and if-empty are the queue's to decide; what it decided is this.</summary>
/// <param name="Id">The queue that was meant. If the name belongs to another one by now, nothing happens.</param>
public sealed record DeleteQueue(string Vhost, string Name, QueueId Id, ConnectionId? Requester = null, string? User = null) : CommandOfClient(Vhost, User);

public sealed record Bind(string Vhost, Binding Binding, ConnectionId? Requester = null, string? User = null) : CommandOfClient(Vhost, User);

public sealed record Unbind(string Vhost, Binding Binding, ConnectionId? Requester = null, string? User = null) : CommandOfClient(Vhost, User);
