using Amqp.Core.Records;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Messages.Reading;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Messages.Recovering;

/// <summary>
/// Finds out on opening what is still needed. One pass over the segments, oldest first, footers where there are any:
/// <code>
/// enqueue q 7     -> q has 7, here
/// enqueue q 7     -> q has 7, here; the segment with the other one was being merged when the process ended, and goes first
/// settle  q 7     -> q has no 7
/// </code>
/// A message that was settled may come again: it has another key then, and for all of this is another message (<see cref="Positions"/>).
/// A settlement always stands behind every copy of its message, because a message is copied only while it is needed.
/// </summary>
/// <param name="seals">What had to be read record by record gets its footer, so that the next opening is spared that.</param>
internal sealed class Recovery(ISegmentEngine engine, StoreState state, Damages damages, bool seals = true)
{
    /// <summary>The last life of the store ended in order: what was handed out in it has been noted.</summary>
    public bool WasClosed { get; private set; }

    /// <summary>Reads everything there is.</summary>
    /// <exception cref="StorageException">A newer version wrote some of it.</exception>
    public void Run()
    {
        foreach (var info in engine.Segments)
        {
            var segment = state.Segments.Add(checked((int)info.Id.Number), info.Bytes);
            if (engine.ReadFooter(info.Id) is { } footer) ReadFooter(segment, footer);
            else Scan(segment);
        }
        DropReplaced();
        DropBodiesWithoutMessages();
        DropChangesWithoutMessages();
    }

    private void ReadFooter(SegmentUse segment, byte[] footer)
    {
        var reader = new FooterReader(footer);
        if (reader.Version != FooterWriter.Version) throw Unknown(segment, $"its index has version {reader.Version}, and this broker knows version {FooterWriter.Version}");
        while (reader.TryNext(out var entry)) Apply(segment, entry);
    }

    /// <summary>The segment was being written when the process ended, or its footer is damaged: every record is looked at.</summary>
    private void Scan(SegmentUse segment)
    {
        var footer = new FooterWriter();
        var blobs = 0;
        foreach (var blob in engine.ReadBlobs(segment.Id, broken => ReadBroken(segment, broken, footer)))
        {
            blobs++;
            var bytes = blob.Bytes.Span;
            for (var start = 0; start < bytes.Length;)
            {
                // The blob's own checksum was right, so this is what was written.
                if (!RecordHeader.TryRead(bytes[start..], out var header)) throw Unknown(segment, $"at {start} bytes of a blob there is no record");
                ApplyRecord(segment, header, bytes[start..], blob.Address.Offset + start, footer);
                start += header.PaddedLength;
            }
        }
        // Without room for a footer it stays as it is; without anything that is needed it goes soon.
        if (seals && (blobs > 0 || segment.LiveRecords > 0 || segment.SettlesIn.Count > 0)) engine.TrySeal(segment.Id, footer.Bytes);
    }

    /// <summary>Not all of this range is what was written: the records in it that are whole are. A torn end is left alone, because what
    /// looks like a record there may be one that the file held before.</summary>
    private void ReadBroken(SegmentUse segment, BrokenRange broken, FooterWriter footer)
    {
        if (broken.IsFooter)
        {
            damages.FoundFooter(segment.Id);
            return;
        }
        if (broken.IsTornEnd)
        {
            damages.FoundTornEnd(segment.Id, broken.Offset, broken.Length);
            return;
        }
        var bytes = new byte[broken.Length];
        var range = bytes.AsSpan(0, engine.Read(segment.Id, broken.Offset, bytes));
        var records = new WholeRecords(range);
        var salvaged = 0;
        while (!broken.MayBeOld && records.TryNext(out var header))
        {
            if (header.Flags != 0) continue; // a part of a transaction that is not whole counts for nothing
            ApplyRecord(segment, header, range[records.Start..], broken.Offset + records.Start, footer);
            salvaged++;
        }
        damages.Found(segment.Id, broken.Offset, range, salvaged);
    }

    private void ApplyRecord(SegmentUse segment, in RecordHeader header, ReadOnlySpan<byte> bytes, long offset, FooterWriter footer)
    {
        if (!header.IsKnown) throw Unknown(segment, header.Type, header.Version);
        if (header.Type != RecordType.Transaction)
        {
            var entry = IndexEntry.Of(header, bytes, offset);
            Apply(segment, entry);
            footer.Add(entry);
            return;
        }
        for (var start = RecordHeader.Size; start < header.Length;)
        {
            if (!RecordHeader.TryRead(bytes[start..header.Length], out var part)) throw Unknown(segment, $"at {start} bytes of a transaction there is no record");
            ApplyRecord(segment, part, bytes[start..], offset + start, footer);
            start += part.PaddedLength;
        }
    }

