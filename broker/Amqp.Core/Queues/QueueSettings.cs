using System.Text.Json;
using Amqp.Core.Policies;
using Amqp.Core.Topology;

namespace Amqp.Core.Queues;

/// <summary>What a queue goes by while it runs. It can change then: a message has the time to live of the moment it arrived in.</summary>
public sealed record QueueSettings
{
    /// <summary>Copies of a quorum queue that does not say how many, as in RabbitMQ.</summary>
    private const int QuorumCopies = 3;

    /// <summary>Nothing is set.</summary>
    public static QueueSettings None { get; } = new();

    /// <summary>Of the messages that wait in an exchange.</summary>
    public static QueueSettings OfDelays { get; } = new() { Role = QueueRole.Delays };

    /// <summary>What arguments and policies make together: of the two limits the smaller one, as in RabbitMQ.</summary>
    /// <param name="policies">The effective definition of the policies that the queue goes by.</param>
    public static QueueSettings Of(QueueArguments arguments, PolicyDefinition policies) => new()
    {
        Type = arguments.Type,
        MessageTtlMs = Smaller(arguments.MessageTtlMs, policies.Integer("message-ttl")),
        ExpiresMs = ExpiresOf(arguments, policies.Integer("expires")),
        LengthMax = Math.Min(arguments.MaxLength ?? long.MaxValue, policies.Integer("max-length") ?? long.MaxValue),
        BytesMax = Math.Min(arguments.MaxLengthBytes ?? long.MaxValue, policies.Integer("max-length-bytes") ?? long.MaxValue),
        DeadLetterExchange = arguments.DeadLetterExchange ?? policies.Text("dead-letter-exchange"),
        DeadLetterRoutingKey = arguments.DeadLetterRoutingKey ?? policies.Text("dead-letter-routing-key"),
        ConsumerTimeoutMs = Smaller(arguments.ConsumerTimeoutMs, policies.Integer("consumer-timeout")),
        ConsumerTimeoutRequeues = (arguments.ConsumerTimeoutAction ?? policies.Text("consumer-timeout-action")) == "requeue",
        AtLeastOnce = (arguments.DeadLetterStrategy ?? policies.Text("dead-letter-strategy")) == "at-least-once",
        Retry = RetryOf(arguments, policies),
        DeliveryLimit = Limit(arguments.DeliveryLimit, policies.Integer("delivery-limit")),
        SingleActiveConsumer = arguments.SingleActiveConsumer,
        MaxPriority = arguments.MaxPriority,
        Deduplicates = arguments.Deduplicates,
        MessageGroups = arguments.MessageGroups,
        DispatchesToLeastLoaded = arguments.Dispatch == "least-loaded",
        Overflow = OverflowOf(arguments, Overflows.Parse(policies.Text("overflow"))),
        Mirrors = arguments.Type == QueueType.Quorum
            ? MirrorSettings.OfQuorum(policies.Integer("target-group-size") ?? arguments.InitialGroupSize ?? QuorumCopies)
            : MirrorSettings.Of(policies),
        IsTraced = policies.Find(PolicyKeys.Trace) is { ValueKind: JsonValueKind.True },
        LeaderLocator = arguments.LeaderLocator ?? policies.Text("queue-leader-locator") ?? policies.Text("queue-master-locator"),
    };

    /// <summary>This does not change.</summary>
    public QueueType Type { get; init; }

    /// <summary>This does not change.</summary>
    public QueueRole Role { get; init; }

    /// <summary>Milliseconds that a message may wait, or null (<c>x-message-ttl</c>).</summary>
    public long? MessageTtlMs { get; init; }

    /// <summary>Milliseconds that the queue stays while nothing uses it, or null (<c>x-expires</c>).</summary>
    public long? ExpiresMs { get; init; }

    /// <summary>So many messages may be ready (<c>x-max-length</c>).</summary>
    public long LengthMax { get; init; } = long.MaxValue;

    /// <summary>So many bytes may the bodies of ready messages have (<c>x-max-length-bytes</c>).</summary>
    public long BytesMax { get; init; } = long.MaxValue;

    public Overflow Overflow { get; init; }

    /// <summary>There is a limit of the length or of the bytes.</summary>
    public bool IsLimited => LengthMax < long.MaxValue || BytesMax < long.MaxValue;

    /// <summary>Where messages go that are rejected, expire or are beyond the length; null: they are gone (<c>x-dead-letter-exchange</c>).</summary>
    public string? DeadLetterExchange { get; init; }

    /// <summary>With this routing key instead of their own (<c>x-dead-letter-routing-key</c>).</summary>
    public string? DeadLetterRoutingKey { get; init; }

    /// <summary>Milliseconds in which consumers are to settle a delivery; null: as the node says (<c>consumer-timeout</c>).</summary>
    public long? ConsumerTimeoutMs { get; init; }

    /// <summary>A message that was not settled in time returns, and its channel goes on; if not, the channel is closed (<c>consumer-timeout-action</c>).</summary>
    public bool ConsumerTimeoutRequeues { get; init; }

