using Amqp.Core.Policies;
using Amqp.Core.Topology;

namespace Amqp.Core.Events;

/// <summary>Something that happened, as RabbitMQ's event exchange tells it.</summary>
/// <param name="Key">The routing key: <c>queue.created</c>.</param>
public sealed record BrokerEvent(string Key, EventFields Fields);

/// <summary>What became different in the topology, as events: under the names and with the headers of RabbitMQ 3.13.</summary>
/// <param name="owner">How a connection that owns an exclusive queue is named.</param>
public sealed class TopologyEvents(Func<ConnectionId, string> owner)
{
    /// <summary>The name under which the broker itself acts.</summary>
    private const string Internal = "rmq-internal";

    /// <summary>What came of a command.</summary>
    /// <param name="before">The topology before it.</param>
    public IEnumerable<BrokerEvent> Of(TopologySnapshot before, TopologyResult result) =>
        result.Changes.SelectMany(change => Of(before, result.Topology, change)).Select(each => each with { Fields = each.Fields.Add("user_who_performed_action", result.User ?? Internal) });

    private IEnumerable<BrokerEvent> Of(TopologySnapshot before, TopologySnapshot after, TopologyChange change) => change switch
    {
        QueueAdded added => [Created(added.Queue)],
        QueueRemoved removed => [.. Unbound(before, removed.Vhost, Destination.Queue(removed.Queue.Name)), new("queue.deleted", Named(removed.Queue))],
        ExchangeAdded added => [Created(added.Exchange)],
        ExchangeRemoved { Exchange: var exchange } =>
        [
            .. Unbound(before, exchange.Vhost, exchange.Name),
            .. Unbound(before, exchange.Vhost, Destination.Exchange(exchange.Name)),
            new("exchange.deleted", new EventFields().Add("name", exchange.Name).Add("vhost", exchange.Vhost)),
        ],
        BindingAdded added => [Bound("binding.created", added.Vhost, added.Binding)],
        BindingRemoved removed => [Bound("binding.deleted", removed.Vhost, removed.Binding)],
        VhostChanged changed => Of(before.Find(changed.Name), changed),
        VhostRemoved removed => [new("vhost.deleted", new EventFields().Add("name", removed.Vhost.Name))],
        UserChanged changed => OfUser(before, changed),
        UserRemoved removed => [new("user.deleted", new EventFields().Add("name", removed.Name))],
        PermissionsChanged changed => [OfPermissions(changed)],
        TopicPermissionsChanged changed => [OfTopicPermissions(changed)],
        PolicyChanged changed => [.. Queues(before, after, changed.Vhost), OfPolicy(changed)],
        GlobalParameterChanged { Value: { } value } changed => [new("parameter.set", new EventFields().Add("name", changed.Name).Add("value", value))],
        GlobalParameterChanged changed => [new("parameter.cleared", new EventFields().Add("name", changed.Name))],
        _ => [],
    };

    private BrokerEvent Created(QueueDefinition queue) => new("queue.created", Named(queue)
        .Add("durable", queue.Durable)
        .Add("auto_delete", queue.AutoDelete)
        .Add("arguments", queue.Arguments)
        .Add("owner_pid", queue.Owner is { } connection ? owner(connection) : "")
        .Add("exclusive", queue.Exclusive));

    private static BrokerEvent Created(Exchange exchange) => new("exchange.created", new EventFields()
        .Add("name", exchange.Name)
        .Add("vhost", exchange.Vhost)
        .Add("type", exchange.Type)
        .Add("durable", exchange.Durable)
        .Add("auto_delete", exchange.AutoDelete)
        .Add("internal", exchange.Internal)
        .Add("arguments", exchange.Arguments)
        .Add("policy", exchange.Policies.Policy?.Name));

    private static EventFields Named(QueueDefinition queue) => new EventFields()
        .Add("name", queue.Name)
        .Add("vhost", queue.Vhost)
        .Add("type", $"rabbit_{queue.Settings.Type.Text()}_queue");

    private static BrokerEvent Bound(string key, string vhost, Binding binding) => new(key, new EventFields()
        .Add("source_name", binding.Source)
        .Add("source_kind", "exchange")
        .Add("destination_name", binding.Destination.Name)
        .Add("destination_kind", binding.Destination.Kind.Text())
        .Add("routing_key", binding.RoutingKey)
        .Add("arguments", binding.Arguments)
        .Add("vhost", vhost));

    /// <summary>Bindings that went with what they led to.</summary>
    private static IEnumerable<BrokerEvent> Unbound(TopologySnapshot before, string vhost, Destination destination) =>
        before.Find(vhost) is { } known ? known.Bindings.OfDestination(destination).Select(binding => Bound("binding.deleted", vhost, binding)) : [];

