using System.Collections.Concurrent;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Storage.Messages.Index;

/// <summary>
/// What the store knows about what is on the disk: each message's location, and what each segment is needed for.
/// <para>
/// Only the store's thread changes it, and before the start the one that opens the store. It holds <see cref="Lock"/> for each step
/// from one state in which every location is right to the next, and therefore looks at it without. The reader's thread looks, too,
/// holding the lock: at locations, shared bodies and the table of segments. What it must be able to rely on is that a location that is
/// not pending names bytes that were appended, in a segment that is there; and one that it pins stays.
/// </para>
/// <para>
/// The lock is never held while the disk is touched or other code called: no read of a message waits for a flush.
/// </para>
/// </summary>
internal sealed class StoreState
{
    public Lock Lock { get; } = new();

    /// <summary>Looked at from any thread.</summary>
    public ConcurrentDictionary<QueueId, QueueIndex> Queues { get; } = new();

    public SharedBodies Bodies { get; } = new();

    public SegmentTable Segments { get; } = new();

    public QueueIndex QueueOf(QueueId id) => Queues.GetOrAdd(id, static id => new QueueIndex(id));

    /// <summary>A message's record is on the disk now, or at another location there than before.</summary>
    public void Put(QueueIndex queue, long position, RecordLocation location)
    {
        Segments.Use(location.Segment, location.Length);
        queue.Set(position, location);
    }

    /// <summary>A message left its queue: its record, and perhaps its body, is not needed any more.</summary>
    public void Drop(RecordLocation location)
    {
        if (!location.IsPending) Segments.Release(location.Segment, location.Length);
        if (location.IsShared) DropReference(location.BodySlot);
    }

    /// <summary>A change of a message that is in its queue is on the disk now, or at another location there than before.</summary>
    public void PutChange(QueueIndex queue, long position, int segment, in IndexEntry entry)
    {
        if (queue.TryFindChange(position, out var before) && !before.Location.IsNone) Segments.Release(before.Location.Segment, before.Location.Length);
        Segments.Use(segment, entry.Length);
        queue.SetChange(position, new MessageChange(RecordLocation.OnDisk(segment, entry.Offset, entry.Length, isPage: false), entry.Attributes, IsPending: false));
    }

    /// <summary>A message left its queue: what became of it there is not needed any more.</summary>
    public void DropChange(QueueIndex queue, long position)
    {
        if (queue.TryTakeChange(position, out var change) && !change.Location.IsNone) Segments.Release(change.Location.Segment, change.Location.Length);
    }

    /// <summary>A message does not need the shared body any more.</summary>
    public void DropReference(int slot)
    {
        ref var body = ref Bodies[slot];
        if (--body.References > 0) return;
        if (body.Segment > 0) Segments.Release(body.Segment, body.Length);
        Bodies.Remove(slot);
    }

    /// <summary>A shared body's record is on the disk now, or at another location there than before.</summary>
    public void PutBody(int slot, int segment, in IndexEntry entry)
    {
        ref var body = ref Bodies[slot];
        if (body.Segment > 0) Segments.Release(body.Segment, body.Length);
        (body.Segment, body.Offset, body.Length, body.BodySize) = (segment, entry.Offset, entry.Length, entry.BodySize);
        Segments.Use(segment, entry.Length);
    }

    /// <summary>Forgets everything of a queue.</summary>
    public void Remove(QueueIndex queue)
    {
        queue.IsRemoved = true;
        Queues.TryRemove(queue.Id, out _);
        foreach (var position in queue.Changed) DropChange(queue, position);
        foreach (var (position, location) in queue.All().ToList())
        {
            queue.Take(position);
            // What is in line to be written knows its body itself.
            if (!location.IsPending) Drop(location);
        }
    }

    /// <summary>Notes that settlements stand in a segment.</summary>
    /// <param name="settled">The segment with the messages.</param>
    public void Settles(SegmentUse segment, long settled, int length)
    {
        segment.SettleBytes += RecordHeader.Padded(length);
        if (settled != segment.Number && settled <= int.MaxValue && Segments.Contains((int)settled)) segment.SettlesIn.Add((int)settled);
    }
}
