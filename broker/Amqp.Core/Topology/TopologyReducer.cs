using Amqp.Core.Errors;
using Amqp.Core.Security;
using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>
/// The topology as a function: a topology and a command in, a topology and what changed out. All rules of declaring, binding
/// and deleting are here, each command's checks in RabbitMQ 3.13's order, so that a client that does two things wrong hears
/// of the same one first.
/// </summary>
public static partial class TopologyReducer
{
    /// <param name="placement">Where new queues are to be; null: on a node that is alone.</param>
    public static TopologyResult Apply(TopologySnapshot topology, TopologyCommand command, QueuePlacement? placement = null)
    {
        if (command is Commands several) return Apply(topology, several, placement);
        if (command is not CommandInVhost inVhost) return ApplyToUsersAndVhosts(topology, command, placement);
        if (topology.Find(inVhost.Vhost) is not { } vhost) return Refuse(topology, BrokerError.VhostNotFound(inVhost.Vhost));
        var draft = new TopologyDraft(topology, vhost, placement);
        return inVhost switch
        {
            DeclareExchange declare => Apply(draft, declare),
            DeleteExchange delete => Apply(draft, delete),
            DeclareQueue declare => Apply(draft, declare),
            DeleteQueue delete => Apply(draft, delete),
            Bind bind => Apply(draft, bind),
            Unbind unbind => Apply(draft, unbind),
            _ => ApplyToPermissions(topology, vhost, inVhost),
        };
    }

    /// <summary>
    /// Repeats a change that was made once, when a store is loaded or another node made it. Adding what is there and removing
    /// what is not changes nothing; another thing of the same name gives way, because its removal must have been lost. Queues and exchanges
    /// follow changed policies only with <see cref="TopologySnapshot.UnderPolicies"/>, once for many changes.
    /// </summary>
    /// <returns>What came of it, with what gave way; null if it cannot be: the virtual host, an end of the binding, or the user is not there.</returns>
    public static TopologyResult? Replay(TopologySnapshot topology, TopologyChange anyChange)
    {
        if (anyChange is VhostRemoved { Vhost.Name: var name })
            return topology.Find(name) is { } removed ? Replayed(topology, new VhostRemoved(removed)) : new(topology, []);
        if (anyChange is not ChangeInVhost change) return Replayed(topology, anyChange);
        if (topology.Find(change.Vhost) is not { } vhost || !CanReplay(topology, vhost, change)) return null;
        if (IsReplayed(vhost, change)) return new(topology, []);
        var draft = new TopologyDraft(topology, vhost);
        if (change is QueueAdded { Queue.Name: var queueName } && vhost.FindQueue(queueName) is { } otherQueue)
            draft.Do(new QueueRemoved(otherQueue));
        if (change is ExchangeAdded { Exchange.Name: var exchangeName } && vhost.FindExchange(exchangeName) is { } otherExchange)
            draft.Do(new ExchangeRemoved(otherExchange));
        draft.Do(change);
        return draft.Done();
    }

    private static TopologyResult Replayed(TopologySnapshot topology, TopologyChange change) => new(change.ApplyTo(topology), [change]);

    private static bool CanReplay(TopologySnapshot topology, VirtualHost vhost, ChangeInVhost change) => change switch
    {
        BindingAdded { Binding: var binding } => vhost.FindExchange(binding.Source) is not null && vhost.Exists(binding.Destination),
        // No user inherits the permissions of one who was deleted.
        PermissionsChanged { Permissions: not null, User: var user } => topology.FindUser(user) is not null,
        TopicPermissionsChanged { Permissions: not null, User: var user } => topology.FindUser(user) is not null,
        _ => true,
    };

