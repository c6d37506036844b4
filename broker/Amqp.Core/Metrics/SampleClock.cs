namespace Amqp.Core.Metrics;

/// <summary>
/// When samples were taken. Everything is sampled in the same passes, so their times are kept once; a pass is known by its number, and each
/// row of samples keeps those passes whose number is a multiple of its own:
/// <code>
///   every pass (5 s):       121 samples, 10 minutes       every 120th (10 min):   50, 8 hours
///   every 12th (1 min):      62 samples, 1 hour           every 360th (30 min):   50, 1 day
/// </code>
/// These are the intervals that RabbitMQ's charts ask for; where the window may begin between two samples there is one more.
/// </summary>
public sealed class SampleClock
{
    /// <summary>From one pass to the next.</summary>
    public const int IntervalMs = 5_000;

    /// <summary>Samples of all rows.</summary>
    internal const int Samples = 121 + 62 + 50 + 50;

    private static readonly Row[] Rows = [new(1, 121, 0), new(12, 62, 121), new(120, 50, 183), new(360, 50, 233)];

    private readonly long[] _times = new long[Samples];

    /// <summary>Number of the last pass; 0 when there was none.</summary>
    public long Pass { get; private set; }

    /// <summary>When that was, in the caller's milliseconds.</summary>
    public long NowMs { get; private set; }

    /// <summary>When the one before was.</summary>
    public long PreviousMs { get; private set; }

    /// <summary>Number of the last pass that is complete. What has no sample of it, or a later one, did nothing in it.</summary>
    public long Complete { get; private set; }

    /// <summary>What the wall clock, in milliseconds since 1970 UTC, was ahead of the caller's at that time.</summary>
    public long WallClockAheadMs { get; private set; }

    /// <summary>The pass is complete.</summary>
    public void End() => Complete = Pass;

    /// <summary>A pass begins.</summary>
    /// <param name="wallClockAheadMs">See <see cref="WallClockAheadMs"/>.</param>
    public void Begin(long nowMs, long wallClockAheadMs = 0)
    {
        (Pass, PreviousMs, NowMs, WallClockAheadMs) = (Pass + 1, NowMs, nowMs, wallClockAheadMs);
        foreach (var place in PlacesOf(Pass)) _times[place] = nowMs;
    }

    /// <summary>When the sample in that place was taken.</summary>
    internal long TimeAt(int place) => _times[place];

    /// <summary>Where a pass is kept, in each row that keeps it.</summary>
    internal static PlaceEnumerator PlacesOf(long pass) => new(pass);

    /// <summary>The pass, that is kept, with which a window of that length that ends now begins: a little before it rather than within.</summary>
    internal (long Pass, int Place) BeginOf(long windowMs)
    {
        var passes = (windowMs + IntervalMs - 1) / IntervalMs;
        var row = Rows[0];
        for (var index = 1; index < Rows.Length && passes >= (long)row.Every * row.Size; index++) row = Rows[index];
        // No row reaches farther back than its oldest sample.
        var oldest = (Pass / row.Every) - row.Size + 1;
        var sample = Math.Max((Pass - passes) / row.Every, Math.Max(0, oldest));
        return (sample * row.Every, row.Begin + (int)(sample % row.Size));
    }

    internal struct PlaceEnumerator(long pass)
    {
        private int _row = -1;

        public readonly int Current => Rows[_row].Begin + (int)(pass / Rows[_row].Every % Rows[_row].Size);

        public readonly PlaceEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            while (++_row < Rows.Length)
            {
                if (pass % Rows[_row].Every == 0) return true;
            }
            return false;
        }
    }

    /// <summary>Samples of one interval.</summary>
    /// <param name="Every">Passes from one to the next.</param>
    /// <param name="Size">How many are kept.</param>
    /// <param name="Begin">Where they begin among all.</param>
    private readonly record struct Row(int Every, int Size, int Begin);
}
