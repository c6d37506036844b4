using Amqp.Core.Errors;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>The arguments of basic.consume that RabbitMQ's classic queues know.</summary>
internal static class ConsumeArguments
{
    private const string PriorityName = "x-priority";
    private const string CancelOnFailoverName = "x-cancel-on-ha-failover";

    /// <summary>Checks all of them and returns the consumer's priority, 0 when it has none.</summary>
    /// <exception cref="BrokerException">406: an argument of the wrong type.</exception>
    public static int Priority(Resource queue, FieldTable arguments)
    {
        // A queue on one node never fails over, so the value has nothing to act on here; its type is checked all the same.
        if (arguments.TryGet(CancelOnFailoverName, out var cancel) && cancel.Type != FieldType.Bool)
            throw new BrokerException(BrokerError.InvalidArg(CancelOnFailoverName, queue, $"{{unacceptable_type,{cancel.Type.Name()}}}"));
        if (!arguments.TryGet(PriorityName, out var priority)) return 0;
        if (!priority.TryGetInteger(out var value))
            throw new BrokerException(BrokerError.InvalidArg(PriorityName, queue, $"\"expected integer, got {priority.Type.Name()}\""));
        return (int)Math.Clamp(value, int.MinValue, int.MaxValue);
    }
}