    private static bool IsReplayed(VirtualHost vhost, ChangeInVhost change) => change switch
    {
        ExchangeAdded { Exchange: var exchange } => vhost.FindExchange(exchange.Name)?.IsSameAs(exchange) == true,
        ExchangeRemoved { Exchange: var exchange } => vhost.FindExchange(exchange.Name) is null,
        QueueAdded { Queue: var queue } => vhost.FindQueue(queue.Name)?.Id == queue.Id,
        QueueRemoved { Queue: var queue } => vhost.FindQueue(queue.Name)?.Id != queue.Id,
        BindingAdded { Binding: var binding } => vhost.Bindings.Contains(binding),
        BindingRemoved { Binding: var binding } => !vhost.Bindings.Contains(binding),
        PermissionsChanged or TopicPermissionsChanged or PolicyChanged => false,
        _ => throw new ArgumentOutOfRangeException(nameof(change), change, message: null),
    };

    private static TopologyResult Apply(TopologyDraft draft, DeclareExchange declare)
    {
        if (ExchangeTypes.Check(declare.Type) is { } unknown) return draft.Refuse(unknown);
        if (declare.Name.Length == 0) return draft.Refuse(BrokerError.DefaultExchange);
        var resource = Resource.Exchange(declare.Vhost, declare.Name);
        if (draft.Vhost.CheckAccess(declare.User, Access.Configure, resource) is { } refused) return draft.Refuse(refused);
        if (draft.Vhost.FindExchange(declare.Name) is { } exchange)
            return draft.Refuse(CheckEquivalence(exchange, declare)) with { Exchange = exchange };

        if (Names.IsReserved(declare.Name)) return draft.Refuse(BrokerError.ReservedPrefix(ResourceKind.Exchange, declare.Name));
        var error = CheckExchangeName(draft.Vhost, declare.Arguments, Exchange.AlternateExchangeArgument, resource, declare.User)
            ?? ExchangeTypes.Validate(declare.Type, resource, declare.Arguments);
        if (error is not null) return draft.Refuse(error);
        exchange = new(
            declare.Vhost,
            declare.Name,
            declare.Type,
            declare.Durable,
            declare.AutoDelete,
            declare.Internal,
            declare.Arguments,
            ExchangeTypes.OwnQueue(declare.Type, declare.Arguments) is null ? null : draft.NextQueueId(),
            draft.HomeOfExchange(declare.Durable));
        draft.Do(new ExchangeAdded(exchange));
        return draft.Done() with { Exchange = draft.Vhost.FindExchange(declare.Name) };
    }

    private static TopologyResult Apply(TopologyDraft draft, DeleteExchange delete)
    {
        if (delete.Name.Length == 0) return draft.Refuse(BrokerError.DefaultExchange);
        if (Names.IsReserved(delete.Name)) return draft.Refuse(BrokerError.SystemExchangeDeletion(delete.Vhost, delete.Name));
        if (draft.Vhost.CheckAccess(delete.User, Access.Configure, Resource.Exchange(delete.Vhost, delete.Name)) is { } refused)
            return draft.Refuse(refused);
        if (draft.Vhost.FindExchange(delete.Name) is not { } exchange) return draft.Done();
        if (delete.IfUnused && !draft.Vhost.Bindings.OfSource(delete.Name).IsEmpty)
            return draft.Refuse(BrokerError.ExchangeInUse(delete.Vhost, delete.Name));
        draft.Remove(exchange);
        return draft.Done();
    }

