namespace Amqp.Core.Metrics;

/// <summary>What was counted for one object, and how fast it went, as of the last pass of the sampler of its node.</summary>
public interface IReading
{
    /// <summary>The value as of the last pass.</summary>
    long this[Measure measure] { get; }

    /// <summary>How many a second, in the last interval.</summary>
    double Rate(Measure measure);
}
