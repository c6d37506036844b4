using System.Runtime.InteropServices;
using Amqp.Core.Messages;
using Amqp.Core.Records;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Messages.Writing;

/// <summary>
/// Collects records for one blob, and when the blob has been appended notes where each of them is: in the index, in the
/// segment's use and in the footer that the segment will get.
/// </summary>
internal sealed class BlobBuilder(ISegmentEngine engine, StoreState state)
{
    private const int NoBody = -1;

    /// <summary>Lists that a large transaction made longer than this are replaced afterwards.</summary>
    private const int CapacityKept = 65_536;

    private readonly RecordBuffer _buffer = new();
    private List<Written> _written = [];

    // Ids of the shared bodies among them.
    private HashSet<long> _bodies = [];
    private readonly FooterWriter _footer = new();
    private long _footerGrowth;

    /// <summary>Bytes collected.</summary>
    public int Length => _buffer.Length;

    public bool IsEmpty => _buffer.Length == 0;

    /// <summary>A record is among them that a caller waits for, or that has to survive.</summary>
    public bool NeedsFlush { get; private set; }

    /// <summary>The current segment's footer as it is.</summary>
    public ReadOnlySpan<byte> Footer => _footer.Bytes;

    /// <summary>Whether the current segment takes what was collected and that much more, and its footer then.</summary>
    /// <param name="entries">Records that will be added.</param>
    /// <param name="left">Bytes that must be left then.</param>
    public bool HasRoom(int more, int entries, int left)
    {
        var footer = _footer.Bytes.Length + _footerGrowth + ((long)entries * FooterWriter.EntryBytesMax);
        return engine.RoomLeft >= Length + (long)more + footer + left + (2 * engine.BlobOverheadMax);
    }

    /// <param name="type">Enqueue or Page.</param>
    /// <param name="key">Of the message, which is in the queue's index.</param>
    public void Enqueue(RecordType type, QueueIndex queue, long key, in MessageAttributes attributes, Message message)
    {
        var position = 0L;
        if (Positions.IsKey(key)) (type, position) = (RecordType.EnqueueAgain, queue.PositionOf(key));
        var slot = NoBody;
        if (message.BodyId != 0)
        {
            slot = state.Bodies.Find(message.BodyId);
            if (state.Bodies[slot].Segment == 0 && _bodies.Add(message.BodyId)) Body(slot, message);
        }
        var start = _buffer.Length;
        if (slot == NoBody) _buffer.Enqueue(type, queue.Id, key, attributes, message, position);
        else _buffer.EnqueueShared(type, queue.Id, key, attributes, message.BodyId, position);
        NeedsFlush |= type != RecordType.Page;
        Add(new Written(start, queue, slot));
    }

    public void Settle(QueueIndex queue, int segment, ReadOnlySpan<PositionRun> runs)
    {
        var start = _buffer.Length;
        _buffer.Settle(queue.Id, segment, runs);
        NeedsFlush = true;
        Add(new Written(start), hasRuns: true);
    }

    public void Delivered(QueueIndex queue, int segment, ReadOnlySpan<PositionRun> runs)
    {
        var start = _buffer.Length;
        _buffer.Delivered(queue.Id, runs);
        Add(new Written(start), hasRuns: true);
    }

    public void Change(QueueIndex queue, long key, in MessageAttributes attributes)
    {
        var start = _buffer.Length;
        _buffer.Change(queue.Id, key, attributes);
        NeedsFlush = true;
        Add(new Written(start, queue));
    }

    public void Closed()
    {
        var start = _buffer.Length;
        _buffer.Closed();
        NeedsFlush = true;
        Add(new Written(start));
    }

    /// <summary>A message's record, copied out of a segment that is being merged.</summary>
    public void Move(QueueIndex queue, in RecordHeader header, ReadOnlySpan<byte> record)
    {
        var start = _buffer.Length;
        _buffer.Copy(header, record);
        NeedsFlush = true;
        Add(new Written(start, queue, IsMove: true));
    }

    /// <summary>A record that names a shared body, made anew: it was damaged, and its entry in the footer is all of it.</summary>
    public void MoveShared(QueueIndex queue, in IndexEntry entry)
    {
        var start = _buffer.Length;
        _buffer.EnqueueShared(entry.Type, queue.Id, entry.Position, entry.Attributes, entry.BodyId, entry.PositionOfKey);
        NeedsFlush = true;
        Add(new Written(start, queue, IsMove: true));
    }

