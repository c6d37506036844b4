using Amqp.Core.Records;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Messages.Index;

/// <summary>What a segment is still needed for.</summary>
internal sealed class SegmentUse(int number, long capacity)
{
    private int _pins;

    public int Number { get; } = number;

    public SegmentId Id => new(Number);

    /// <summary>Bytes on the disk.</summary>
    public long Capacity { get; } = capacity;

    /// <summary>Bytes of the records of messages and bodies that are needed, padding included.</summary>
    public long LiveBytes { get; set; }

    public int LiveRecords { get; set; }

    /// <summary>
    /// Segments with messages whose settlement stands here. As long as one of them is there this one must be, or those messages
    /// would come back.
    /// </summary>
    public HashSet<int> SettlesIn { get; } = [];

    /// <summary>Bytes of settlements.</summary>
    public long SettleBytes { get; set; }

    /// <summary>Some of its messages stand in a later segment too: it goes before any other does.</summary>
    public bool IsHalfMoved { get; set; }

    /// <summary>It is being read.</summary>
    public bool IsPinned => Volatile.Read(ref _pins) > 0;

    public void Pin() => Interlocked.Increment(ref _pins);

    /// <summary>From any thread.</summary>
    public void Unpin() => Interlocked.Decrement(ref _pins);
}

/// <summary>The segments and what each is needed for: which may be dropped, and which is worth merging.</summary>
internal sealed class SegmentTable
{
    /// <summary>Sealed segments below which nothing is merged: there is little to win.</summary>
    private const int SegmentsMin = 4;

    private readonly SortedDictionary<int, SegmentUse> _segments = [];

    public IEnumerable<SegmentUse> All => _segments.Values;

    public int Count => _segments.Count;

    /// <summary>The segment that is being written; null before the first and after the last.</summary>
    public SegmentUse? Current { get; set; }

    /// <summary>Something has changed that may let a segment go.</summary>
    public bool MayHaveDead { get; set; } = true;

    public long LiveBytes { get; private set; }

    public long Capacity { get; private set; }

    public SegmentUse Add(int number, long capacity)
    {
        var segment = new SegmentUse(number, capacity);
        _segments.Add(number, segment);
        Capacity += capacity;
        return segment;
    }

    public bool Contains(int number) => _segments.ContainsKey(number);

    public SegmentUse this[int number] => _segments[number];

    /// <summary>A record that is needed stands there.</summary>
    public void Use(int number, int length)
    {
        var segment = _segments[number];
        segment.LiveRecords++;
        segment.LiveBytes += RecordHeader.Padded(length);
        LiveBytes += RecordHeader.Padded(length);
    }

    /// <summary>It is not needed any more.</summary>
    public void Release(int number, int length)
    {
        var segment = _segments[number];
        segment.LiveBytes -= RecordHeader.Padded(length);
        LiveBytes -= RecordHeader.Padded(length);
        if (--segment.LiveRecords == 0) MayHaveDead = true;
    }

    /// <summary>A segment that can go now, or null. To be asked again when it is gone.</summary>
    /// <param name="merging">The one that is being merged: nothing else may go until it has, because its messages stand twice.</param>
    public SegmentUse? FindDead(SegmentUse? merging)
    {
        merging ??= _segments.Values.FirstOrDefault(segment => segment.IsHalfMoved);
        return merging is not null
            ? IsDead(merging) ? merging : null
            : _segments.Values.FirstOrDefault(IsDead);
    }

    public void Remove(SegmentUse segment)
    {
        _segments.Remove(segment.Number);
        Capacity -= segment.Capacity;
        foreach (var other in _segments.Values)
        {
            if (other.SettlesIn.Remove(segment.Number)) MayHaveDead = true;
        }
    }

    /// <summary>
    /// The segment whose merging wins most, if merging is worth it: when more than half of all bytes are not needed. One that is
    /// half moved comes first in any case.
    /// </summary>
    public SegmentUse? FindVictim()
    {
        SegmentUse? best = null;
        foreach (var segment in _segments.Values)
        {
            if (segment == Current) continue;
            if (segment.IsHalfMoved) return segment;
            if (best is null || Cost(segment) < Cost(best)) best = segment;
        }
        if (best is null || _segments.Count <= SegmentsMin || 2 * LiveBytes >= Capacity || 4 * Cost(best) > 3 * best.Capacity) return null;
        // Nothing but readers hold it: it goes by itself.
        return best.LiveRecords == 0 && best.SettlesIn.Count == 0 ? null : best;
    }

    private static long Cost(SegmentUse segment) => segment.LiveBytes + (segment.SettlesIn.Count > 0 ? segment.SettleBytes : 0);

    private bool IsDead(SegmentUse segment) =>
        segment != Current && segment.LiveRecords == 0 && segment.SettlesIn.Count == 0 && !segment.IsPinned;
}
