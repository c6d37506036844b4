using System.Runtime.InteropServices;
using Amqp.Core.Messages;
using Amqp.Core.Records;
using Amqp.Storage.Messages.Index;

namespace Amqp.Storage.Messages.Writing;

/// <summary>
/// What becomes durable together or not at all, on its way to the disk: one record, of which a body that several queues share is a part once. The messages that enter with
/// it follow it in line.
/// <para>
/// What lets a transaction grow counts its messages, and what each of them takes in a queue (<c>Limits:TransactionBytes</c>,
/// at most 512 MiB): what is written of both is about as much, far from the 2 GiB that a record may have.
/// </para>
/// </summary>
internal sealed class PendingTransaction
{
    // Keys, in the order in which they were settled.
    private readonly List<(QueueIndex Queue, PositionRun Keys)> _settled = [];
    private HashSet<long>? _shared;

    /// <summary>Bytes that its messages take in a blob, at most.</summary>
    public int Bytes { get; private set; } = RecordHeader.Size;

    /// <summary>Records of its messages, and of their bodies.</summary>
    public int Entries { get; private set; }

    /// <summary>So many lines behind it belong to it.</summary>
    public int Messages { get; private set; }

    /// <summary>A message is among them that has a key that is not its position.</summary>
    public bool HasKeys { get; private set; }

    public void Add(Message message, long key)
    {
        Messages++;
        Entries++;
        HasKeys |= Positions.IsKey(key);
        if (message.BodyId == 0)
        {
            Bytes = checked(Bytes + RecordBuffer.SizeOf(message) + RecordBuffer.KeyedSize);
            return;
        }
        Bytes = checked(Bytes + RecordBuffer.SharedSize);
        if (!(_shared ??= []).Add(message.BodyId)) return;
        Bytes = checked(Bytes + RecordBuffer.SizeOf(message));
        Entries++;
    }

    /// <summary>A message that was there before is settled.</summary>
    public void Add(QueueIndex queue, long key)
    {
        if (_settled.Count > 0)
        {
            ref var last = ref CollectionsMarshal.AsSpan(_settled)[^1];
            if (last.Queue == queue && last.Keys.End == key)
            {
                last.Keys = last.Keys with { Count = last.Keys.Count + 1 };
                return;
            }
        }
        _settled.Add((queue, new PositionRun(key, 1)));
    }

    /// <summary>A message among those that it settles is not on the disk.</summary>
    public bool SettlesPending()
    {
        foreach (var (queue, keys) in _settled)
        {
            for (var key = keys.First; key < keys.End; key++)
                if (queue.Find(key).IsPending) return true;
        }
        return false;
    }

    /// <summary>Records that its settlements take if none of those that could be one is: as many as there are runs in one segment.</summary>
    public int CountSettlements()
    {
        var count = 0;
        foreach (var (queue, keys) in _settled)
        {
            var segment = 0;
            for (var key = keys.First; key < keys.End; key++)
            {
                var location = queue.Find(key);
                if (location.Segment != segment && !location.IsNone) count++;
                segment = location.Segment;
            }
        }
        return count;
    }

    /// <summary>It happens: what it settles is not in its queues any more.</summary>
    public void Settle(StoreState state, Settlements settlements)
    {
        foreach (var (queue, keys) in _settled)
        {
            for (var key = keys.First; key < keys.End; key++)
            {
                var location = queue.Take(key);
                if (location.IsNone) continue; // its queue was removed, or it was damaged
                state.DropChange(queue, key);
                if (!location.IsPage) settlements.Add(queue, location.Segment, new PositionRun(key, 1));
                state.Drop(location);
            }
        }
    }
}
