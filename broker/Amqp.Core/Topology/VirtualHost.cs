using System.Collections.Immutable;
using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Policies;
using Amqp.Core.Security;

namespace Amqp.Core.Topology;

/// <summary>How much one virtual host may hold at a time. Null or negative: no limit; 0: nothing.</summary>
public sealed record VhostLimits(long? MaxConnections, long? MaxQueues)
{
    public static readonly VhostLimits None = new(null, null);
}

/// <summary>What is said about a virtual host.</summary>
/// <param name="DefaultQueueType">Of queues that are declared without one; null: classic, and their arguments stay as they were given.</param>
/// <param name="MergesPolicies">See <see cref="PolicySet.Merges"/>.</param>
public sealed record VhostMetadata(string Description, ImmutableArray<string> Tags, QueueType? DefaultQueueType = null, bool MergesPolicies = false)
{
    public static readonly VhostMetadata None = new("", []);
}

/// <summary>A namespace of exchanges and queues, and who may do what in it, as of one topology version.</summary>
public sealed record VirtualHost
{
    /// <summary>The name of the default exchange in permissions.</summary>
    private const string DefaultExchangeName = "amq.default";

    private VirtualHost(string name)
    {
        Name = name;
    }

    public string Name { get; }

    public VhostMetadata Metadata { get; private init; } = VhostMetadata.None;

    public VhostLimits Limits { get; private init; } = VhostLimits.None;

    public ImmutableDictionary<string, Exchange> Exchanges { get; private init; } = ImmutableDictionary<string, Exchange>.Empty;

    public ImmutableDictionary<string, QueueDefinition> Queues { get; private init; } = ImmutableDictionary<string, QueueDefinition>.Empty;

    /// <summary>The queues, and those that exchanges have, which no client sees.</summary>
    public IEnumerable<QueueDefinition> AllQueues => Queues.Values.Concat(Exchanges.Values.Select(exchange => exchange.OwnQueue).OfType<QueueDefinition>());

    /// <summary>The bindings that were declared. Those of the default exchange follow from the names of the queues.</summary>
    public BindingTable Bindings { get; private init; } = BindingTable.Empty;

    /// <summary>What users may do here, by their names.</summary>
    public ImmutableDictionary<string, Permissions> Permissions { get; private init; } = ImmutableDictionary<string, Permissions>.Empty;

    public ImmutableDictionary<(string User, string Exchange), TopicPermissions> TopicPermissions { get; private init; } =
        ImmutableDictionary<(string, string), TopicPermissions>.Empty;

    public PolicySet Policies { get; private init; } = PolicySet.Empty;

    public Exchange? FindExchange(string name) => Exchanges.GetValueOrDefault(name);

    public QueueDefinition? FindQueue(string name) => Queues.GetValueOrDefault(name);

    public bool Exists(Destination destination) => destination.Kind == ResourceKind.Queue
        ? Queues.ContainsKey(destination.Name)
        : Exchanges.ContainsKey(destination.Name);

    /// <summary>The virtual host and all that is in it, as changes (<see cref="TopologySnapshot.AsChanges"/>).</summary>
    internal IEnumerable<TopologyChange> AsChanges() =>
    [
        new VhostChanged(Name, Metadata, Limits),
        .. Permissions.Select(pair => new PermissionsChanged(Name, pair.Key, pair.Value)),
        .. TopicPermissions.Select(pair => new TopicPermissionsChanged(Name, pair.Key.User, pair.Key.Exchange, pair.Value)),
        .. Enum.GetValues<PolicyKind>().SelectMany(kind => Policies.Of(kind).Values.Select(policy => new PolicyChanged(Name, kind, policy.Name, policy))),
        .. Exchanges.Values.Where(exchange => !exchange.IsPredeclared).Select(exchange => new ExchangeAdded(exchange)),
        .. Queues.Values.Select(queue => new QueueAdded(queue)),
        .. Bindings.All.Select(binding => new BindingAdded(Name, binding, IsDurable(binding))),
    ];

    /// <summary>Whether a binding outlives the process: only if both of its ends do.</summary>
    public bool IsDurable(Binding binding) => Exchanges[binding.Source].Durable && (binding.Destination.Kind == ResourceKind.Queue
        ? Queues[binding.Destination.Name].Durable
        : Exchanges[binding.Destination.Name].Durable);

    /// <summary>403 if the user may not do that.</summary>
    /// <param name="user">Null for the broker itself or an operator, who may everything.</param>
    public BrokerError? CheckAccess(string? user, Access access, Resource resource)
    {
        if (user is null) return null;
        if (resource is { Kind: ResourceKind.Exchange, Name.Length: 0 }) resource = resource with { Name = DefaultExchangeName };
        return Permissions.TryGetValue(user, out var permissions) && permissions.For(access).IsMatch(resource.Name)
            ? null
            : BrokerError.ResourceAccessRefused(access, resource, user);
    }

    /// <summary>403 if the exchange is a topic exchange on which the user may not use the routing key.</summary>
    public BrokerError? CheckTopicAccess(string? user, Access access, Exchange exchange, string routingKey) =>
        FindTopicPermissions(user, exchange) is not { } permissions || permissions.For(access).IsMatch(routingKey)
            ? null
            : BrokerError.TopicAccessRefused(access, routingKey, Name, exchange.Name, user!);