    /// <summary>A shared body's record, copied likewise.</summary>
    public void MoveBody(int slot, in RecordHeader header, ReadOnlySpan<byte> record)
    {
        var start = _buffer.Length;
        _buffer.Copy(header, record);
        NeedsFlush = true;
        Add(new Written(start, BodySlot: slot));
    }

    /// <summary>A settlement, copied likewise.</summary>
    public void CopySettlement(in RecordHeader header, ReadOnlySpan<byte> record)
    {
        var start = _buffer.Length;
        _buffer.Copy(header, record);
        NeedsFlush = true;
        Add(new Written(start), hasRuns: true);
    }

    /// <param name="size">Bytes that it will take at most.</param>
    public void BeginTransaction(int size)
    {
        NeedsFlush = true;
        _buffer.BeginTransaction(size);
    }

    public void EndTransaction() => _buffer.EndTransaction();

    /// <summary>Appends what was collected to the current segment. It is durable with the engine's next flush.</summary>
    public void Append()
    {
        var bytes = _buffer.Bytes;
        var address = engine.Append(bytes);
        var segment = state.Segments.Current!;
        lock (state.Lock)
        {
            foreach (ref readonly var written in CollectionsMarshal.AsSpan(_written))
            {
                var entry = IndexEntry.Of(RecordHeader.Read(bytes[written.Start..]), bytes[written.Start..], address.Offset + written.Start);
                _footer.Add(entry);
                Locate(segment, written, entry);
            }
        }
        if (_written.Capacity > CapacityKept) (_written, _bodies) = ([], []);
        _written.Clear();
        _bodies.Clear();
        _buffer.Clear();
        _footerGrowth = 0;
        NeedsFlush = false;
    }

    /// <summary>A new segment has begun.</summary>
    public void BeginSegment() => _footer.Clear();

    private void Body(int slot, Message message)
    {
        var start = _buffer.Length;
        _buffer.Body(message.BodyId, message);
        Add(new Written(start, BodySlot: slot));
    }

    private void Add(in Written written, bool hasRuns = false)
    {
        _written.Add(written);
        _footerGrowth += FooterWriter.EntryBytesMax + (hasRuns ? _buffer.Length - written.Start : 0);
    }

    private void Locate(SegmentUse segment, in Written written, in IndexEntry entry)
    {
        switch (entry.Type)
        {
            case RecordType.Body:
                state.PutBody(written.BodySlot, segment.Number, entry);
                break;
            case RecordType.Settle:
                state.Settles(segment, entry.Segment, entry.Length);
                break;
            case RecordType.Enqueue or RecordType.EnqueueAgain or RecordType.Page:
                LocateMessage(segment, written, entry);
                break;
            case RecordType.Change:
                // Or its message has left meanwhile.
                if (written.Queue!.TryFindChange(entry.Position, out _)) state.PutChange(written.Queue, entry.Position, segment.Number, entry);
                break;
            default:
                break;
        }
    }

    private void LocateMessage(SegmentUse segment, in Written written, in IndexEntry entry)
    {
        var queue = written.Queue!;
        var isPage = entry.Type == RecordType.Page;
        if (written.IsMove)
        {
            var before = queue.Find(entry.Position);
            state.Segments.Release(before.Segment, before.Length);
            state.Put(queue, entry.Position, before.MovedTo(segment.Number, entry.Offset));
            return;
        }
        state.Put(queue, entry.Position, written.BodySlot == NoBody
            ? RecordLocation.OnDisk(segment.Number, entry.Offset, entry.Length, isPage)
            : RecordLocation.Shared(segment.Number, written.BodySlot, entry.Length, isPage));
    }

    /// <param name="Start">Offset in the blob.</param>
    /// <param name="Queue">Of a message or a change.</param>
    /// <param name="BodySlot">Of a body, or of a message that shares one.</param>
    /// <param name="IsMove">The message has a location already, which it leaves.</param>
    private readonly record struct Written(int Start, QueueIndex? Queue = null, int BodySlot = NoBody, bool IsMove = false);
}
