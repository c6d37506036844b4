namespace Amqp.Replication;

/// <summary>
/// Which messages a copy has never had, so far as it knows. All others below the end of what it had when its session began it may have had and settled, and its store has to be
/// told so when its leader gives it one of them again (<see cref="Core.Records.StoreRecord.MayHaveBeenHere"/>). That is never wrong, but it costs memory; and a copy that is interrupted while it joins
/// lacks millions that it never had, below messages that arrived meanwhile:
/// <code>
///            had before   |  came by parts  |  not described yet   |  came by batches
/// positions  0 ... ... begin ............ described ........... batches ............ end
///            in doubt        or is lacked      never here              in doubt
/// </code>
/// It outlives sessions and epochs; a start of the node begins with all in doubt.
/// </summary>
internal sealed class Absences
{
    private readonly HashSet<long> _lacked = [];
    private readonly List<(long From, long To)> _gaps = [];
    private long _begin;
    private long _described;

    // From here on messages came in the session as they entered at the leader; before the first session anything may have.
    private long _batches;

    /// <summary>A session begins.</summary>
    /// <param name="end">Above every message that ever was here.</param>
    public void Begin(long end)
    {
        _gaps.Add((_begin, Math.Min(_batches, end)));
        for (var index = 0; index < _gaps.Count; index++) _gaps[index] = (Math.Max(_gaps[index].From, _described), _gaps[index].To);
        _gaps.RemoveAll(gap => gap.From >= gap.To);
        (_begin, _described, _batches) = (end, 0, long.MaxValue);
    }

    /// <summary>The copy leads, and gives positions itself from this one on.</summary>
    public void Leads(long end) => _batches = Math.Min(_batches, end);

    /// <summary>Its leader has told it of all below this position.</summary>
    public void Described(long end) => _described = Math.Max(_described, end);

    /// <summary>Its leader has a message there, and it has none.</summary>
    public void Lacks(long position)
    {
        if (!MayHaveBeenHere(position)) _lacked.Add(position);
    }

    /// <summary>A message arrives.</summary>
    /// <param name="isNew">It has just entered at the leader, and so have all that come like this.</param>
    /// <returns>It may have been here before.</returns>
    public bool Arrives(long position, bool isNew)
    {
        if (isNew) _batches = Math.Min(_batches, position);
        var mayHaveBeenHere = MayHaveBeenHere(position);
        _lacked.Remove(position);
        return mayHaveBeenHere;
    }

    /// <summary>It lacks nothing.</summary>
    public void Complete()
    {
        _lacked.Clear();
        _gaps.Clear();
    }

    private bool MayHaveBeenHere(long position)
    {
        if (position >= _begin || _lacked.Contains(position)) return false;
        foreach (var (from, to) in _gaps)
        {
            if (position >= from && position < to) return false;
        }
        return true;
    }
}
