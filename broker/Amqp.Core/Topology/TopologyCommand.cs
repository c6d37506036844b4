using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>
/// Somebody wants to change the topology. Names are stripped and shortcuts expanded, permissions have been checked; all
/// other checks are the reducer's. A requester of null is the broker itself or an operator, to whom exclusive queues are open.
/// </summary>
public abstract record TopologyCommand(string Vhost);

public sealed record DeclareExchange(
    string Vhost, string Name, string Type, bool Durable, bool AutoDelete, bool Internal, FieldTable Arguments) : TopologyCommand(Vhost);

/// <param name="IfUnused">Only if nothing is bound to it as a source.</param>
public sealed record DeleteExchange(string Vhost, string Name, bool IfUnused) : TopologyCommand(Vhost);

/// <param name="Name">Stripped; for a client that left it empty the name that the broker made, with <paramref name="ServerNamed"/> set.</param>
public sealed record DeclareQueue(
    string Vhost,
    string Name,
    bool Durable,
    bool AutoDelete,
    bool Exclusive,
    FieldTable Arguments,
    ConnectionId? Requester,
    bool ServerNamed = false) : TopologyCommand(Vhost);

/// <summary>If-unused and if-empty are the queue's to decide; what it decided is this.</summary>
/// <param name="Id">The queue that was meant. If the name belongs to another one by now, nothing happens.</param>
public sealed record DeleteQueue(string Vhost, string Name, QueueId Id, ConnectionId? Requester = null) : TopologyCommand(Vhost);

public sealed record Bind(string Vhost, Binding Binding, ConnectionId? Requester = null) : TopologyCommand(Vhost);

public sealed record Unbind(string Vhost, Binding Binding, ConnectionId? Requester = null) : TopologyCommand(Vhost);
