using Amqp.Core.Records;

namespace Amqp.Storage.Messages.Writing;

/// <summary>
/// A transaction on its way to the disk. All of it becomes one record, of which a body that several queues share is a part once.
/// <para>
/// What lets a transaction grow counts its messages, and what each of them takes in a queue (<c>Limits:TransactionBytes</c>,
/// at most 512 MiB): what is written of both is about as much, far from the 2 GiB that a record may have.
/// </para>
/// </summary>
internal sealed class PendingTransaction
{
    public PendingTransaction(StoreRecord[] records, Action committed)
    {
        Records = records;
        Committed = committed;
        var bytes = (long)RecordHeader.Size;
        HashSet<long>? shared = null;
        foreach (ref readonly var record in records.AsSpan())
        {
            Entries++;
            if (record.Message is not { } message) bytes += RecordBuffer.SettleOneSizeMax;
            else if (message.BodyId == 0) bytes += RecordBuffer.SizeOf(message);
            else
            {
                bytes += RecordBuffer.SharedSize;
                if (!(shared ??= []).Add(message.BodyId)) continue;
                bytes += RecordBuffer.SizeOf(message);
                Entries++;
            }
        }
        Bytes = checked((int)bytes);
    }

    public StoreRecord[] Records { get; }

    /// <summary>Called when it is durable.</summary>
    public Action Committed { get; }

    /// <summary>Bytes that it takes in a blob, at most.</summary>
    public int Bytes { get; }

    /// <summary>Records in it.</summary>
    public int Entries { get; }
}
