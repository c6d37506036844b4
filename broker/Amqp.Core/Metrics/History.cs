namespace Amqp.Core.Metrics;

/// <summary>
/// What one object's measures were in the passes that <see cref="SampleClock"/> keeps. A measure that never changed costs nothing; one that
/// did costs <see cref="ColumnBytes"/>.
/// </summary>
/// <param name="clock">Tells the passes.</param>
/// <param name="first">The values with which it begins, as of the pass before the current one.</param>
internal sealed class History(SampleClock clock, ReadOnlySpan<long> first)
{
    /// <summary>What a measure takes.</summary>
    public const int ColumnBytes = SampleClock.Samples * sizeof(long);

    private readonly long[] _first = first.ToArray();
    private readonly long _firstPass = clock.Pass - 1;
    private readonly long _firstMs = clock.PreviousMs;
    private readonly long[]?[] _columns = new long[]?[first.Length];

    /// <summary>About, with what is around it.</summary>
    public long Bytes { get; private set; } = 4 * sizeof(long) * first.Length;

    /// <summary>Takes the values of the current pass.</summary>
    public void Add(ReadOnlySpan<long> values)
    {
        for (var measure = 0; measure < values.Length; measure++)
        {
            ref var column = ref _columns[measure];
            if (column is null)
            {
                if (values[measure] == _first[measure]) continue;
                column = new long[SampleClock.Samples];
                Array.Fill(column, _first[measure]);
                Bytes += ColumnBytes;
            }
            foreach (var place in SampleClock.PlacesOf(clock.Pass)) column[place] = values[measure];
        }
    }

    /// <summary>How many a second, from the beginning of a window to the last pass, or for as long as there is a history.</summary>
    /// <param name="now">The value of the last pass.</param>
    public double Rate(Measure measure, long now, long windowMs)
    {
        if (_columns[(int)measure] is not { } column) return 0;
        var (pass, place) = clock.BeginOf(windowMs);
        var (value, ms) = pass > _firstPass ? (column[place], clock.TimeAt(place)) : (_first[(int)measure], _firstMs);
        return clock.NowMs > ms ? (now - value) * 1000.0 / (clock.NowMs - ms) : 0;
    }

    /// <summary>Values of the past, the newest first; as far back as there is a history.</summary>
    /// <param name="now">The value of the last pass.</param>
    public List<Sample> Samples(Measure measure, long now, SampleRange range)
    {
        var samples = new List<Sample> { new(clock.NowMs + clock.WallClockAheadMs, now) };
        for (var (ago, last) = (range.IncrementMs, clock.Pass); ago <= range.AgeMs; ago += range.IncrementMs)
        {
            var (pass, place) = clock.BeginOf(ago);
            if (pass == last) continue; // there are fewer than were asked for
            last = pass;
            var isFirst = pass <= _firstPass;
            var value = isFirst ? _first[(int)measure] : _columns[(int)measure]?[place] ?? _first[(int)measure];
            samples.Add(new Sample((isFirst ? _firstMs : clock.TimeAt(place)) + clock.WallClockAheadMs, value));
            if (isFirst) break;
        }
        return samples;
    }
}