    /// <summary>Null if the user may use every routing key.</summary>
    public TopicPermissions? FindTopicPermissions(string? user, Exchange exchange) =>
        user is not null && exchange.Type == ExchangeTypes.Topic ? TopicPermissions.GetValueOrDefault((user, exchange.Name)) : null;

    /// <summary>A virtual host with nothing but the exchanges that every one has. They are durable and cannot be deleted, so
    /// they need not be stored.</summary>
    public static VirtualHost New(string name)
    {
        Exchange[] predeclared =
        [
            Predeclared(name, "", ExchangeTypes.Direct),
            Predeclared(name, "amq.direct", ExchangeTypes.Direct),
            Predeclared(name, "amq.fanout", ExchangeTypes.Fanout),
            Predeclared(name, "amq.topic", ExchangeTypes.Topic),
            Predeclared(name, "amq.headers", ExchangeTypes.Headers),
            Predeclared(name, "amq.match", ExchangeTypes.Headers),
            Predeclared(name, Names.TraceExchange, ExchangeTypes.Topic, isInternal: true),
        ];
        if (name == TopologySnapshot.DefaultVhost) predeclared = [.. predeclared, Predeclared(name, Names.EventExchange, ExchangeTypes.Topic, isInternal: true)];
        return new VirtualHost(name) { Exchanges = predeclared.ToImmutableDictionary(exchange => exchange.Name) };
    }

    internal VirtualHost With(VhostMetadata metadata, VhostLimits limits)
    {
        var changed = this with { Metadata = metadata, Limits = limits };
        return metadata.MergesPolicies == Policies.Merges
            ? changed
            : (changed with { Policies = Policies with { Merges = metadata.MergesPolicies } }).UnderPolicies();
    }

    /// <summary>With another policy in its list. What goes by it follows with <see cref="UnderPolicies"/>.</summary>
    internal VirtualHost With(PolicyKind kind, string name, Policy? policy) => this with { Policies = Policies.With(kind, name, policy) };

    /// <summary>With every queue and exchange under the policies that it has now.</summary>
    internal VirtualHost UnderPolicies()
    {
        var (exchanges, queues) = (Exchanges.ToBuilder(), Queues.ToBuilder());
        foreach (var exchange in Exchanges.Values)
        {
            if (exchange.Under(Policies.For(exchange)) is var other && other != exchange) exchanges[exchange.Name] = other;
        }
        foreach (var queue in Queues.Values)
        {
            if (queue.Under(Policies.For(queue)) is var other && other != queue) queues[queue.Name] = other;
        }
        return this with { Exchanges = exchanges.ToImmutable(), Queues = queues.ToImmutable() };
    }

    /// <summary>With every queue on that node.</summary>
    internal VirtualHost At(QueueHome home) => this with
    {
        Exchanges = Exchanges.SetItems(Exchanges.Values.Select(exchange => KeyValuePair.Create(exchange.Name, exchange.At(home)))),
        Queues = Queues.SetItems(Queues.Values.Select(queue => KeyValuePair.Create(queue.Name, queue.At(home)))),
    };

    internal VirtualHost With(string user, Permissions? permissions) => this with
    {
        Permissions = permissions is null ? Permissions.Remove(user) : Permissions.SetItem(user, permissions),
    };

    internal VirtualHost With(string user, string exchange, TopicPermissions? permissions) => this with
    {
        TopicPermissions = permissions is null ? TopicPermissions.Remove((user, exchange)) : TopicPermissions.SetItem((user, exchange), permissions),
    };

    internal VirtualHost WithoutUser(string user) => this with
    {
        Permissions = Permissions.Remove(user),
        TopicPermissions = TopicPermissions.RemoveRange(TopicPermissions.Keys.Where(key => key.User == user)),
    };

    internal VirtualHost With(Exchange exchange) => this with { Exchanges = Exchanges.SetItem(exchange.Name, exchange) };

    internal VirtualHost With(QueueDefinition queue) => this with { Queues = Queues.SetItem(queue.Name, queue) };

    internal VirtualHost With(Binding binding)
    {
        var source = Exchanges[binding.Source];
        return With(source.With(source.Router.Bind(binding))) with { Bindings = Bindings.Add(binding) };
    }

    internal VirtualHost Without(Binding binding)
    {
        var source = Exchanges[binding.Source];
        return With(source.With(source.Router.Unbind(binding))) with { Bindings = Bindings.Remove(binding) };
    }

    /// <summary>Without the exchange and all bindings from it and to it.</summary>
    internal VirtualHost WithoutExchange(string name)
    {
        // Its own router goes with it, so the bindings from it need only leave the table.
        var bindings = Bindings.OfSource(name).Aggregate(Bindings, (table, binding) => table.Remove(binding));
        var rest = (this with { Bindings = bindings }).WithoutBindingsTo(Destination.Exchange(name));
        return rest with { Exchanges = rest.Exchanges.Remove(name) };
    }

    /// <summary>Without the queue and all bindings to it.</summary>
    internal VirtualHost WithoutQueue(string name)
    {
        var rest = WithoutBindingsTo(Destination.Queue(name));
        return rest with { Queues = Queues.Remove(name) };
    }

    private VirtualHost WithoutBindingsTo(Destination destination) =>
        Bindings.OfDestination(destination).Aggregate(this, (vhost, binding) => vhost.Without(binding));

    private static Exchange Predeclared(string vhost, string name, string type, bool isInternal = false) =>
        new(vhost, name, type, durable: true, autoDelete: false, isInternal, FieldTable.Empty);
}
