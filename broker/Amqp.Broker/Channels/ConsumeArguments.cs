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

    /// <summary>Checks all of them and returns the consumer's priority, 0 when it has none.</summary>
    /// <exception cref="BrokerException">406: an argument of the wrong type, or out of range.</exception>
    public static int Priority(Resource queue, FieldTable arguments)
    {
        // A queue on one node never fails over, so the value has nothing to act on here; its type is checked all the same.
        if (arguments.TryGet(CancelOnFailoverName, out var cancel) && cancel.Type != FieldType.Bool)
            throw Invalid(CancelOnFailoverName, $"{{unacceptable_type,{cancel.Type.Name()}}}");
        // As in RabbitMQ 4.3, the first that knows it here. No delivery times out yet.
        if (Integer(TimeoutName) is < 0 and var timeout) throw Invalid(TimeoutName, $"{{value_negative,{timeout}}}");
        return (int)Math.Clamp(Integer(PriorityName) ?? 0, int.MinValue, int.MaxValue);

        long? Integer(string name)
        {
            if (!arguments.TryGet(name, out var value)) return null;
            return value.TryGetInteger(out var integer) ? integer : throw Invalid(name, $"\"expected integer, got {value.Type.Name()}\"");
        }

        BrokerException Invalid(string name, string reason) => new(BrokerError.InvalidArg(name, queue, reason));
    }
}