    private void Apply(SegmentUse segment, in IndexEntry entry)
    {
        WasClosed = entry.Type == RecordType.Closed;
        switch (entry.Type)
        {
            case RecordType.Enqueue or RecordType.EnqueueAgain: ApplyEnqueue(segment, entry); break;
            case RecordType.Change: state.PutChange(state.QueueOf(entry.Queue), entry.Position, segment.Number, entry); break;
            case RecordType.Body: ApplyBody(segment, entry); break;
            case RecordType.Settle: ApplySettle(segment, entry); break;
            case RecordType.Delivered: ApplyDelivered(entry); break;
            case RecordType.Page: break; // ended with its process
            case RecordType.Closed: break;
            default: throw Unknown(segment, entry.Type, RecordHeader.CurrentVersion);
        }
    }

    private void ApplyEnqueue(SegmentUse segment, in IndexEntry entry)
    {
        var queue = state.QueueOf(entry.Queue);
        var before = queue.Take(entry.Position);
        if (!before.IsNone)
        {
            state.Segments[before.Segment].IsHalfMoved = true;
            Drop(before);
        }
        RecordLocation location;
        if (entry.BodyId == 0) location = RecordLocation.OnDisk(segment.Number, entry.Offset, entry.Length, isPage: false);
        else
        {
            var slot = state.Bodies.Find(entry.BodyId);
            state.Bodies[slot].References++;
            location = RecordLocation.Shared(segment.Number, slot, entry.Length, isPage: false);
        }
        state.Put(queue, entry.Position, location);
        queue.Note(entry.Position, entry.BodySize, entry.Attributes);
        if (entry.Type == RecordType.EnqueueAgain) queue.NotePosition(entry.Position, entry.PositionOfKey);
    }

    /// <summary>A shared body that nothing needs for the moment may be needed by a message further on, so it stays until the end.</summary>
    private void Drop(RecordLocation location)
    {
        state.Segments.Release(location.Segment, location.Length);
        if (location.IsShared) state.Bodies[location.BodySlot].References--;
    }

    private void ApplyBody(SegmentUse segment, in IndexEntry entry)
    {
        var slot = state.Bodies.Find(entry.Position);
        if (state.Bodies[slot].Segment > 0) state.Segments[state.Bodies[slot].Segment].IsHalfMoved = true;
        state.PutBody(slot, segment.Number, entry);
    }

    private void ApplySettle(SegmentUse segment, in IndexEntry entry)
    {
        var queue = state.QueueOf(entry.Queue);
        var runs = entry.Runs;
        var end = entry.Position;
        while (PositionRuns.TryRead(ref runs, ref end, out var run))
        {
            queue.LastPosition = Math.Max(queue.LastPosition, run.End - 1);
            for (var position = run.First; position < run.End; position++)
            {
                if (queue.Take(position) is { IsNone: false } location) Drop(location);
                state.DropChange(queue, position);
            }
        }
        state.Settles(segment, entry.Segment, entry.Length);
    }

    private void ApplyDelivered(in IndexEntry entry)
    {
        var queue = state.QueueOf(entry.Queue);
        var runs = entry.Runs;
        var end = entry.Position;
        while (PositionRuns.TryRead(ref runs, ref end, out var run))
            for (var position = run.First; position < run.End; position++) queue.NoteDelivered(position);
    }

    /// <summary>Of several messages at one position the newest counts.</summary>
    private void DropReplaced()
    {
        foreach (var queue in state.Queues.Values)
        {
            foreach (var key in queue.FindKeys()) Drop(queue.Take(key));
        }
    }

    /// <summary>A body is written before the messages that need it, and may be all that was written of them.</summary>
    private void DropBodiesWithoutMessages()
    {
        foreach (var slot in state.Bodies.Slots.ToList())
        {
            ref var body = ref state.Bodies[slot];
            if (body.References > 0) continue;
            body.References = 1;
            state.DropReference(slot);
        }
    }

    /// <summary>A change may stand before the record of its message, which was copied behind it; and after both have gone, for what else its segment has.</summary>
    private void DropChangesWithoutMessages()
    {
        foreach (var queue in state.Queues.Values)
        {
            foreach (var position in queue.Changed.Where(position => queue.Find(position).IsNone)) state.DropChange(queue, position);
        }
    }

    private static StorageException Unknown(SegmentUse segment, RecordType type, byte version) => Unknown(
        segment, $"it has a record of kind {type}, version {version}, and this broker knows kinds up to {RecordType.EnqueueAgain} in version {RecordHeader.CurrentVersion}");

    private static StorageException Unknown(SegmentUse segment, string what) => new(
        $"Segment {segment.Id} of the message store is not one of this version: {what}. Start the version that wrote it, or restore the data directory "
        + "from before the upgrade.");
}
