using System.Collections.Immutable;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Bench.Micro;

/// <summary>A virtual host with one exchange and its bindings, and the messages that find one of them each (a fanout exchange's: all).</summary>
internal static class Topologies
{
    public const string Default = "default";
    public const string ExchangeName = "x";

    /// <summary>Bindings beyond so many lead to the same queues again.</summary>
    private const int QueuesMax = 1000;

    public static VirtualHost With(string type, int bindings)
    {
        var commands = ImmutableArray.CreateBuilder<TopologyCommand>();
        for (var queue = 0; queue < Math.Min(bindings, QueuesMax); queue++)
            commands.Add(new DeclareQueue(TopologySnapshot.DefaultVhost, QueueOf(queue), Durable: false, AutoDelete: false, Exclusive: false, FieldTable.Empty, Requester: null));
        if (type != Default)
        {
            commands.Add(new DeclareExchange(TopologySnapshot.DefaultVhost, ExchangeName, type, Durable: false, AutoDelete: false, Internal: false, FieldTable.Empty));
            for (var binding = 0; binding < bindings; binding++) commands.Add(new Bind(TopologySnapshot.DefaultVhost, BindingOf(type, binding)));
        }
        var result = TopologyReducer.Apply(TopologySnapshot.Initial, new Commands(commands.ToImmutable()));
        return result.Error is null ? result.Topology.Find(TopologySnapshot.DefaultVhost)! : throw new InvalidOperationException(result.Error.ToString());
    }

    public static string KeyFor(string type, int binding) => type switch
    {
        Default => QueueOf(binding),
        ExchangeTypes.Topic => $"shop.{binding}.order.created",
        _ => $"shop.{binding}",
    };

    public static FieldTable HeadersFor(int binding) => FieldTable.From(
        ("traceparent", FieldValue.From("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
        ("shop", FieldValue.From(binding)),
        ("schema", FieldValue.From("order.created.v2")));

    private static string QueueOf(int binding) => $"queue.{binding % QueuesMax}";

    private static Binding BindingOf(string type, int binding) => new(
        ExchangeName,
        Destination.Queue(QueueOf(binding)),
        type == ExchangeTypes.Topic ? TopicPattern(binding) : KeyFor(type, binding),
        type == ExchangeTypes.Headers
            ? FieldTable.From(("x-match", FieldValue.From("all")), ("shop", FieldValue.From(binding)), ("schema", FieldValue.From("order.created.v2")))
            : FieldTable.Empty);

    /// <summary>Mostly a star at the end, as people have them; a tenth with # and a tenth with a star in front.</summary>
    private static string TopicPattern(int binding) => (binding % 10) switch
    {
        0 => $"shop.{binding}.#",
        1 => $"*.{binding}.order.*",
        _ => $"shop.{binding}.order.*",
    };
}
