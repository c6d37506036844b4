using Amqp.Core.Errors;
using Amqp.Core.Queues;
using AMQP.Net;
using Of = Amqp.Core.Topology.QueueTypeSet;

namespace Amqp.Core.Topology;

/// <summary>
/// The x-arguments of a queue. <see cref="Known"/> is the one table of them; everything else about arguments (validation,
/// comparison of repeated declarations) follows from it. Arguments that are not in the table are accepted and kept, as RabbitMQ does.
/// </summary>
public sealed class QueueArguments
{
    /// <summary>In the order in which RabbitMQ validates and compares.</summary>
    private static readonly KnownArgument[] Known =
    [
        new("x-expires", ArgumentChecks.Expires, Of.Classic | Of.Quorum),
        new("x-message-ttl", ArgumentChecks.MessageTtl, Of.Classic | Of.Quorum),
        new("x-dead-letter-exchange", ArgumentChecks.LongString, Of.Classic | Of.Quorum),
        new("x-dead-letter-routing-key", ArgumentChecks.DeadLetterRoutingKey, Of.Classic | Of.Quorum),
        new("x-dead-letter-strategy", ArgumentChecks.DeadLetterStrategy, Of.Quorum),
        new("x-max-length", ArgumentChecks.NonNegative, Of.Classic | Of.Quorum),
        new("x-max-length-bytes", ArgumentChecks.NonNegative, Of.Classic | Of.Quorum | Of.Stream),
        new("x-max-in-memory-length", ArgumentChecks.NonNegative, Of.Quorum),
        new("x-max-in-memory-bytes", ArgumentChecks.NonNegative, Of.Quorum),
        new("x-max-priority", ArgumentChecks.MaxPriority, Of.Classic),
        new("x-overflow", ArgumentChecks.Overflow, Of.Classic | Of.Quorum),
        new("x-queue-mode", ArgumentChecks.QueueMode, Of.Classic),
        new("x-queue-version", ArgumentChecks.QueueVersion, Of.Classic),
        new("x-single-active-consumer", ArgumentChecks.Bool, Of.Classic | Of.Quorum),
        new(TypeArgument, ArgumentChecks.QueueType, Of.Classic | Of.Quorum | Of.Stream),
        new("x-quorum-initial-group-size", ArgumentChecks.Positive, Of.Quorum),
        // RabbitMQ has it for quorum queues only, and takes anything there.
        new("x-delivery-limit", ArgumentChecks.Anything, Of.Classic | Of.Quorum),
        new("x-max-age", ArgumentChecks.MaxAge, Of.Stream),
        new("x-stream-max-segment-size-bytes", ArgumentChecks.NonNegative, Of.Stream),
        new("x-initial-cluster-size", ArgumentChecks.Positive, Of.Stream),
        new("x-queue-leader-locator", ArgumentChecks.LeaderLocator, Of.Quorum | Of.Stream),
        // RabbitMQ takes any value here and ignores one it does not know; on a node that is alone none has an effect.
        new("x-queue-master-locator", ArgumentChecks.Anything, Of.Classic),
        // RabbitMQ 3.13 neither validates nor compares it; it is validated here as in 4.3.
        new("x-consumer-timeout", ArgumentChecks.NonNegative, Of.Classic | Of.Quorum | Of.Stream, Compared: false),
        // As in RabbitMQ 4.3, which has them for quorum queues.
        new("x-delayed-retry-type", ArgumentChecks.RetryType, Of.Classic | Of.Quorum),
        new("x-delayed-retry-min", ArgumentChecks.PositiveTime, Of.Classic | Of.Quorum),
        new("x-delayed-retry-max", ArgumentChecks.PositiveTime, Of.Classic | Of.Quorum),
        // Not in RabbitMQ.
        new("x-delayed-retry-multiplier", ArgumentChecks.Positive, Of.Classic | Of.Quorum),
        // The same by names that need no type: all messages wait.
        new("x-retry-delay-min-ms", ArgumentChecks.PositiveTime, Of.Classic | Of.Quorum),
        new("x-retry-delay-max-ms", ArgumentChecks.PositiveTime, Of.Classic | Of.Quorum),
        new("x-retry-delay-multiplier", ArgumentChecks.Positive, Of.Classic | Of.Quorum),
        // Of a plug-in; RabbitMQ without it takes anything and does not compare it.
        new("x-message-deduplication", ArgumentChecks.Bool, Of.Classic | Of.Quorum, Compared: false),
        // These two are ours.
        new("x-message-groups", ArgumentChecks.Bool, Of.Classic | Of.Quorum),
        new("x-dispatch", ArgumentChecks.Dispatch, Of.Classic | Of.Quorum),
        new("x-consumer-timeout-action", ArgumentChecks.ConsumerTimeoutAction, Of.Classic | Of.Quorum),
    ];

