namespace Amqp.Core.Metrics;

/// <summary>
/// Which part of the time the consumers of a queue could take messages: an average that forgets half of the past in a second, as RabbitMQ's consumer_capacity
/// (<c>rabbit_queue_consumers</c>). They cannot while messages are ready that none of them takes, because of prefetch or of a slow connection.
/// </summary>
/// <param name="SinceMs">When that began.</param>
/// <param name="CanTake">They can at this moment.</param>
/// <param name="CouldMs">If they cannot: for how long they could, before.</param>
/// <param name="Average">From 0 to 1, of what was before that.</param>
public readonly record struct ConsumerUse(long SinceMs, bool CanTake, long CouldMs, double Average)
{
    private const double HalfLifeMs = 1_000;

    public static ConsumerUse Beginning(long nowMs) => new(nowMs, CanTake: true, CouldMs: 0, Average: 1);

    /// <summary>It goes on, with consumers who can take messages, or cannot.</summary>
    public ConsumerUse With(bool canTake, long nowMs)
    {
        if (canTake == CanTake) return this;
        return canTake ? new(nowMs, canTake, CouldMs: 0, At(nowMs)) : new(nowMs, canTake, CouldMs: nowMs - SinceMs, Average);
    }

    /// <summary>The average up to now, from 0 to 1.</summary>
    public double At(long nowMs) => CanTake ? With(nowMs - SinceMs, couldNotMs: 0) : With(CouldMs, nowMs - SinceMs);

    private double With(long couldMs, long couldNotMs)
    {
        var time = couldMs + couldNotMs;
        if (time == 0) return Average;
        var weight = Math.Exp(time * Math.Log(0.5) / HalfLifeMs);
        return ((double)couldMs / time * (1 - weight)) + (Average * weight);
    }
}
