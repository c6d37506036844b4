using Amqp.Core.Policies;
using Amqp.Core.Topology;

namespace Amqp.Core.Queues;

/// <summary>What a queue goes by while it runs. It can change then: a message has the time to live of the moment it arrived in.</summary>
public sealed record QueueSettings
{
    /// <summary>Nothing is set.</summary>
    public static QueueSettings None { get; } = new();

    /// <summary>What arguments and policies make together: of the two limits the smaller one, as in RabbitMQ.</summary>
    /// <param name="policies">The effective definition of the policies that the queue goes by.</param>
    public static QueueSettings Of(QueueArguments arguments, PolicyDefinition policies) => new()
    {
        MessageTtlMs = Smaller(arguments.MessageTtlMs, policies.Integer("message-ttl")),
        ExpiresMs = Smaller(arguments.ExpiresMs, policies.Integer("expires")),
        LengthMax = Math.Min(arguments.MaxLength ?? long.MaxValue, policies.Integer("max-length") ?? long.MaxValue),
        BytesMax = Math.Min(arguments.MaxLengthBytes ?? long.MaxValue, policies.Integer("max-length-bytes") ?? long.MaxValue),
        DeadLetterExchange = arguments.DeadLetterExchange ?? policies.Text("dead-letter-exchange"),
        DeadLetterRoutingKey = arguments.DeadLetterRoutingKey ?? policies.Text("dead-letter-routing-key"),
        SingleActiveConsumer = arguments.SingleActiveConsumer,
        MaxPriority = arguments.MaxPriority,
        Overflow = OverflowOf(arguments, Overflows.Parse(policies.Text("overflow"))),
    };

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

    /// <summary>One consumer at a time gets messages (<c>x-single-active-consumer</c>). This does not change.</summary>
    public bool SingleActiveConsumer { get; init; }

    /// <summary>Messages of a higher priority leave first, up to this one; 0: all are equal (<c>x-max-priority</c>). This does not change.</summary>
    public byte MaxPriority { get; init; }

    /// <summary>As in RabbitMQ, the argument of a classic queue wins over its policy, and the policy over the argument of a quorum queue.</summary>
    private static Overflow OverflowOf(QueueArguments arguments, Overflow? policy) =>
        (arguments.Type == QueueType.Quorum ? policy ?? arguments.Overflow : arguments.Overflow ?? policy) ?? Overflow.DropHead;

    /// <summary>Unlike an argument, a policy may ask for a longer time than there is.</summary>
    private static long? Smaller(long? argument, long? policy)
    {
        if (policy is { } asked) policy = Math.Min(asked, Limits.TimeToLiveMs);
        return argument is { } given && policy is { } other ? Math.Min(given, other) : argument ?? policy;
    }
}
