namespace Amqp.Core.Metrics;

/// <summary>A value of the past.</summary>
/// <param name="AtMs">Milliseconds since 1970 UTC.</param>
public readonly record struct Sample(long AtMs, long Value);

/// <summary>Which values of the past are wanted: those of now and of each increment before.</summary>
/// <param name="AgeSeconds">Up to so long ago; above 0.</param>
/// <param name="IncrementSeconds">From one to the next; above 0. Fewer than were asked for are there where samples are farther apart.</param>
public sealed record SampleRange(int AgeSeconds, int IncrementSeconds)
{
    internal long AgeMs => AgeSeconds * 1_000L;

    internal long IncrementMs => IncrementSeconds * 1_000L;
}