    private const string TypeArgument = "x-queue-type";

    private QueueArguments(FieldTable arguments)
    {
        TypeOf(arguments, out var type);
        Type = type;
        ExpiresMs = Integer(arguments, "x-expires");
        MessageTtlMs = Integer(arguments, "x-message-ttl");
        MaxLength = Integer(arguments, "x-max-length");
        MaxLengthBytes = Integer(arguments, "x-max-length-bytes");
        DeadLetterExchange = Text(arguments, "x-dead-letter-exchange");
        DeadLetterRoutingKey = Text(arguments, "x-dead-letter-routing-key");
        SingleActiveConsumer = Flag(arguments, "x-single-active-consumer");
        Deduplicates = Flag(arguments, "x-message-deduplication");
        MessageGroups = Flag(arguments, "x-message-groups");
        Dispatch = Text(arguments, "x-dispatch");
        MaxPriority = (byte)(Integer(arguments, "x-max-priority") ?? 0);
        ConsumerTimeoutMs = Integer(arguments, "x-consumer-timeout");
        ConsumerTimeoutAction = Text(arguments, "x-consumer-timeout-action");
        var retryMs = Integer(arguments, "x-retry-delay-min-ms");
        RetryType = RetryDelay.Parse(Text(arguments, "x-delayed-retry-type")) ?? (retryMs is null ? null : Queues.RetryType.All);
        RetryMinMs = Integer(arguments, "x-delayed-retry-min") ?? retryMs;
        RetryMaxMs = Integer(arguments, "x-delayed-retry-max") ?? Integer(arguments, "x-retry-delay-max-ms");
        RetryMultiplier = Integer(arguments, "x-delayed-retry-multiplier") ?? Integer(arguments, "x-retry-delay-multiplier");
        DeliveryLimit = Integer(arguments, "x-delivery-limit");
        DeadLetterStrategy = Text(arguments, "x-dead-letter-strategy");
        Overflow = Overflows.Parse(Text(arguments, "x-overflow"));
        InitialGroupSize = Integer(arguments, "x-quorum-initial-group-size");
        LeaderLocator = Text(arguments, "x-queue-leader-locator") ?? Text(arguments, "x-queue-master-locator");
    }

    public QueueType Type { get; }

    /// <summary>The queue is deleted after so many milliseconds without consumers, gets or declares; null for never.</summary>
    public long? ExpiresMs { get; }

    /// <summary>Messages live so many milliseconds at most in this queue; null for no limit.</summary>
    public long? MessageTtlMs { get; }

    /// <summary>So many messages may be ready; null for any number.</summary>
    public long? MaxLength { get; }

    /// <summary>So many bytes may the bodies of ready messages have; null for any number.</summary>
    public long? MaxLengthBytes { get; }

    /// <summary>Null: there is none.</summary>
    public string? DeadLetterExchange { get; }

    /// <summary>Null: messages keep theirs.</summary>
    public string? DeadLetterRoutingKey { get; }

    /// <summary>One consumer at a time gets messages.</summary>
    public bool SingleActiveConsumer { get; }

    /// <summary>Messages of one group go to one consumer at a time.</summary>
    public bool MessageGroups { get; }

    /// <summary><c>round-robin</c>, <c>least-loaded</c>, or null: as if nothing was said.</summary>
    public string? Dispatch { get; }

    /// <summary>No message is taken whose key one has that is in the queue.</summary>
    public bool Deduplicates { get; }

    /// <summary>Messages of higher priorities leave first, up to this one; 0: all are equal.</summary>
    public byte MaxPriority { get; }

    /// <summary>Milliseconds in which a delivery is to be settled; null: as the node says.</summary>
    public long? ConsumerTimeoutMs { get; }

    /// <summary><c>close-channel</c>, <c>requeue</c>, or null: as if nothing was said.</summary>
    public string? ConsumerTimeoutAction { get; }

    /// <summary>Which messages wait before they are ready again; null: as if nothing was said.</summary>
    public RetryType? RetryType { get; }

    /// <summary>See <see cref="RetryDelay"/>; null: as if nothing was said.</summary>
    public long? RetryMinMs { get; }

