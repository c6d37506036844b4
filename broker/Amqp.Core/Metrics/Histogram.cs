namespace Amqp.Core.Metrics;

/// <summary>How often values were how large. One thread adds, any thread reads.</summary>
/// <param name="bounds">Up to where each bucket goes, inclusive, ascending; what is larger is in one more.</param>
public sealed class Histogram(params double[] bounds)
{
    private readonly long[] _counts = new long[bounds.Length + 1];
    private double _sum;

    // What was added to another one so far.
    private long[]? _told;
    private double _sumTold;

    /// <summary>Up to where each bucket goes, but for the last one.</summary>
    public ReadOnlySpan<double> Bounds => bounds;

    /// <summary>Of all values.</summary>
    public double Sum => Volatile.Read(ref _sum);

    /// <summary>How many values are in a bucket, and in none before it.</summary>
    public long CountIn(int bucket) => Volatile.Read(ref _counts[bucket]);

    public void Add(double value)
    {
        var bucket = 0;
        while (bucket < bounds.Length && value > bounds[bucket]) bucket++;
        Volatile.Write(ref _counts[bucket], _counts[bucket] + 1);
        Volatile.Write(ref _sum, _sum + value);
    }

    /// <summary>Adds what another one with the same bounds has counted since this was called for it last.</summary>
    public void AddNewOf(Histogram other)
    {
        other._told ??= new long[_counts.Length];
        for (var bucket = 0; bucket < _counts.Length; bucket++)
        {
            var count = other.CountIn(bucket);
            Volatile.Write(ref _counts[bucket], _counts[bucket] + count - other._told[bucket]);
            other._told[bucket] = count;
        }
        var sum = other.Sum;
        Volatile.Write(ref _sum, _sum + sum - other._sumTold);
        other._sumTold = sum;
    }
}
