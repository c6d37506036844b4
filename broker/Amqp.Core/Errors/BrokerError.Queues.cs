using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Errors;

/// <summary>Queues and their arguments.</summary>
public sealed partial record BrokerError
{
    public static BrokerError QueueNotFound(string vhost, string name) => NotFound($"no {Resource.Queue(vhost, name)}");

    /// <summary>An empty queue name means "the queue declared last on this channel", and none was.</summary>
    public static BrokerError NoPreviouslyDeclaredQueue => NotFound("no previously declared queue");

    public static BrokerError QueueHomeNodeDown(string vhost, string name, string node) =>
        NotFound($"home node '{node}' of durable {Resource.Queue(vhost, name)} is down or inaccessible");

    /// <summary>It is mirrored, and none of its copies can lead. Never a 404, which clients take for a queue that was deleted.</summary>
    public static BrokerError QueueHasNoLeader(string vhost, string name) =>
        new(ReplyCode.ConnectionForced, $"{Resource.Queue(vhost, name)} has no leader: no node that has all of it is running");

    public static BrokerError QueueStopped(string vhost, string name) =>
        NotFound($"{Resource.Queue(vhost, name)} process is stopped by supervisor");

    public static BrokerError QueueCrashed(string vhost, string name) =>
        NotFound($"{Resource.Queue(vhost, name)} has crashed and failed to restart");

    public static BrokerError QueueOperationTimedOut(string vhost, string name) =>
        NotFound($"failed to perform operation on {Resource.Queue(vhost, name)} due to timeout");

    /// <summary>The queue belongs to another connection, or a repeated declaration differs in the exclusive flag.</summary>
    public static BrokerError QueueLocked(string vhost, string name) => ResourceLocked(
        $"cannot obtain exclusive access to locked {Resource.Queue(vhost, name)}. It could be originally declared on another "
        + "connection or the exclusive property value does not match that of the original declaration.");

    public static BrokerError QueueInUse(string vhost, string name) => PreconditionFailed($"{Resource.Queue(vhost, name)} in use");

    public static BrokerError QueueNotEmpty(string vhost, string name) =>
        PreconditionFailed($"{Resource.Queue(vhost, name)} not empty");

    /// <summary>A consumer has the exclusive flag, or there is a consumer and exclusive was asked for.</summary>
    public static BrokerError QueueInExclusiveUse(string vhost, string name) =>
        AccessRefused($"{Resource.Queue(vhost, name)} in exclusive use");

    /// <summary>A value that the argument cannot have.</summary>
    /// <param name="reason">The reason as RabbitMQ prints it: <c>{value_zero,0}</c>, <c>"expected integer, got longstr"</c>.</param>
    public static BrokerError InvalidArg(string argument, Resource resource, string reason) =>
        PreconditionFailed($"invalid arg '{argument}' for {resource}: {reason}");

    /// <summary>An argument that this type of queue does not have.</summary>
    public static BrokerError ArgNotOfQueueType(string argument, Resource queue, QueueType type) =>
        PreconditionFailed($"invalid arg '{argument}' for {queue} of queue type {type.ModuleName()}");

    /// <summary>A queue type that RabbitMQ has and this broker does not have yet.</summary>
    public static BrokerError QueueTypeNotSupported(Resource queue, QueueType type) =>
        PreconditionFailed($"invalid arg 'x-queue-type' for {queue}: queue type '{type.Text()}' is not supported by this broker");

    public static BrokerError DefaultQueueTypeNotSupported(QueueType type) =>
        PreconditionFailed($"queue type '{type.Text()}' is not supported by this broker, and so it cannot be the default of a virtual host");

    /// <summary>The name of an exchange in an argument is not a long string.</summary>
    public static BrokerError InvalidArgType(FieldType type, string argument, Resource resource) =>
        PreconditionFailed($"invalid type '{type.Name()}' for arg '{argument}' in {resource}");

    /// <param name="property"><c>auto-delete</c>, <c>exclusive-owner</c> or <c>non-durable</c>.</param>
    public static BrokerError InvalidQueueProperty(string property, Resource queue) =>
        PreconditionFailed($"invalid property '{property}' for {queue}");

    public static BrokerError ServerNamedNotAllowed(QueueType type) =>
        PreconditionFailed($"Cannot declare a server-named queue for type {type.ModuleName()}");

    public static BrokerError PurgeNotSupported(string vhost, string name) =>
        NotImplemented($"queue.purge not supported by stream queues {Resource.Queue(vhost, name)}");

    public static BrokerError VhostQueueLimitReached(string vhost, string name, long limit) =>
        PreconditionFailed($"cannot declare queue '{name}': queue limit in vhost '{vhost}' ({limit}) is reached");
}
