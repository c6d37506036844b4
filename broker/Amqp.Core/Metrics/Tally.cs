namespace Amqp.Core.Metrics;

/// <summary>How often something happened since the node started, and how fast it goes. Counted and read from any thread.</summary>
public sealed class Tally
{
    private long _count;
    private long _sampled;
    private double _rate;

    public long Count => Volatile.Read(ref _count);

    /// <summary>How many a second, in the last interval between samples.</summary>
    public double Rate => Volatile.Read(ref _rate);

    public void Add(long count = 1) => Interlocked.Add(ref _count, count);

    /// <summary>Takes a sample; for the sampler.</summary>
    /// <param name="intervalMs">Since the last one.</param>
    public void Sample(long intervalMs)
    {
        var count = Count;
        Volatile.Write(ref _rate, intervalMs > 0 ? (count - _sampled) * 1000.0 / intervalMs : 0);
        _sampled = count;
    }
}
