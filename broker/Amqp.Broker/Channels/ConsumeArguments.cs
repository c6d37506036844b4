using Amqp.Core.Errors;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>The arguments of basic.consume that RabbitMQ knows.</summary>
internal static class ConsumeArguments
{
    private const string PriorityName = "x-priority";
    private const string CancelOnFailoverName = "x-cancel-on-ha-failover";
    private const string BrowseName = "x-browse";
    private const string BrowseFromName = "x-browse-from";
    private const string TimeoutName = "x-consumer-timeout";

    /// <summary>Higher ones get messages first; 0 when there is none.</summary>
    /// <exception cref="BrokerException">406: an argument of the wrong type.</exception>
    public static int Priority(Resource queue, FieldTable arguments)
    {
        return (int)Math.Clamp(Integer(queue, arguments, PriorityName) ?? 0, int.MinValue, int.MaxValue);
    }

    /// <summary>The consumer ends when its queue is led by another node.</summary>
    /// <exception cref="BrokerException">406: an argument of the wrong type.</exception>
    public static bool EndsWithLeader(Resource queue, FieldTable arguments)
    {
        if (!arguments.TryGet(CancelOnFailoverName, out var cancel)) return false;
        return cancel.Type == FieldType.Bool ? cancel.AsBool : throw Invalid(queue, CancelOnFailoverName, $"{{unacceptable_type,{cancel.Type.Name()}}}");
    }

    /// <summary>Milliseconds in which a delivery is to be settled, or null. As in RabbitMQ 4.3, the first that knows it here.</summary>
    /// <exception cref="BrokerException">406: of the wrong type, or negative.</exception>
    public static long? TimeoutMs(Resource queue, FieldTable arguments)
    {
        var timeout = Integer(queue, arguments, TimeoutName);
        return timeout is < 0 ? throw Invalid(queue, TimeoutName, $"{{value_negative,{timeout}}}") : timeout;
    }

    /// <summary>Where a consumer begins to look that takes nothing, or null. Ours: <c>x-browse: true</c>, from the first message on, or with
    /// <c>x-browse-from</c> from that position on, which deliveries name, or with <c>next</c> there from the next message on.</summary>
    /// <exception cref="BrokerException">406: of the wrong type, negative, or with acknowledgements.</exception>
    public static long? BrowsesFrom(Resource queue, FieldTable arguments, bool autoAck)
    {
        if (!arguments.TryGet(BrowseName, out var browses)) return null;
        if (browses.Type != FieldType.Bool) throw Invalid(queue, BrowseName, $"{{unacceptable_type,{browses.Type.Name()}}}");
        if (!browses.AsBool) return null;
        if (!autoAck) throw Invalid(queue, BrowseName, "\"nothing is taken, so there is nothing to acknowledge: consume with no-ack\"");
        if (!arguments.TryGet(BrowseFromName, out var from)) return 0;
        if (from.Type == FieldType.LongString && from.AsText == "next") return long.MaxValue;
        if (!from.TryGetInteger(out var position)) throw Invalid(queue, BrowseFromName, $"\"expected a position or next, got {from.Type.Name()}\"");
        return position < 0 ? throw Invalid(queue, BrowseFromName, $"{{value_negative,{position}}}") : position;
    }

    private static long? Integer(Resource queue, FieldTable arguments, string name)
    {
        if (!arguments.TryGet(name, out var value)) return null;
        return value.TryGetInteger(out var integer) ? integer : throw Invalid(queue, name, $"\"expected integer, got {value.Type.Name()}\"");
    }

    private static BrokerException Invalid(Resource queue, string name, string reason) => new(BrokerError.InvalidArg(name, queue, reason));
}
