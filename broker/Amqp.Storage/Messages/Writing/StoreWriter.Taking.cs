using System.Runtime.InteropServices;
using Amqp.Core.Records;
using Amqp.Storage.Messages.Index;

namespace Amqp.Storage.Messages.Writing;

/// <content>What is noted of a group before anything of it is written: messages and changes get in line, settlements take messages out of line, or wait to be written.</content>
internal sealed partial class StoreWriter
{
    private void Take(StoreGroup group)
    {
        var next = 0;
        foreach (var request in group.Requests)
        {
            switch (request.Kind)
            {
                case StoreRequestKind.Commit:
                    Take(request, CollectionsMarshal.AsSpan(group.Records).Slice(next, request.Number));
                    next += request.Number;
                    break;
                case StoreRequestKind.Transaction:
                    TakeTogether(request.Transaction);
                    _done.Enqueue((_pending.End, request.Done!));
                    break;
                case StoreRequestKind.Close: Close(request); break;
                case StoreRequestKind.Forget: Forget(request); break;
                default: throw new InvalidOperationException($"unknown store request {request.Kind}");
            }
        }
    }

    private void Take(in StoreRequest request, ReadOnlySpan<StoreRecord> records)
    {
        if (!state.Queues.TryGetValue(request.Queue, out var queue)) return; // removed
        if (request.IsTogether) TakeTogether(records);
        else
        {
            foreach (ref readonly var record in records) Take(queue, record);
        }
        if (request.Ticket > 0) _tickets.Enqueue((queue, request.Ticket, _pending.End));
    }

    private void Take(QueueIndex queue, in StoreRecord record)
    {
        switch (record.Type)
        {
            case RecordType.Enqueue or RecordType.Page: TakeMessage(queue, record); break;
            case RecordType.Settle: TakeSettlement(queue, record); break;
            case RecordType.Change: TakeChange(queue, record); break;
            case RecordType.Delivered: TakeDelivered(queue, record); break;
            default: throw new InvalidOperationException($"a queue does not commit a {record.Type}");
        }
    }

    /// <summary>
    /// All of it becomes one record. Its messages are in line like others, so that what comes later finds them; what it settles stays in the index until it is written, because
    /// before that it has not happened. What is neither gets in line behind it.
    /// </summary>
    private void TakeTogether(ReadOnlySpan<StoreRecord> records)
    {
        var transaction = new PendingTransaction();
        var first = _pending.End;
        _pending.Add(new PendingRecord { Type = RecordType.Transaction, Transaction = transaction });
        var others = 0;
        QueueIndex? queue = null;
        foreach (ref readonly var record in records)
        {
            if (queue?.Id != record.Queue && !state.Queues.TryGetValue(record.Queue, out queue)) continue; // removed
            if (record.Type == RecordType.Enqueue) transaction.Add(record.Message!, TakeMessage(queue, record));
            else if (record.Type == RecordType.Settle) TakeSettlement(queue, record, transaction, first);
            else others++;
        }
        if (others == 0) return;
        foreach (ref readonly var record in records)
        {
            if (record.Type is not (RecordType.Enqueue or RecordType.Settle) && state.Queues.TryGetValue(record.Queue, out queue)) Take(queue, record);
        }
    }

    /// <summary>Returns the message's key.</summary>
    private long TakeMessage(QueueIndex queue, in StoreRecord record)
    {
        var message = record.Message!;
        if (message.BodyId != 0) state.Bodies[state.Bodies.Find(message.BodyId)].References++;
        var location = RecordLocation.Pending(_pending.End, record.Type == RecordType.Page);
        var key = record.Position;
        if (record is { MayHaveBeenHere: true, Type: RecordType.Enqueue }) queue.EnterAgain(record.Position, key = ++_lastKey, location);
        else queue.Enter(key, location);
        _pending.Add(new PendingRecord
        {
            Type = record.Type,
            Queue = queue,
            Key = key,
            Attributes = record.Attributes,
            Message = message,
        });
        return key;
    }

    /// <summary>However often a message changes, it is in line once.</summary>
    private void TakeChange(QueueIndex queue, in StoreRecord record)
    {
        var key = queue.KeyOf(record.Position);
        if (queue.Find(key).IsNone) return; // damaged and given up
        queue.TryFindChange(key, out var before);
        queue.SetChange(key, before with { Attributes = record.Attributes, IsPending = true });
        if (!before.IsPending) _pending.Add(new PendingRecord { Type = RecordType.Change, Queue = queue, Key = key });
    }

    private void TakeSettlement(QueueIndex queue, in StoreRecord record)
    {
        for (var position = record.Position; position < record.Position + record.Count; position++)
        {
            var key = queue.KeyOf(position);
            var location = queue.Take(key);
            if (location.IsNone) continue; // damaged and given up, or never told of
            state.DropChange(queue, key);
            if (location.IsPending)
            {
                Cancel(ref _pending.Find(location));
                continue;
            }
            if (!location.IsPage) _settlements.Add(queue, location.Segment, new PositionRun(key, 1));
            state.Drop(location);
        }
    }

    /// <param name="first">The transaction's place in line: what entered with it and is settled with it does not have to be written.</param>
    private void TakeSettlement(QueueIndex queue, in StoreRecord record, PendingTransaction transaction, long first)
    {
        for (var position = record.Position; position < record.Position + record.Count; position++)
        {
            var key = queue.KeyOf(position);
            var location = queue.Find(key);
            if (location.IsNone) continue; // as above
            if (!location.IsPending || _pending.NumberOf(location) < first)
            {
                transaction.Add(queue, key);
                continue;
            }
            queue.Take(key);
            state.DropChange(queue, key);
            Cancel(ref _pending.Find(location));
        }
    }

    private void TakeDelivered(QueueIndex queue, in StoreRecord record)
    {
        if (!queue.HasKeys) _delivered.Add(queue, segment: 0, new PositionRun(record.Position, record.Count));
        else
        {
            for (var position = record.Position; position < record.Position + record.Count; position++)
                _delivered.Add(queue, segment: 0, new PositionRun(queue.KeyOf(position), 1));
        }
    }

    /// <summary>A message in line that left its queue already: it is never written.</summary>
    private void Cancel(ref PendingRecord pending)
    {
        if (pending.Message!.BodyId != 0) state.DropReference(state.Bodies.Find(pending.Message.BodyId));
        pending = default;
    }

    private void Forget(in StoreRequest request)
    {
        if (!state.Queues.TryGetValue(request.Queue, out var queue)) return;
        for (var number = _pending.First; number < _pending.End; number++)
            if (_pending[number] is { Message: not null } pending && pending.Queue == queue) Cancel(ref _pending[number]);
        state.Remove(queue);
    }
}
