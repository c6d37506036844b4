using Amqp.Core.Messages;
using Amqp.Core.Metrics;
using Amqp.Core.Records;

namespace Amqp.Core.Queues;

/// <content>
/// Transactions: prepared, nothing is visible and everything is possible; committed or aborted, it is over. What has to be on
/// the disk in between is no concern of the queue.
/// </content>
public sealed partial class QueueState
{
    /// <summary>
    /// Gives the part its published messages, each at the position it will have, and the messages that it settles. Those whose
    /// holder does not have them any more are left out.
    /// </summary>
    /// <returns>False: the queue refuses what the part publishes, and nothing was done.</returns>
    public bool Prepare(TransactionPart part, long now)
    {
        if (part.Publishes.Count > 0 && !HasRoomFor(part.Publishes.Count, part.Publishes.Sum(message => (long)message.BodySize)))
        {
            Counters.Add(Measure.BeyondLength, part.Publishes.Count);
            foreach (var message in part.Publishes) Trace?.Add(TraceStep.Refused, Refused, message);
            return false;
        }
        if (_seen is not null) LeaveOutDuplicates(part);
        part.IsPrepared = true;
        // Mirrors would miss what had its place long before they hear of it.
        if (!IsMirrored) GivePlaces(part, now);
        var held = 0;
        foreach (var settlement in part.Settlements.ToArray())
        {
            if (TryMove(settlement, part, out var moved)) part.Settlements[held++] = moved;
        }
        part.Settlements.RemoveRange(held, part.Settlements.Count - held);
        DeliverReady(now);
        return true;
    }

    /// <summary>All of it happens: what the part published is ready, what it settled is settled.</summary>
    /// <returns>False: nothing does, the queue was led by another node meanwhile.</returns>
    public bool Commit(TransactionPart part, long now)
    {
        if (!part.IsPrepared) return false;
        var expiresNow = false;
        var isStoredAhead = part.HasPlaces;
        if (!part.HasPlaces)
        {
            if (_seen is not null) LeaveOutDuplicates(part);
            GivePlaces(part, now);
        }
        Counters.Add(Measure.Published, part.Publishes.Count);
        for (var index = 0; index < part.Publishes.Count; index++)
        {
            var position = part.FirstPosition + index;
            ref var entry = ref _log[position];
            Trace?.Add(TraceStep.Entered, position, part.Publishes[index]);
            entry.ExpiresAt = ExpiryOf(part.Publishes[index], now); // it begins to wait only now
            expiresNow |= entry.ExpiresAt == now;
            if (!isStoredAhead) TellEnqueue(position, part.Publishes[index], entry.Is(EntryFlags.Persistent));
            else
            {
                if (entry.Is(EntryFlags.Persistent)) entry.Set(EntryFlags.Stored | EntryFlags.Written);
                if (IsMirrored) _effects.Tell(EnqueueOf(position, part.Publishes[index]));
            }
            _unacked.Remove(entry.Slot);
            if (!TryHoldBack(position, entry.ExpiresAt)) MakeReady(position);
        }
        // While the part had them, they were passed over.
        _trimmedTo = Math.Min(_trimmedTo, part.FirstPosition);
        _heldTrimmedTo = Math.Min(_heldTrimmedTo, part.FirstPosition);
        foreach (var held in part.Settlements)
        {
            if (held.IsRecorded) _log[held.Position].Unset(EntryFlags.Stored);
            TakeBack(held.Position, held.Settlement, now);
        }
        DeliverReady(now);
        if (expiresNow) DropExpired(now + 1);
        DropBeyondLength();
        return true;
    }

    /// <summary>Nothing of it happens: what the part published vanishes, what it was to settle returns to its place.</summary>
    public void Abort(TransactionPart part, long now)
    {
        if (!part.IsPrepared) return;
        for (var index = 0; part.HasPlaces && index < part.Publishes.Count; index++)
        {
            var position = part.FirstPosition + index;
            _unacked.Remove(_log[position].Slot);
            _log.Remove(position); // it never was the store's
        }
        foreach (var held in part.Settlements) TakeBack(held.Position, Settlement.Requeue, now);
        DeliverReturned(now);
    }

    /// <summary>What it publishes is in the queue from now on, and the part holds it.</summary>
    private void GivePlaces(TransactionPart part, long now)
    {
        (part.HasPlaces, part.FirstPosition) = (true, _log.End);
        foreach (var message in part.Publishes)
        {
            var persistent = IsPersistent(message);
            var expiresAt = ExpiryOf(message, now);
            var priority = PriorityOf(message);
            var position = _log.Append(message, expiresAt, persistent ? EntryFlags.Persistent : EntryFlags.None, priority);
            _log[position].Slot = _unacked.Add(part, position);
            if (_seen is not null && HeaderKey.Of(message.Properties.Headers, HeaderKey.Deduplication) is { } key && !RemembersKeys) _seen.Add(key, position);
            if (persistent && !IsMirrored) part.Records.Add(StoreRecord.Enqueue(_id, position, message, OnWallClock(expiresAt), priority));
        }
    }

    private bool TryMove(in HeldMessage held, TransactionPart part, out HeldMessage moved)
    {
        moved = held;
        if (!IsHeldBy(held.Holder, held.Position)) return false;
        ref var entry = ref _log[held.Position];
        _unacked.Remove(entry.Slot);
        entry.Slot = _unacked.Add(part, held.Position);
        // What is dead-lettered stays until it has arrived there.
        var leaves = held.Settlement == Settlement.Acknowledge || (held.Settlement == Settlement.Reject && Settings.DeadLetterExchange is null);
        if (leaves && !IsMirrored && entry.Is(EntryFlags.Stored))
        {
            part.Records.Add(StoreRecord.Settle(_id, held.Position));
            moved = held with { IsRecorded = true };
        }
        ReturnCredit(held.Holder);
        return true;
    }
}
