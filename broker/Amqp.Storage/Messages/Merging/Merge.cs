using Amqp.Core.Records;
using Amqp.Core.Topology;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Messages.Reading;
using Amqp.Storage.Messages.Recovering;
using Amqp.Storage.Messages.Writing;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Messages.Merging;

/// <summary>
/// Gives sparse segments back: copies what is still needed of one to the end of the store, a little with each group so that
/// nothing waits for it, and lets it go.
/// <para>
/// Needed are messages and bodies that are not settled, and settlements of messages whose segment is still there. As long as
/// it is under way nothing else is given back: a copy whose settlement went while the original is still there would bring the
/// message back.
/// </para>
/// </summary>
internal sealed class Merge(ISegmentEngine engine, StoreState state, Damages damages)
{
    /// <summary>Bytes copied at a time.</summary>
    private const int StepBytes = 1 << 20;

    private readonly SegmentEntries _entries = new(engine);
    private readonly List<Needed> _needed = [];
    private int _next;
    private byte[] _window = [];
    private long _windowStart;
    private int _windowLength;

    /// <summary>The segment that is being copied, or waits for its last readers.</summary>
    public SegmentUse? Victim { get; private set; }

    /// <summary>There is something to copy.</summary>
    public bool IsUnderWay => Victim is not null && _next < _needed.Count;

    /// <summary>Copies a little, if merging is worth it. True: something was collected.</summary>
    /// <param name="ensureRoom">Makes sure of room for a record of that many bytes. False: there is none, and merging waits.</param>
    public bool TryStep(BlobBuilder blob, Func<int, bool> ensureRoom)
    {
        if (Victim is null && !TryBegin()) return false;
        var copied = 0;
        for (; _next < _needed.Count && copied < StepBytes; _next++)
        {
            var needed = _needed[_next];
            if (!IsNeeded(needed, out var slot)) continue;
            if (!ensureRoom(RecordHeader.Padded(needed.Length))) break;
            Copy(blob, needed, slot);
            copied += needed.Length;
        }
        if (_next == _needed.Count) Finished();
        return copied > 0;
    }

    /// <summary>A segment is gone.</summary>
    public void Dropped(SegmentUse segment)
    {
        if (segment == Victim) Victim = null;
    }

    private bool TryBegin()
    {
        if (state.Segments.FindVictim() is not { } victim) return false;
        Victim = victim;
        _needed.Clear();
        _next = 0;
        _windowLength = 0;
        _entries.Read(victim.Id, Note);
        return true;
    }

    private void Note(in IndexEntry entry)
    {
        var needed = new Needed(entry.Type, entry.Queue, entry.Position, entry.Segment, entry.Offset, entry.Length);
        if (IsNeeded(needed, out _)) _needed.Add(needed);
    }

    private bool IsNeeded(in Needed needed, out int slot)
    {
        slot = -1;
        switch (needed.Type)
        {
            case RecordType.Enqueue or RecordType.EnqueueAgain or RecordType.Page:
                // A page may be where a stored message was; keys tell the others apart.
                return state.Queues.TryGetValue(needed.Queue, out var queue) && queue.Find(needed.Position) is { IsPending: false } location
                    && location.Segment == Victim!.Number && location.IsPage == (needed.Type == RecordType.Page) && (location.IsShared || location.Offset == needed.Offset);
            case RecordType.Change:
                return state.Queues.TryGetValue(needed.Queue, out var changed) && changed.TryFindChange(needed.Position, out var change)
                    && change.Location.Segment == Victim!.Number && change.Location.Offset == needed.Offset;
            case RecordType.Body:
                return state.Bodies.TryFind(needed.Position, out slot)
                    && state.Bodies[slot].Segment == Victim!.Number && state.Bodies[slot].Offset == needed.Offset;
            case RecordType.Settle:
                return needed.Segment != Victim!.Number && needed.Segment <= int.MaxValue && state.Segments.Contains((int)needed.Segment)
                    && state.Queues.ContainsKey(needed.Queue);
            default:
                return false; // what was handed out, and how the store was closed, says the next orderly end anew
        }
    }

