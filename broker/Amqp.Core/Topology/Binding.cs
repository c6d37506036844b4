using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>What a binding leads to: a queue or an exchange of the same virtual host.</summary>
public readonly record struct Destination(ResourceKind Kind, string Name)
{
    public static Destination Queue(string name) => new(ResourceKind.Queue, name);

    public static Destination Exchange(string name) => new(ResourceKind.Exchange, name);
}

/// <summary>A way from an exchange to a destination. Two bindings are the same if all four parts are, arguments included,
/// so one queue may be bound twice under the same key.</summary>
public sealed record Binding(string Source, Destination Destination, string RoutingKey, FieldTable Arguments);
