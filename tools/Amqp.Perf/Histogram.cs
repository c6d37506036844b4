using System.Numerics;

namespace Amqp.Perf;

/// <summary>
/// Counts durations in buckets whose width grows with the value: exact below 256 ns, within 1/128 above. One thread records;
/// others may copy it meanwhile and are at most a few values behind.
/// <code>
/// bucket   0 .. 255    256 .. 383          384 .. 511          ...
/// value    0 .. 255    256 .. 511 by 2s    512 .. 1023 by 4s   ... up to 2^41 ns, about 36 minutes
/// </code>
/// </summary>
internal sealed class Histogram
{
    private const int HalfBits = 7;
    private const int Half = 1 << HalfBits;
    private const int ValueBits = 41;
    private const long ValueMax = (1L << ValueBits) - 1;

    private readonly long[] _counts = new long[(ValueBits - HalfBits + 1) * Half];

    public long Count { get; private set; }

    public void Record(long nanoseconds)
    {
        _counts[BucketOf(Math.Clamp(nanoseconds, 0, ValueMax))]++;
        Count++;
    }

    public void Add(Histogram other)
    {
        for (var i = 0; i < _counts.Length; i++) _counts[i] += other._counts[i];
        Count = _counts.Sum();
    }

    public Histogram Since(Histogram earlier)
    {
        var difference = new Histogram();
        for (var i = 0; i < _counts.Length; i++) difference._counts[i] = _counts[i] - earlier._counts[i];
        difference.Count = difference._counts.Sum();
        return difference;
    }

    /// <summary>The duration, nanoseconds, that this share of the values does not exceed; 0 without values.</summary>
    /// <param name="share">0.99 for the 99th percentile, 1 for the maximum.</param>
    public long Percentile(double share)
    {
        var left = Math.Max(1, (long)Math.Ceiling(Count * share));
        for (var i = 0; i < _counts.Length; i++)
        {
            left -= _counts[i];
            if (left <= 0) return UpperEdgeOf(i);
        }
        return 0;
    }

    private static int BucketOf(long value)
    {
        var shift = Math.Max(0, BitOperations.Log2((ulong)value) - HalfBits);
        return (shift << HalfBits) + (int)(value >> shift);
    }

    private static long UpperEdgeOf(int bucket)
    {
        var shift = Math.Max(0, (bucket >> HalfBits) - 1);
        return ((bucket - ((long)shift << HalfBits) + 1) << shift) - 1;
    }
}
