using AMQP.Net;
using Amqp.Core.Policies;
using Amqp.Core.Security;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Topology;

/// <summary>A topology as text, for comparing two of them: everything that was declared, in alphabetical order.</summary>
internal static class TopologyText
{
    public static string Of(TopologySnapshot topology) => Of(topology, _ => true, _ => true, (_, _) => true);

    /// <summary>Without what ends with the process.</summary>
    public static string OfDurable(TopologySnapshot topology) =>
        Of(topology, exchange => exchange.Durable, queue => queue.Durable, (vhost, binding) => vhost.IsDurable(binding));

    private static string Of(
        TopologySnapshot topology, Func<Exchange, bool> exchanges, Func<QueueDefinition, bool> queues, Func<VirtualHost, Binding, bool> bindings)
    {
        var lines = topology.Users.Values.Select(Text).Concat(topology.GlobalParameters.Select(pair => $"{pair.Key} = {pair.Value}")).Concat(topology.VirtualHosts.Values.SelectMany(vhost => Of(vhost)
            .Concat(vhost.Exchanges.Values.Where(exchanges).Select(Text))
            .Concat(vhost.Queues.Values.Where(queues).Select(Text))
            .Concat(vhost.Bindings.All.Where(binding => bindings(vhost, binding)).Select(binding => $"{vhost.Name}: {Text(binding)}"))));
        return string.Join('\n', lines.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Of(VirtualHost vhost) =>
    [
        $"vhost {vhost.Name} {vhost.Metadata.Description} {string.Join(',', vhost.Metadata.Tags)} {vhost.Metadata.DefaultQueueType} {vhost.Metadata.MergesPolicies} {vhost.Limits}",
        .. Enum.GetValues<PolicyKind>().SelectMany(kind => vhost.Policies.Of(kind).Values.Select(policy => $"{vhost.Name}: {kind} {Text(policy)}")),
        .. vhost.Permissions.Select(pair => $"{vhost.Name}: permissions of {pair.Key}: {pair.Value}"),
        .. vhost.TopicPermissions.Select(pair => $"{vhost.Name}: topic permissions {pair.Key}: '{pair.Value.Write}' '{pair.Value.Read}'"),
    ];

    private static string Text(Policy policy) => $"policy {policy.Name} {policy.Pattern} {policy.ApplyTo} {policy.Priority} {Text(policy.Definition)}";

    private static string Text(PolicyDefinition definition) => string.Join(',', definition.Select(entry => $"{entry.Key}={entry.Value}"));

    private static string Text(AppliedPolicies applied) => $"by {applied.Policy?.Name} and {applied.OperatorPolicy?.Name}: {Text(applied.Effective)}";

    private static string Text(User user) =>
        $"user {user.Name} {user.Password.Algorithm} {Convert.ToHexStringLower(user.Password.Bytes.AsSpan())} {string.Join(',', user.Tags)} {user.Limits}";

    private static string Text(Exchange exchange) =>
        $"{exchange} {exchange.Type} durable={exchange.Durable} auto-delete={exchange.AutoDelete} internal={exchange.Internal} {Text(exchange.Arguments)} {Text(exchange.Policies)}";

    private static string Text(QueueDefinition queue) =>
        $"{queue} {queue.Id.Value} durable={queue.Durable} auto-delete={queue.AutoDelete} {queue.Owner} {Text(queue.Arguments)} {Text(queue.Policies)}";

    private static string Text(Binding binding) =>
        $"binding {binding.Source} -> {binding.Destination} by '{binding.RoutingKey}' {Text(binding.Arguments)}";

    private static string Text(FieldTable arguments) => Convert.ToHexStringLower(arguments.Bytes.Span);
}
