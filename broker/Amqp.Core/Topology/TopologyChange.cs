namespace Amqp.Core.Topology;

/// <summary>
/// One thing that became different. A command is what somebody wanted and depends on what was there; a change is what came of
/// it and can be repeated anywhere. Stores keep changes and not commands, because what is transient is not stored: on replay a
/// durable exchange may have lost its last binding that in truth still had a transient one, and must not delete itself.
/// </summary>
/// <param name="Durable">Whether it must be stored: the thing, and for a binding both of its ends, outlive the process.</param>
public abstract record TopologyChange(string Vhost, bool Durable)
{
    internal abstract VirtualHost ApplyTo(VirtualHost vhost);
}

public sealed record ExchangeAdded(Exchange Exchange) : TopologyChange(Exchange.Vhost, Exchange.Durable)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.With(Exchange);
}

/// <summary>All bindings from it and to it went with it.</summary>
public sealed record ExchangeRemoved(string Vhost, string Name, bool Durable) : TopologyChange(Vhost, Durable)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.WithoutExchange(Name);
}

public sealed record QueueAdded(QueueDefinition Queue) : TopologyChange(Queue.Vhost, Queue.Durable)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.With(Queue);
}

/// <summary>All bindings to it went with it.</summary>
public sealed record QueueRemoved(QueueDefinition Queue) : TopologyChange(Queue.Vhost, Queue.Durable)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.WithoutQueue(Queue.Name);
}

public sealed record BindingAdded(string Vhost, Binding Binding, bool Durable) : TopologyChange(Vhost, Durable)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.With(Binding);
}

public sealed record BindingRemoved(string Vhost, Binding Binding, bool Durable) : TopologyChange(Vhost, Durable)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.Without(Binding);
}