    private static TopologyResult Apply(TopologyDraft draft, DeclareQueue declare)
    {
        var arguments = QueueArguments.WithDefaultType(declare, draft.Vhost.Metadata.DefaultQueueType);
        QueueArguments.TypeOf(arguments, out var type);
        if (declare.ServerNamed && type != QueueType.Classic) return draft.Refuse(BrokerError.ServerNamedNotAllowed(type));
        // Unlike that of an exchange, a queue's name is checked even if the queue is there.
        if (Names.IsReserved(declare.Name) && !declare.ServerNamed)
            return draft.Refuse(BrokerError.ReservedPrefix(ResourceKind.Queue, declare.Name));
        var resource = Resource.Queue(declare.Vhost, declare.Name);
        if (draft.Vhost.CheckAccess(declare.User, Access.Configure, resource) is { } refused) return draft.Refuse(refused);
        if (draft.Vhost.FindQueue(declare.Name) is { } queue)
            return draft.Refuse(CheckEquivalence(queue, declare with { Arguments = arguments })) with { Queue = queue };

        var error = CheckExchangeName(draft.Vhost, arguments, "x-dead-letter-exchange", resource, declare.User)
            ?? QueueArguments.Validate(resource, arguments)
            ?? CheckQueueLimit(draft.Vhost, declare.Name)
            ?? (type == QueueType.Quorum ? CheckProperties(declare, resource) : null);
        if (error is not null) return draft.Refuse(error);
        draft.Add(new(declare.Vhost, declare.Name, draft.NextQueueId(), IsDurable(declare), declare.AutoDelete, Owner(declare), arguments), declare.Node);
        return draft.Done() with { Queue = draft.Vhost.FindQueue(declare.Name) };
    }

    private static TopologyResult Apply(TopologyDraft draft, DeleteQueue delete)
    {
        if (draft.Vhost.FindQueue(delete.Name) is not { } queue || queue.Id != delete.Id) return draft.Done();
        if (queue.CheckAccess(delete.Requester) is { } error) return draft.Refuse(error);
        draft.Remove(queue);
        return draft.Done() with { Queue = queue };
    }

    private static TopologyResult Apply(TopologyDraft draft, Bind bind)
    {
        var (vhost, binding) = (draft.Vhost, bind.Binding);
        if (CheckPermissions(vhost, binding, bind.User) is { } refused) return draft.Refuse(refused);
        if (vhost.FindExchange(binding.Source) is not { } source)
            return draft.Refuse(BrokerError.ExchangeNotFound(bind.Vhost, binding.Source));
        if (!vhost.Exists(binding.Destination)) return draft.Refuse(NotFound(bind.Vhost, binding.Destination));
        if (source.Router.Validate(binding) is { } invalid) return draft.Refuse(invalid);
        if (CheckAccess(vhost, binding, bind.Requester) is { } locked) return draft.Refuse(locked);
        if (!vhost.Bindings.Contains(binding)) draft.Do(new BindingAdded(bind.Vhost, binding, vhost.IsDurable(binding)));
        return draft.Done();
    }

    private static TopologyResult Apply(TopologyDraft draft, Unbind unbind)
    {
        var (vhost, binding) = (draft.Vhost, unbind.Binding);
        if (CheckPermissions(vhost, binding, unbind.User) is { } refused) return draft.Refuse(refused);
        // What is not bound need not be unbound, and it does not matter whose it is: neither the binding nor its ends need exist.
        if (!vhost.Bindings.Contains(binding)) return draft.Done();
        if (CheckAccess(vhost, binding, unbind.Requester) is { } locked) return draft.Refuse(locked);
        draft.Remove(binding);
        return draft.Done();
    }

    private static BrokerError? CheckEquivalence(Exchange exchange, DeclareExchange declare)
    {
        var resource = exchange.Resource;
        if (declare.Type != exchange.Type) return BrokerError.InequivalentArg("type", resource, declare.Type, exchange.Type);
        return CheckEquivalence("durable", resource, declare.Durable, exchange.Durable)
            ?? CheckEquivalence("auto_delete", resource, declare.AutoDelete, exchange.AutoDelete)
            ?? CheckEquivalence("internal", resource, declare.Internal, exchange.Internal)
            ?? ArgumentEquivalence.Check(resource, Exchange.AlternateExchangeArgument, declare.Arguments, exchange.Arguments);
    }

