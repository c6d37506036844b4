using System.Text.Json;
using Amqp.Core.Policies;
using Amqp.Core.Security;

namespace Amqp.Core.Topology;

/// <summary>
/// One thing that became different. A command is what was wanted and depends on what was there; a change is what came of
/// it and can be repeated anywhere. Stores keep changes and not commands, because what is transient is not stored: on replay a
/// durable exchange may have lost its last binding that in truth still had a transient one, and must not delete itself.
/// </summary>
/// <param name="Durable">Whether it must be stored: the thing, and for a binding both of its ends, outlive the process.</param>
public abstract record TopologyChange(bool Durable)
{
    /// <summary>The queue that came by it: an exchange may have one of its own.</summary>
    public virtual QueueDefinition? NewQueue => null;

    internal abstract TopologySnapshot ApplyTo(TopologySnapshot topology);
}

/// <summary>A change inside of one virtual host.</summary>
public abstract record ChangeInVhost(string Vhost, bool Durable) : TopologyChange(Durable)
{
    internal override TopologySnapshot ApplyTo(TopologySnapshot topology) => topology.With(ApplyTo(topology.VirtualHosts[Vhost]));

    internal abstract VirtualHost ApplyTo(VirtualHost vhost);
}

public sealed record ExchangeAdded(Exchange Exchange) : ChangeInVhost(Exchange.Vhost, Exchange.Durable)
{
    public override QueueDefinition? NewQueue => Exchange.OwnQueue;

    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.With(Exchange);
}

/// <summary>All bindings from it and to it went with it.</summary>
public sealed record ExchangeRemoved(Exchange Exchange) : ChangeInVhost(Exchange.Vhost, Exchange.Durable)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.WithoutExchange(Exchange.Name);
}

public sealed record QueueAdded(QueueDefinition Queue) : ChangeInVhost(Queue.Vhost, Queue.Durable)
{
    public override QueueDefinition? NewQueue => Queue;

    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.With(Queue);
}

/// <summary>All bindings to it went with it.</summary>
public sealed record QueueRemoved(QueueDefinition Queue) : ChangeInVhost(Queue.Vhost, Queue.Durable)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.WithoutQueue(Queue.Name);
}

public sealed record BindingAdded(string Vhost, Binding Binding, bool Durable) : ChangeInVhost(Vhost, Durable)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.With(Binding);
}

public sealed record BindingRemoved(string Vhost, Binding Binding, bool Durable) : ChangeInVhost(Vhost, Durable)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.Without(Binding);
}

/// <summary>A virtual host was made, or is described or limited otherwise.</summary>
public sealed record VhostChanged(string Name, VhostMetadata Metadata, VhostLimits Limits) : TopologyChange(Durable: true)
{
    internal override TopologySnapshot ApplyTo(TopologySnapshot topology) =>
        topology.With((topology.Find(Name) ?? VirtualHost.New(Name)).With(Metadata, Limits));
}

/// <summary>Everything in it went with it, the permissions of users in it included.</summary>
public sealed record VhostRemoved(VirtualHost Vhost) : TopologyChange(Durable: true)
{
    internal override TopologySnapshot ApplyTo(TopologySnapshot topology) => topology.WithoutVhost(Vhost.Name);
}

/// <summary>A user was made, or has another password, tags or limits.</summary>
public sealed record UserChanged(User User) : TopologyChange(Durable: true)
{
    internal override TopologySnapshot ApplyTo(TopologySnapshot topology) => topology.With(User);
}

/// <summary>The permissions went with the user.</summary>
public sealed record UserRemoved(string Name) : TopologyChange(Durable: true)
{
    internal override TopologySnapshot ApplyTo(TopologySnapshot topology) => topology.WithoutUser(Name);
}

/// <param name="Permissions">Null: the user has none in this virtual host any more.</param>
public sealed record PermissionsChanged(string Vhost, string User, Permissions? Permissions) : ChangeInVhost(Vhost, Durable: true)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.With(User, Permissions);
}

/// <param name="Permissions">Null: the user may use every routing key of this exchange again.</param>
public sealed record TopicPermissionsChanged(string Vhost, string User, string Exchange, TopicPermissions? Permissions)
    : ChangeInVhost(Vhost, Durable: true)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.With(User, Exchange, Permissions);
}

/// <summary>The list of policies is another one. Queues and exchanges follow it with <see cref="TopologySnapshot.UnderPolicies"/>.</summary>
/// <param name="Policy">Null: there is none of this name any more.</param>
public sealed record PolicyChanged(string Vhost, PolicyKind Kind, string Name, Policy? Policy) : ChangeInVhost(Vhost, Durable: true)
{
    internal override VirtualHost ApplyTo(VirtualHost vhost) => vhost.With(Kind, Name, Policy);
}

/// <param name="Value">Null: there is none of this name any more.</param>
public sealed record GlobalParameterChanged(string Name, JsonElement? Value) : TopologyChange(Durable: true)
{
    internal override TopologySnapshot ApplyTo(TopologySnapshot topology) => topology.WithGlobalParameter(Name, Value);
}
