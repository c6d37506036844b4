using System.Runtime.InteropServices;
using Amqp.Core.Records;
using Amqp.Storage.Messages.Index;

namespace Amqp.Storage.Messages.Writing;

/// <summary>
/// Settlements of messages that are on the disk (or what was delivered of them), until they are written: as runs by queue and
/// segment. Those of one queue and segment become one record.
/// </summary>
internal sealed class Settlements
{
    /// <summary>Runs that one record takes at most, so that no record grows beyond what a segment has room for.</summary>
    private const int RunsPerRecord = 4096;

    /// <summary>A list that grew beyond this in a burst is replaced afterwards.</summary>
    private const int CapacityKept = 65_536;

    private readonly List<(QueueIndex Queue, int Segment, PositionRun Run)> _waiting = [];
    private readonly List<PositionRun> _runs = [];

    public bool IsEmpty => _waiting.Count == 0;

    /// <summary>Writes one record.</summary>
    public delegate void Write(QueueIndex queue, int segment, ReadOnlySpan<PositionRun> runs);

    public void Add(QueueIndex queue, int segment, PositionRun run)
    {
        if (_waiting.Count > 0)
        {
            ref var last = ref CollectionsMarshal.AsSpan(_waiting)[^1];
            if (last.Queue == queue && last.Segment == segment && last.Run.End == run.First)
            {
                last.Run = last.Run with { Count = last.Run.Count + run.Count };
                return;
            }
        }
        _waiting.Add((queue, segment, run));
    }

    /// <summary>Writes them; what finds no room stays.</summary>
    /// <param name="isNeeded">Says of a queue and segment whether settlements there still mean something.</param>
    /// <param name="ensureRoom">Makes sure of room for that many bytes of one record more. False: there is none.</param>
    public void WriteTo(Write write, Func<QueueIndex, int, bool> isNeeded, Func<int, bool> ensureRoom)
    {
        if (_waiting.Count > 1) _waiting.Sort(InOrder);
        var index = 0;
        while (index < _waiting.Count)
        {
            var (queue, segment, _) = _waiting[index];
            _runs.Clear();
            var end = index;
            for (; end < _waiting.Count && _waiting[end].Queue == queue && _waiting[end].Segment == segment && _runs.Count < RunsPerRecord; end++)
                AddRun(_waiting[end].Run);
            if (isNeeded(queue, segment))
            {
                var runs = CollectionsMarshal.AsSpan(_runs);
                if (!ensureRoom(RecordHeader.Size + 16 + PositionRuns.SizeMax(runs))) break;
                write(queue, segment, runs);
            }
            index = end;
        }
        _waiting.RemoveRange(0, index);
        if (_waiting.Count == 0 && _waiting.Capacity > CapacityKept) _waiting.Capacity = 0;
    }

    private void AddRun(PositionRun run)
    {
        if (_runs.Count > 0 && _runs[^1].End == run.First) _runs[^1] = _runs[^1] with { Count = _runs[^1].Count + run.Count };
        else _runs.Add(run);
    }

    private static int InOrder((QueueIndex Queue, int Segment, PositionRun Run) one, (QueueIndex Queue, int Segment, PositionRun Run) other)
    {
        var order = one.Queue.Id.Value.CompareTo(other.Queue.Id.Value);
        if (order == 0) order = one.Segment.CompareTo(other.Segment);
        return order != 0 ? order : one.Run.First.CompareTo(other.Run.First);
    }
}
