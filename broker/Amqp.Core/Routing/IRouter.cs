using Amqp.Core.Errors;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Routing;

/// <summary>
/// How one exchange routes: the one question is which destinations match. Immutable, so that a message may be routed by it
/// while a client binds. One implementation per exchange type.
/// </summary>
public interface IRouter
{
    /// <summary>True if the answer depends on more than the routing key, so that it cannot be remembered by it.</summary>
    bool DependsOnMoreThanKey { get; }

    /// <summary>406 if a binding's key or arguments mean nothing to this type of exchange.</summary>
    BrokerError? Validate(Binding binding);

    /// <summary>This router with one more binding.</summary>
    /// <param name="binding">A valid one that is not bound yet.</param>
    IRouter Bind(Binding binding);

    /// <summary>This router without a binding.</summary>
    /// <param name="binding">One that is bound.</param>
    IRouter Unbind(Binding binding);

    /// <summary>Adds the destinations whose bindings match. A destination may be added more than once.</summary>
    void Route(RoutingInput input, RouteMatches matches);
}

/// <summary>What a message is routed by.</summary>
/// <param name="keys">The routing key, and after it those of the CC and BCC headers.</param>
/// <param name="headers">The headers property; null if the message has none.</param>
/// <param name="properties">All properties.</param>
public readonly ref struct RoutingInput(ReadOnlySpan<string> keys, FieldTable? headers, BasicProperties properties)
{
    public BasicProperties Properties { get; } = properties;

    public ReadOnlySpan<string> Keys { get; } = keys;
    public FieldTable? Headers { get; } = headers;
}
