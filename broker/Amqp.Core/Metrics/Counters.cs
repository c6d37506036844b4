using System.Runtime.CompilerServices;

namespace Amqp.Core.Metrics;

/// <summary>
/// Numbers that their owner counts up, and any thread reads without asking. Plain additions: each measure is counted by one thread at a
/// time, and a reader may be some nanoseconds behind.
/// </summary>
public sealed class Counters
{
    /// <summary>How many measures there are.</summary>
    public const int Size = (int)Measure.BytesSent + 1;

    private Values _values;

    /// <summary>The count as of now.</summary>
    public long this[Measure measure] => Volatile.Read(ref _values[(int)measure]);

    /// <summary>Counts something; by the owner of the measure.</summary>
    public void Add(Measure measure, long count = 1) => _values[(int)measure] += count;

    /// <summary>Counts a message that was handed out.</summary>
    /// <param name="how">One of the four measures of that.</param>
    public void AddHandedOut(Measure how, bool redelivered)
    {
        Add(how);
        if (redelivered) Add(Measure.Redelivered);
    }

    /// <summary>Adds all counts to others, one for each measure in order.</summary>
    public void AddTo(Span<long> sums)
    {
        for (var index = 0; index < Size; index++) sums[index] += Volatile.Read(ref _values[index]);
    }

    [InlineArray(Size)]
    private struct Values
    {
        private long _first;
    }
}