    private static BrokerError? CheckEquivalence(QueueDefinition queue, DeclareQueue declare)
    {
        if (queue.Owner != Owner(declare)) return BrokerError.QueueLocked(queue.Vhost, queue.Name);
        return CheckEquivalence("durable", queue.Resource, IsDurable(declare), queue.Durable)
            ?? CheckEquivalence("auto_delete", queue.Resource, declare.AutoDelete, queue.AutoDelete)
            ?? QueueArguments.CheckEquivalence(queue, declare.Arguments);
    }

    private static BrokerError? CheckEquivalence(string property, Resource resource, bool received, bool current) =>
        received == current ? null : BrokerError.InequivalentArg(property, resource, received, current);

    /// <summary>
    /// 406 if the argument that names an exchange is not a long string, which need not exist; 403 if the user may not do by it what
    /// it does: take messages out of the one and put them into the other.
    /// </summary>
    private static BrokerError? CheckExchangeName(VirtualHost vhost, FieldTable arguments, string argument, Resource resource, string? user)
    {
        if (!arguments.TryGet(argument, out var value)) return null;
        if (value.Type != FieldType.LongString) return BrokerError.InvalidArgType(value.Type, argument, resource);
        return vhost.CheckAccess(user, Access.Read, resource)
            ?? vhost.CheckAccess(user, Access.Write, Resource.Exchange(vhost.Name, value.AsText));
    }

    /// <summary>Quorum queues are for everyone, and stay.</summary>
    private static BrokerError? CheckProperties(DeclareQueue declare, Resource queue)
    {
        if (declare.AutoDelete) return BrokerError.InvalidQueueProperty("auto-delete", queue);
        if (declare.Exclusive) return BrokerError.InvalidQueueProperty("exclusive-owner", queue);
        return declare.Durable ? null : BrokerError.InvalidQueueProperty("non-durable", queue);
    }

    private static BrokerError? CheckQueueLimit(VirtualHost vhost, string queue) =>
        vhost.Limits.MaxQueues is >= 0 and var limit && vhost.Queues.Count >= limit
            ? BrokerError.VhostQueueLimitReached(vhost.Name, queue, limit)
            : null;

    /// <summary>A binding puts messages of its source into its destination.</summary>
    private static BrokerError? CheckPermissions(VirtualHost vhost, Binding binding, string? user)
    {
        var destination = new Resource(binding.Destination.Kind, vhost.Name, binding.Destination.Name);
        return vhost.CheckAccess(user, Access.Write, destination)
            ?? (TouchesDefaultExchange(binding) ? BrokerError.DefaultExchange : null)
            ?? vhost.CheckAccess(user, Access.Read, Resource.Exchange(vhost.Name, binding.Source))
            ?? (vhost.FindExchange(binding.Source) is { } source ? vhost.CheckTopicAccess(user, Access.Read, source, binding.RoutingKey) : null);
    }

    private static BrokerError? CheckAccess(VirtualHost vhost, Binding binding, ConnectionId? requester) =>
        binding.Destination.Kind == ResourceKind.Queue ? vhost.FindQueue(binding.Destination.Name)!.CheckAccess(requester) : null;

    private static BrokerError NotFound(string vhost, Destination destination) => destination.Kind == ResourceKind.Queue
        ? BrokerError.QueueNotFound(vhost, destination.Name)
        : BrokerError.ExchangeNotFound(vhost, destination.Name);

    private static bool TouchesDefaultExchange(Binding binding) =>
        binding.Source.Length == 0 || binding.Destination is { Kind: ResourceKind.Exchange, Name.Length: 0 };

    /// <summary>An exclusive queue is transient whatever was asked for, and repeated declarations are compared after that.</summary>
    private static bool IsDurable(DeclareQueue declare) => declare.Durable && !declare.Exclusive;

    private static ConnectionId? Owner(DeclareQueue declare)
    {
        if (!declare.Exclusive) return null;
        return declare.Requester ?? throw new ArgumentException("an exclusive queue needs a connection", nameof(declare));
    }
}