    /// <summary>The same.</summary>
    public long? RetryMaxMs { get; }

    /// <summary>The same.</summary>
    public long? RetryMultiplier { get; }

    /// <summary>So often may a message come back to the queue; null, or negative: any number of times.</summary>
    public long? DeliveryLimit { get; }

    /// <summary><c>at-most-once</c>, <c>at-least-once</c>, or null: as if nothing was said.</summary>
    public string? DeadLetterStrategy { get; }

    /// <summary>Null: as if nothing was said.</summary>
    public Overflow? Overflow { get; }

    /// <summary>So many copies of a quorum queue; null: as if nothing was said.</summary>
    public long? InitialGroupSize { get; }

    /// <summary>See <see cref="QueuePlacement"/>; null: as if nothing was said.</summary>
    public string? LeaderLocator { get; }

    /// <summary>What RabbitMQ checks when a queue is created, in its order; and streams, which this broker does not have yet.</summary>
    public static BrokerError? Validate(Resource queue, FieldTable arguments)
    {
        if (arguments.TryGet(TypeArgument, out var value) && ArgumentChecks.QueueType(value, arguments) is { } typeReason)
            return BrokerError.InvalidArg(TypeArgument, queue, typeReason);
        TypeOf(arguments, out var type);

        foreach (var known in Known)
        {
            if (known.IsOf(type) && arguments.TryGet(known.Name, out value) && known.Check(value, arguments) is { } reason)
                return BrokerError.InvalidArg(known.Name, queue, reason);
        }
        foreach (var (name, _) in arguments)
        {
            if (Array.Find(Known, known => known.Name == name) is not { } known) continue;
            if (!known.IsOf(type)) return BrokerError.ArgNotOfQueueType(name, queue, type);
        }
        return type == QueueType.Stream ? BrokerError.QueueTypeNotSupported(queue, type) : null;
    }

    /// <summary>The arguments with <c>x-queue-type</c> of the virtual host's default, where it has one and the client gives none; classic if the queue
    /// cannot be of that type.</summary>
    public static FieldTable WithDefaultType(DeclareQueue declare, QueueType? type)
    {
        if (type is not { } known || declare.Arguments.Contains(TypeArgument)) return declare.Arguments;
        if (!declare.Durable || declare.Exclusive || declare.AutoDelete) known = QueueType.Classic;
        return declare.Arguments.With(TypeArgument, FieldValue.From(known.Text()));
    }

    /// <summary>The values of arguments that have been validated.</summary>
    public static QueueArguments Parse(FieldTable arguments) => new(arguments);

    /// <summary>406 if a repeated declaration has other arguments. Only arguments of the queue's type count.</summary>
    public static BrokerError? CheckEquivalence(QueueDefinition queue, FieldTable received)
    {
        foreach (var known in Known)
        {
            if (!known.Compared || !known.IsOf(queue.Parsed.Type)) continue;
            if (ArgumentEquivalence.Check(queue.Resource, known.Name, received, queue.Arguments) is { } error) return error;
        }
        return null;
    }

    /// <summary>The queue type asked for: classic unless said otherwise. Some clients say <c>undefined</c> when they mean nothing.</summary>
    /// <returns>False if it names no queue type.</returns>
    internal static bool TypeOf(FieldTable arguments, out QueueType type)
    {
        type = QueueType.Classic;
        return !arguments.TryGet(TypeArgument, out var value) || value.Type != FieldType.LongString
            || value.AsText == "undefined" || QueueTypes.TryParse(value.AsText, out type);
    }

    private static bool Flag(FieldTable arguments, string name) => arguments.TryGet(name, out var value) && value is { Type: FieldType.Bool, AsBool: true };

    private static long? Integer(FieldTable arguments, string name) =>
        arguments.TryGet(name, out var value) && value.TryGetInteger(out var integer) ? integer : null;

    private static string? Text(FieldTable arguments, string name) =>
        arguments.TryGet(name, out var value) && value.Type == FieldType.LongString ? value.AsText : null;

    /// <summary>One line of the table.</summary>
    /// <param name="Check">Says why a value is not possible, in RabbitMQ's words, or null; it may look at the other arguments.</param>
    /// <param name="Types">The queue types that have it; for others it is refused.</param>
    /// <param name="Compared">Whether a repeated declaration must give the same value.</param>
    private sealed record KnownArgument(
        string Name, Func<FieldValue, FieldTable, string?> Check, Of Types, bool Compared = true)
    {
        public bool IsOf(QueueType type) => Types.Has(type);
    }
}
