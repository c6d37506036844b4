namespace Amqp.Core.Queues;

/// <summary>Which messages wait before they are ready again after they came back (<c>x-delayed-retry-type</c>).</summary>
public enum RetryType : byte
{
    /// <summary>None.</summary>
    Disabled,

    /// <summary>Those that a consumer has sent back, and those whose consumer went or was too slow.</summary>
    All,

    /// <summary>Those whose consumer went, or was too slow.</summary>
    Failed,

    /// <summary>Those that a consumer has sent back.</summary>
    Returned,
}

/// <summary>How long messages wait before they are ready again. The rules are those of RabbitMQ 4.3's quorum queues.</summary>
/// <param name="MinMs">After the first time.</param>
/// <param name="MaxMs">At most.</param>
/// <param name="Multiplier">Each wait is so many times as long as the one before; 0: the second is twice the first, the third three times, as in
/// RabbitMQ.</param>
public readonly record struct RetryDelay(RetryType Type, long MinMs, long MaxMs, long Multiplier)
{
    /// <summary>Milliseconds that a message waits; 0: it is ready at once.</summary>
    /// <param name="count">How often it came back.</param>
    /// <param name="settlement">How it came back.</param>
    public long DelayMs(int count, Settlement settlement)
    {
        var waits = Type switch
        {
            RetryType.Disabled => false,
            RetryType.Failed => settlement == Settlement.Abandon,
            RetryType.Returned => settlement == Settlement.Requeue,
            _ => true,
        };
        if (!waits) return 0;
        // Doubles do not overflow, and beyond what they tell apart the maximum holds.
        var times = Multiplier == 0 ? count : Math.Pow(Multiplier, count - 1);
        return (long)Math.Min(MinMs * times, MaxMs);
    }

    /// <summary>Null: it is none of them.</summary>
    internal static RetryType? Parse(string? text) => text switch
    {
        "disabled" => RetryType.Disabled,
        "all" => RetryType.All,
        "failed" => RetryType.Failed,
        "returned" => RetryType.Returned,
        _ => null,
    };
}