    private void Copy(BlobBuilder blob, in Needed needed, int slot)
    {
        if (needed.Type == RecordType.Change)
        {
            // What it says is in the index.
            var queue = state.Queues[needed.Queue];
            if (queue.TryFindChange(needed.Position, out var change)) blob.Change(queue, needed.Position, change.Attributes);
            return;
        }
        var record = Read(needed);
        if (!RecordHeader.TryRead(record, out var header) || header.Type != needed.Type || header.Position != needed.Position)
        {
            GiveUp(blob, needed, slot, record);
            return;
        }
        record = record[..header.Length];
        switch (needed.Type)
        {
            case RecordType.Body: blob.MoveBody(slot, header, record); break;
            case RecordType.Settle: blob.CopySettlement(header, record); break;
            default: blob.Move(state.Queues[needed.Queue], header, record); break;
        }
    }

    /// <summary>The record is damaged: it is reported, and its segment does not have to stay for it.</summary>
    private void GiveUp(BlobBuilder blob, in Needed needed, int slot, ReadOnlySpan<byte> record)
    {
        if (needed.Type == RecordType.Body)
        {
            damages.FoundBody(Victim!.Id, needed.Offset, record);
            lock (state.Lock)
            {
                ref var body = ref state.Bodies[slot];
                state.Segments.Release(body.Segment, body.Length);
                body.Segment = 0;
            }
        }
        else if (TryWriteByFooter(blob, needed))
        {
            damages.FoundDispensable(Victim!.Id, needed.Offset, record, needed.Queue.Value);
        }
        else
        {
            var queue = state.Queues[needed.Queue];
            damages.FoundMessage(Victim!.Id, needed.Offset, record, needed.Queue.Value, queue.PositionOf(needed.Position));
            lock (state.Lock)
            {
                state.Drop(queue.Take(needed.Position));
                state.DropChange(queue, needed.Position);
            }
        }
    }

    /// <summary>Of a settlement, and of a message whose body is elsewhere, the footer says all that the record did. False: this is neither.</summary>
    private bool TryWriteByFooter(BlobBuilder blob, in Needed needed)
    {
        var reader = new FooterReader(engine.ReadFooter(Victim!.Id));
        while (reader.TryNext(out var entry))
        {
            if (entry.Offset != needed.Offset) continue;
            if (entry.BodyId != 0) blob.MoveShared(state.Queues[entry.Queue], entry);
            else if (entry.Type == RecordType.Settle) blob.Settle(state.Queues[entry.Queue], (int)entry.Segment, RunsOf(entry));
            return entry.BodyId != 0 || entry.Type == RecordType.Settle;
        }
        return false;
    }

    private static PositionRun[] RunsOf(in IndexEntry entry)
    {
        var runs = new List<PositionRun>();
        var rest = entry.Runs;
        var end = entry.Position;
        while (PositionRuns.TryRead(ref rest, ref end, out var run)) runs.Add(run);
        return [.. runs];
    }

    private ReadOnlySpan<byte> Read(in Needed needed)
    {
        var inWindow = needed.Offset - _windowStart;
        if (inWindow < 0 || inWindow + needed.Length > _windowLength)
        {
            var length = (int)Math.Min(Math.Max(StepBytes, needed.Length), Victim!.Capacity - needed.Offset);
            if (_window.Length < length) _window = new byte[length];
            _windowStart = needed.Offset;
            _windowLength = engine.Read(Victim.Id, needed.Offset, _window.AsSpan(0, length));
            inWindow = 0;
        }
        return _window.AsSpan((int)inWindow, Math.Min(needed.Length, _windowLength - (int)inWindow));
    }

    private void Finished()
    {
        // What it still was needed for stands elsewhere now.
        Victim!.SettlesIn.Clear();
        state.Segments.MayHaveDead = true;
        _needed.Clear();
        _needed.Capacity = 0;
        _next = 0;
        _window = [];
    }

    private readonly record struct Needed(RecordType Type, QueueId Queue, long Position, long Segment, long Offset, int Length);
}
