using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Errors;

/// <summary>Publishing, consuming, getting and settling.</summary>
public sealed partial record BrokerError
{
    public static BrokerError UnknownDeliveryTag(ulong tag) => PreconditionFailed($"unknown delivery tag {tag}");

    public static BrokerError ConsumerTagReuse(string tag) => NotAllowed($"attempt to reuse consumer tag '{tag}'");

    public static BrokerError ConsumerLimitReached(int limit) => NotAllowed($"reached maximum ({limit}) of consumers per channel");

    public static BrokerError UserIdMismatch(string claimed, string actual) =>
        PreconditionFailed($"user_id property set to '{claimed}' but authenticated user was '{actual}'");

    /// <summary>The expiration of a message is not a number of milliseconds between 0 and ten years.</summary>
    /// <param name="reason">As RabbitMQ prints it: <c>no_integer</c>, <c>{value_negative,-1}</c>.</param>
    public static BrokerError InvalidExpiration(string expiration, string reason) =>
        PreconditionFailed($"invalid expiration '{expiration}': {reason}");

    /// <param name="limitIsHard">True for the limit that no configuration raises.</param>
    public static BrokerError MessageTooLarge(long size, long limit, bool limitIsHard = false) =>
        PreconditionFailed($"message size {size} is larger than {(limitIsHard ? "" : "configured ")}max size {limit}");

    /// <summary>A transaction that would take too much memory until it is committed; RabbitMQ has no such bound, the words are those of
    /// a message that is too large.</summary>
    public static BrokerError TransactionTooLarge(long size, long limit) =>
        PreconditionFailed($"transaction size {size} is larger than configured max size {limit}");

    /// <summary>A CC or BCC header that is not an array of routing keys.</summary>
    public static BrokerError RoutingHeaderNotArray(string header, FieldType type) =>
        PreconditionFailed($"invalid message: {{unacceptable_type_in_header,\"{header}\",{type.Name()}}}");

    /// <summary>A header <c>x-delay</c> or <c>x-delay-level</c> that is no number, or too large a one. RabbitMQ's plug-in ends the connection with 541 for
    /// text that is no number, and delivers what else it does not understand at once.</summary>
    public static BrokerError InvalidDelay(string header, FieldValue value) =>
        PreconditionFailed($"invalid {header} '{ErlangTerm.Text(value)}' of type '{value.Type.Name()}': not a number of {(header == "x-delay" ? $"milliseconds up to {Limits.TimeToLiveMs}" : "a level")}");

    public static BrokerError ImmediateNotImplemented => NotImplemented("immediate=true");

    public static BrokerError PrefetchSizeNotImplemented(uint size) => NotImplemented($"prefetch_size!=0 ({size})");

    public static BrokerError RecoverWithoutRequeue => NotImplemented("requeue=false");

    public static BrokerError GlobalQosNotSupported(string vhost, string queue) =>
        NotImplemented($"{Resource.Queue(vhost, queue)} does not support global qos");

    public static BrokerError PrefetchNotSet(string vhost, string queue) =>
        PreconditionFailed($"consumer prefetch count is not set for '{Resource.Queue(vhost, queue)}'");

    public static BrokerError GetWithSingleActiveConsumer(string vhost, string queue) => ResourceLocked(
        $"cannot obtain access to locked {Resource.Queue(vhost, queue)}. basic.get operations are not supported by quorum "
        + "queues with single active consumer");

    /// <summary>A fetched message would be beside the one consumer that has its group.</summary>
    public static BrokerError GetWithMessageGroups(string vhost, string queue) => ResourceLocked(
        $"cannot obtain access to locked {Resource.Queue(vhost, queue)}. basic.get operations are not supported by queues with message groups");

    public static BrokerError DeliveryAcknowledgementTimedOut(int channel, long timeoutMs) => PreconditionFailed(
        $"delivery acknowledgement on channel {channel} timed out. Timeout value used: {timeoutMs} ms. "
        + "This timeout value can be configured, see consumers doc guide to learn more");

    public static BrokerError ReplyConsumerCannotAcknowledge => PreconditionFailed("reply consumer cannot acknowledge");

    public static BrokerError ReplyConsumerAlreadySet => PreconditionFailed("reply consumer already set");

    public static BrokerError NoReplyConsumer => PreconditionFailed("fast reply consumer does not exist");
}
