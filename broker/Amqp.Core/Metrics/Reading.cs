using System.Collections.Immutable;

namespace Amqp.Core.Metrics;

/// <summary>A <see cref="Meter"/> at one moment, as another node has told it. Equal to another one with the same numbers.</summary>
public sealed class Reading : IReading, IEquatable<Reading>
{
    /// <summary>Nothing was counted.</summary>
    public static readonly Reading Nothing = new([]);

    private readonly ImmutableArray<Measured> _values;

    /// <param name="values">What is not 0, in the order of the measures.</param>
    public Reading(ImmutableArray<Measured> values) => _values = values;

    /// <summary>What is not 0, in the order of the measures.</summary>
    public ImmutableArray<Measured> Values => _values;

    public long this[Measure measure] => Find(measure).Count;

    public double Rate(Measure measure) => Find(measure).Rate;

    /// <summary>What a meter shows at this moment.</summary>
    public static Reading Of(Meter meter)
    {
        if (meter.IsIdle) return Nothing;
        var values = ImmutableArray.CreateBuilder<Measured>();
        for (var measure = Measure.Published; measure <= Measure.Unacked; measure++)
        {
            var measured = new Measured(measure, meter[measure], Math.Round(meter.Rate(measure), 1));
            if (measured is not { Count: 0, Rate: 0 }) values.Add(measured);
        }
        return new Reading(values.DrainToImmutable());
    }

    public bool Equals(Reading? other) => other is not null && _values.AsSpan().SequenceEqual(other._values.AsSpan());

    public override bool Equals(object? obj) => Equals(obj as Reading);

    public override int GetHashCode() => _values.Length;

    private Measured Find(Measure measure)
    {
        foreach (var value in _values)
        {
            if (value.Measure == measure) return value;
        }
        return default;
    }

    /// <param name="Rate">A second.</param>
    public readonly record struct Measured(Measure Measure, long Count, double Rate);
}