    private bool AtLeastOnce { get; init; }

    /// <summary>Dead letters that no queue gets, or that one refuses, stay and are tried again (<c>x-dead-letter-strategy</c>). As in RabbitMQ only where
    /// publishers are refused when the queue is full, since it may fill with them.</summary>
    public bool RetriesDeadLetters => AtLeastOnce && Overflow == Overflow.RejectPublish;

    /// <summary>What a queue refuses that it is sent from here stays and is tried again. Of what was held back no publisher could hear any more.</summary>
    public bool RetriesRefused => RetriesDeadLetters || HoldsBack;

    /// <summary>Messages wait here before their exchange routes them.</summary>
    public bool HoldsBack => Role is QueueRole.Delays or QueueRole.Deduplication;

    /// <summary>So often may a message come back to the queue; one that comes back more often leaves it (<c>x-delivery-limit</c>).</summary>
    public long DeliveryLimit { get; init; } = long.MaxValue;

    /// <summary>How often messages came back is counted, and consumers are told.</summary>
    public bool CountsDeliveries => Type == QueueType.Quorum || DeliveryLimit < long.MaxValue || Retry.Type != RetryType.Disabled;

    /// <summary>How long messages wait before they are ready again after they came back.</summary>
    public RetryDelay Retry { get; init; }

    /// <summary>One consumer at a time gets messages (<c>x-single-active-consumer</c>). This does not change.</summary>
    public bool SingleActiveConsumer { get; init; }

    /// <summary>Messages of a higher priority leave first, up to this one; 0: all are equal (<c>x-max-priority</c>). This does not change.</summary>
    public byte MaxPriority { get; init; }

    /// <summary>Messages whose key one has that is in the queue are not taken (<c>x-message-deduplication</c>). This does not change.</summary>
    public bool Deduplicates { get; init; }

    /// <summary>Messages of one group go to one consumer at a time (<c>x-message-groups</c>). This does not change.</summary>
    public bool MessageGroups { get; init; }

    /// <summary>A message goes to the consumer that holds the fewest, and not to each in turn (<c>x-dispatch</c>). This does not change.</summary>
    public bool DispatchesToLeastLoaded { get; init; }

    /// <summary>Which mirrors it has in a cluster; null: none.</summary>
    public MirrorSettings? Mirrors { get; init; }

    /// <summary>On which node of a cluster it is to begin, or null: as the node says (<c>x-queue-leader-locator</c>, <c>x-queue-master-locator</c>).</summary>
    public string? LeaderLocator { get; init; }

    /// <summary>What becomes of its messages is kept, to be looked up by their ids (the policy key <c>trace</c>).</summary>
    public bool IsTraced { get; init; }

    /// <summary>The keys that an exchange remembers are not stored (<c>x-cache-persistence</c>).</summary>
    public bool KeysInMemory { get; init; }

    /// <summary>As in RabbitMQ, the argument of a classic queue wins over its policy, and the policy over the argument of a quorum queue.</summary>
    private static Overflow OverflowOf(QueueArguments arguments, Overflow? policy)
    {
        if (arguments.Type != QueueType.Quorum) return arguments.Overflow ?? policy ?? Overflow.DropHead;
        // A quorum queue has no third way, and goes on with the first.
        return (policy ?? arguments.Overflow) is Overflow.RejectPublish ? Overflow.RejectPublish : Overflow.DropHead;
    }

    /// <summary>As in RabbitMQ the policy says what waits, and of two times the smaller one holds; without a first one nothing waits.</summary>
    private static RetryDelay RetryOf(QueueArguments arguments, PolicyDefinition policies)
    {
        var type = RetryDelay.Parse(policies.Text("delayed-retry-type")) ?? arguments.RetryType ?? RetryType.Disabled;
        if (Smaller(arguments.RetryMinMs, policies.Integer("delayed-retry-min")) is not { } min || type == RetryType.Disabled) return default;
        var max = Smaller(arguments.RetryMaxMs, policies.Integer("delayed-retry-max")) ?? min;
        return new RetryDelay(type, min, max, policies.Integer("delayed-retry-multiplier") ?? arguments.RetryMultiplier ?? 0);
    }

    private static long? ExpiresOf(QueueArguments arguments, long? policy) =>
        arguments.Type == QueueType.Quorum && policy is not null ? Smaller(null, policy) : Smaller(arguments.ExpiresMs, policy);

    /// <summary>A negative one is none, as in RabbitMQ 4.</summary>
    private static long Limit(long? argument, long? policy) => Math.Min(
        argument is >= 0 and var given ? given : long.MaxValue, policy is >= 0 and var other ? other : long.MaxValue);

    /// <summary>Unlike an argument, a policy may ask for a longer time than there is.</summary>
    private static long? Smaller(long? argument, long? policy)
    {
        if (policy is { } asked) policy = Math.Min(asked, Limits.TimeToLiveMs);
        return argument is { } given && policy is { } other ? Math.Min(given, other) : argument ?? policy;
    }
}
