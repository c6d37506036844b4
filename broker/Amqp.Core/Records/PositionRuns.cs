namespace Amqp.Core.Records;

/// <summary>Positions in a row.</summary>
public readonly record struct PositionRun(long First, long Count)
{
    /// <summary>The position behind the last.</summary>
    public long End => First + Count;
}

/// <summary>
/// Ascending positions in few bytes: runs, each two varints, positions left out since the run before and positions taken. What the first one
/// is counted from stands elsewhere, being large: the position of the record.
/// <code>
/// 7 8 9 12      ->   from 7:   0 3   2 1
/// </code>
/// </summary>
public static class PositionRuns
{
    /// <summary>Bytes that these runs take at most.</summary>
    public static int SizeMax(ReadOnlySpan<PositionRun> runs) => checked(runs.Length * 2 * Varint.SizeMax);

    /// <summary>Writes them; returns how many bytes it took.</summary>
    /// <param name="first">What the first one is counted from.</param>
    /// <param name="runs">Ascending, not overlapping.</param>
    public static int Write(Span<byte> destination, long first, ReadOnlySpan<PositionRun> runs)
    {
        var written = 0;
        var end = first;
        foreach (var run in runs)
        {
            written += Varint.Write(destination[written..], (ulong)(run.First - end));
            written += Varint.Write(destination[written..], (ulong)run.Count);
            end = run.End;
        }
        return written;
    }

    /// <summary>Reads the first run and steps over it.</summary>
    /// <param name="end">Where the run before it ended; before the first what that is counted from.</param>
    /// <returns>False: there is none; or what is there is none, which a right checksum rules out.</returns>
    public static bool TryRead(ref ReadOnlySpan<byte> runs, ref long end, out PositionRun run)
    {
        run = default;
        if (!Varint.TryRead(ref runs, out var left) || !Varint.TryRead(ref runs, out var taken)) return false;
        run = new PositionRun(end + (long)left, (long)taken);
        end = run.End;
        return true;
    }
}