    /// <summary>Bindings that went with what they came from.</summary>
    private static IEnumerable<BrokerEvent> Unbound(TopologySnapshot before, string vhost, string source) =>
        before.Find(vhost) is { } known ? known.Bindings.OfSource(source).Select(binding => Bound("binding.deleted", vhost, binding)) : [];

    private static IEnumerable<BrokerEvent> Of(VirtualHost? before, VhostChanged changed)
    {
        var fields = new EventFields().Add("name", changed.Name);
        if (before is null || before.Metadata != changed.Metadata)
        {
            if (before is null) fields.Add("tracing", flag: false);
            fields.Add("description", changed.Metadata.Description).Add("tags", changed.Metadata.Tags);
            yield return new(before is null ? "vhost.created" : "vhost.updated", fields.Add("default_queue_type", changed.Metadata.DefaultQueueType?.Text() ?? "undefined"));
        }
        if ((before?.Limits ?? VhostLimits.None) == changed.Limits) yield break;
        yield return Limits("vhost.limits", new EventFields().Add("name", "limits").Add("vhost", changed.Name), ("max-connections", changed.Limits.MaxConnections), ("max-queues", changed.Limits.MaxQueues));
    }

    private static IEnumerable<BrokerEvent> OfUser(TopologySnapshot topology, UserChanged changed)
    {
        var (user, before) = (changed.User, topology.FindUser(changed.User.Name));
        if (before is null) yield return new("user.created", new EventFields().Add("name", user.Name));
        else if (before.Password != user.Password) yield return new(user.Password.Equals(Security.PasswordHash.None) ? "user.password.cleared" : "user.password.changed", new EventFields().Add("name", user.Name));
        if (!(before?.Tags ?? []).SequenceEqual(user.Tags)) yield return new("user.tags.set", new EventFields().Add("name", user.Name).Add("tags", user.Tags));
        if ((before?.Limits ?? Security.UserLimits.None) == user.Limits) yield break;
        yield return Limits("user.limits", new EventFields().Add("name", user.Name), ("max-connections", user.Limits.MaxConnections), ("max-channels", user.Limits.MaxChannels));
    }

    private static BrokerEvent Limits(string key, EventFields fields, params ReadOnlySpan<(string Name, long? Value)> limits)
    {
        var isSet = false;
        foreach (var (name, value) in limits)
        {
            if (value is not { } limit) continue;
            fields.Add(name, limit);
            isSet = true;
        }
        return new(isSet ? $"{key}.set" : $"{key}.cleared", fields);
    }

    private static BrokerEvent OfPermissions(PermissionsChanged changed)
    {
        var fields = new EventFields().Add("user", changed.User).Add("vhost", changed.Vhost);
        return changed.Permissions is { } permissions
            ? new("permission.created", fields.Add("configure", permissions.Configure.Text).Add("write", permissions.Write.Text).Add("read", permissions.Read.Text))
            : new("permission.deleted", fields);
    }

    private static BrokerEvent OfTopicPermissions(TopicPermissionsChanged changed)
    {
        var fields = new EventFields().Add("user", changed.User).Add("vhost", changed.Vhost);
        return changed.Permissions is { } permissions
            ? new("topic.permission.created", fields.Add("exchange", changed.Exchange).Add("write", permissions.Write).Add("read", permissions.Read))
            : new("topic.permission.deleted", fields);
    }

    private static BrokerEvent OfPolicy(PolicyChanged changed)
    {
        var fields = new EventFields().Add("name", changed.Name).Add("vhost", changed.Vhost);
        // As in RabbitMQ both kinds are set under one name, and cleared under two.
        return changed.Policy is { } policy
            ? new("policy.set", Add(fields, policy))
            : new(changed.Kind == PolicyKind.Operator ? "operator.policy.cleared" : "policy.cleared", fields);
    }

    private static EventFields Add(EventFields fields, Policy policy) => fields
        .Add("pattern", policy.Pattern.Text)
        .Add("apply-to", policy.ApplyTo.Text())
        .Add("definition", policy.Definition)
        .Add("priority", policy.Priority);

    /// <summary>Queues that go by other policies now.</summary>
    private static IEnumerable<BrokerEvent> Queues(TopologySnapshot before, TopologySnapshot after, string vhost)
    {
        foreach (var queue in after.Find(vhost)?.Queues.Values ?? [])
        {
            if (before.Find(vhost)?.FindQueue(queue.Name) is not { } known || known.Id != queue.Id || known.Policies.Equals(queue.Policies)) continue;
            yield return queue.Policies.Policy is { } policy
                ? new("queue.policy.updated", Add(Named(queue), policy))
                : new("queue.policy.cleared", Named(queue));
        }
    }
}
