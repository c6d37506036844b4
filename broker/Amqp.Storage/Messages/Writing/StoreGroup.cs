using Amqp.Core.Messages;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using Amqp.Storage.Messages.Index;

namespace Amqp.Storage.Messages.Writing;

internal enum StoreRequestKind : byte
{
    /// <summary>The next <see cref="StoreRequest.Number"/> records, of one queue; then a ticket.</summary>
    Commit,
    Transaction,
    Close,
    Forget,
}

/// <summary>One line of what is wanted from the store's thread.</summary>
internal readonly record struct StoreRequest(StoreRequestKind Kind, QueueId Queue)
{
    /// <summary>Of a commit: how many of the group's records are its own.</summary>
    public int Number { get; init; }

    public long Ticket { get; init; }

    /// <summary>Of a commit: it is durable as a whole or not at all.</summary>
    public bool IsTogether { get; init; }

    /// <summary>Of a transaction: its records.</summary>
    public StoreRecord[]? Transaction { get; init; }

    /// <summary>Of a transaction or a closing: called when it is done.</summary>
    public Action? Done { get; init; }
}

/// <summary>What was wanted while the store was busy: worked off as one.</summary>
internal sealed class StoreGroup
{
    /// <summary>Lists that grew beyond this in a burst are replaced afterwards.</summary>
    private const int CapacityKept = 65_536;

    public List<StoreRequest> Requests { get; private set; } = [];

    public List<StoreRecord> Records { get; private set; } = [];

    public void Clear()
    {
        if (Requests.Capacity > CapacityKept) Requests = [];
        if (Records.Capacity > CapacityKept) Records = [];
        Requests.Clear();
        Records.Clear();
    }
}

/// <summary>A message, a change of one, or a transaction, in line to be written.</summary>
internal struct PendingRecord
{
    /// <summary>Enqueue, Page, Change or Transaction; none of them: it was settled before it was written.</summary>
    public RecordType Type;
    public QueueIndex? Queue;

    /// <summary>Of the message, in its queue's index.</summary>
    public long Key;

    /// <summary>Of a message. What a change is to is in the index: the newest counts.</summary>
    public MessageAttributes Attributes;
    public Message? Message;

    /// <summary>Its messages are the next in line.</summary>
    public PendingTransaction? Transaction;

    public readonly bool IsCancelled => Type == default;
}
