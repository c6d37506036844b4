using AMQP.Net;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Topology;

/// <summary>A topology as text, for comparing two of them: everything that was declared, in alphabetical order.</summary>
internal static class TopologyText
{
    public static string Of(TopologySnapshot topology) => Of(topology, _ => true, _ => true, _ => true);

    /// <summary>Without what ends with the process.</summary>
    public static string OfDurable(TopologySnapshot topology) =>
        Of(topology, exchange => exchange.Durable, queue => queue.Durable, topology.Find("/")!.IsDurable);

    private static string Of(
        TopologySnapshot topology, Func<Exchange, bool> exchanges, Func<QueueDefinition, bool> queues, Func<Binding, bool> bindings)
    {
        var vhost = topology.Find("/")!;
        return string.Join('\n', vhost.Exchanges.Values.Where(exchanges).Select(Text)
            .Concat(vhost.Queues.Values.Where(queues).Select(Text))
            .Concat(vhost.Bindings.All.Where(bindings).Select(Text))
            .Order(StringComparer.Ordinal));
    }

    private static string Text(Exchange exchange) =>
        $"{exchange} {exchange.Type} durable={exchange.Durable} auto-delete={exchange.AutoDelete} internal={exchange.Internal} {Text(exchange.Arguments)}";

    private static string Text(QueueDefinition queue) =>
        $"{queue} {queue.Id.Value} durable={queue.Durable} auto-delete={queue.AutoDelete} {queue.Owner} {Text(queue.Arguments)}";

    private static string Text(Binding binding) =>
        $"binding {binding.Source} -> {binding.Destination} by '{binding.RoutingKey}' {Text(binding.Arguments)}";

    private static string Text(FieldTable arguments) => Convert.ToHexStringLower(arguments.Bytes.Span);
}
