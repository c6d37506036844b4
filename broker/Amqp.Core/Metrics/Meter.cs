namespace Amqp.Core.Metrics;

/// <summary>
/// What was counted for one object as of the last pass of the sampler, and how fast it went. The sampler writes, any thread reads.
/// Something that is idle costs next to nothing: two arrays come with the first count, a history with the sampler's leave.
/// </summary>
/// <param name="clock">Tells the passes.</param>
/// <remarks>A leaf lock, because the sampler and readers meet here; never held while calling out.</remarks>
public sealed class Meter(SampleClock clock) : IReading
{
    private readonly Lock _lock = new();
    private readonly long _bornInPass = clock.Pass;
    private long[]? _last;
    private long[]? _before;
    private long _lastPass;
    private History? _history;

    /// <summary>Number of the last pass in which more had changed than bytes; 0: none yet. For the sampler.</summary>
    public long ActiveInPass { get; private set; }

    /// <summary>Nothing was ever counted.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_lock) return _last is null;
        }
    }

    /// <summary>When it last did more than move bytes, or came to life if it never did: milliseconds since 1970 UTC, as exact as passes are. Null: that was in the last pass.</summary>
    public long? IdleSinceMs
    {
        get
        {
            lock (_lock)
            {
                var last = Math.Max(ActiveInPass, _bornInPass);
                return last >= clock.Complete ? null : clock.NowMs + clock.WallClockAheadMs - ((clock.Complete - last) * SampleClock.IntervalMs);
            }
        }
    }

    /// <summary>Memory that its history takes, 0 when it has none. For the sampler.</summary>
    public long HistoryBytes => _history?.Bytes ?? 0;

    /// <summary>The value as of the last pass.</summary>
    public long this[Measure measure]
    {
        get
        {
            lock (_lock) return _last?[(int)measure] ?? 0;
        }
    }

    /// <summary>Takes the values of the current pass, one for each measure in order. Something that did nothing need not be told so, unless it
    /// has a history.</summary>
    /// <param name="changes">What they differ by from those of the pass before.</param>
    /// <param name="keepsHistory">A history may begin, if more than bytes differ and there is none.</param>
    /// <returns>Whether something differs.</returns>
    public bool Take(ReadOnlySpan<long> values, Span<long> changes, bool keepsHistory)
    {
        lock (_lock)
        {
            if (_last is null && !values.ContainsAnyExcept(0))
            {
                changes.Clear();
                return false;
            }
            var (last, before) = (_before ?? new long[values.Length], _last ?? new long[values.Length]);
            (_last, _before, _lastPass) = (last, before, clock.Pass);
            for (var measure = 0; measure < values.Length; measure++)
            {
                last[measure] = values[measure];
                changes[measure] = values[measure] - before[measure];
            }
            // Bytes alone are heartbeats, and a connection that has nothing else to tell is idle.
            if (changes[..(int)Measure.BytesReceived].ContainsAnyExcept(0))
            {
                ActiveInPass = clock.Pass;
                if (keepsHistory) _history ??= new History(clock, before);
            }
            _history?.Add(values);
            return changes.ContainsAnyExcept(0);
        }
    }

    /// <summary>Forgets how it went before the last pass but one.</summary>
    public void DropHistory()
    {
        lock (_lock) _history = null;
    }

    /// <summary>How many a second, in the last interval.</summary>
    public double Rate(Measure measure)
    {
        lock (_lock)
        {
            if (_last is null || _lastPass < clock.Complete || clock.NowMs == clock.PreviousMs) return 0;
            return (_last[(int)measure] - _before![(int)measure]) * 1000.0 / (clock.NowMs - clock.PreviousMs);
        }
    }

    /// <summary>How many a second, on the average of a window that ends with the last pass.</summary>
    /// <param name="windowMs">From 5 s to 24 h; of something that came to life within it, the time since then.</param>
    /// <returns>Null: it has no history, because it is idle or there was no room for one.</returns>
    public double? Rate(Measure measure, long windowMs)
    {
        lock (_lock) return _history?.Rate(measure, _last![(int)measure], windowMs);
    }

    /// <summary>Values of the past, the newest first.</summary>
    /// <returns>The last value alone if it has no history, because it is idle or there was no room for one.</returns>
    public List<Sample> Samples(Measure measure, SampleRange range)
    {
        lock (_lock)
        {
            var now = _last?[(int)measure] ?? 0;
            return _history?.Samples(measure, now, range) ?? [new Sample(clock.NowMs + clock.WallClockAheadMs, now)];
        }
    }
}
