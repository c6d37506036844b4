using Amqp.Core.Errors;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>The arguments of basic.consume that RabbitMQ knows.</summary>
internal static class ConsumeArguments
{
    private const string PriorityName = "x-priority";
    private const string CancelOnFailoverName = "x-cancel-on-ha-failover";
    private const string TimeoutName = "x-consumer-timeout";

    /// <summary>Higher ones get messages first; 0 when there is none.</summary>
    /// <exception cref="BrokerException">406: an argument of the wrong type.</exception>
    public static int Priority(Resource queue, FieldTable arguments)
    {
        // A queue on one node never fails over, so the value has nothing to act on here; its type is checked all the same.
        if (arguments.TryGet(CancelOnFailoverName, out var cancel) && cancel.Type != FieldType.Bool)
            throw Invalid(queue, CancelOnFailoverName, $"{{unacceptable_type,{cancel.Type.Name()}}}");
        return (int)Math.Clamp(Integer(queue, arguments, PriorityName) ?? 0, int.MinValue, int.MaxValue);
    }

    /// <summary>Milliseconds in which a delivery is to be settled, or null. As in RabbitMQ 4.3, the first that knows it here.</summary>
    /// <exception cref="BrokerException">406: of the wrong type, or negative.</exception>
    public static long? TimeoutMs(Resource queue, FieldTable arguments)
    {
        var timeout = Integer(queue, arguments, TimeoutName);
        return timeout is < 0 ? throw Invalid(queue, TimeoutName, $"{{value_negative,{timeout}}}") : timeout;
    }

    private static long? Integer(Resource queue, FieldTable arguments, string name)
    {
        if (!arguments.TryGet(name, out var value)) return null;
        return value.TryGetInteger(out var integer) ? integer : throw Invalid(queue, name, $"\"expected integer, got {value.Type.Name()}\"");
    }

    private static BrokerException Invalid(Resource queue, string name, string reason) => new(BrokerError.InvalidArg(name, queue, reason));
}
