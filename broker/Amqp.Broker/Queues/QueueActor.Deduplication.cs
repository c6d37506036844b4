using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <content>
/// A queue that compares the keys of messages learns those that it has from the store when it starts. What is published meanwhile waits for that, at most
/// as much as publishers have credit for; the queue of an exchange takes it, and lets nothing pass.
/// </content>
internal sealed partial class QueueActor
{
    /// <summary>Messages that are read at a time.</summary>
    private const int IndexedAtATime = 1_024;

    // What waits until the keys are known; null: nothing has to.
    private List<QueueOperation>? _untilIndexed;

    private void BeginIndex(long now)
    {
        if (Definition.Settings.Role == QueueRole.ForClients) _untilIndexed = [];
        Index(from: 0, _state.End, now);
    }

    private void Index(long from, long end, long now) => Browse(new BrowsedPart(from, IndexedAtATime), new IndexReply(this, end), now);

    private void Indexed(BrowsedPart part, long end)
    {
        var now = Now();
        var isLast = part.IsLast || part.Next >= end;
        _state.Index(part, isLast);
        if (!isLast)
        {
            Index(part.Next, end, now);
            return;
        }
        var waiting = _untilIndexed ?? [];
        _untilIndexed = null;
        foreach (var operation in waiting) Apply(operation, now);
    }

    /// <summary>What publishes has to wait. False: nothing has to, or this has not.</summary>
    private bool TryWaitForIndex(in QueueOperation operation)
    {
        if (operation.Kind is not (QueueOperationKind.Publish or QueueOperationKind.Credit or QueueOperationKind.Prepare)) return false;
        _untilIndexed!.Add(operation);
        return true;
    }

    private void RefuseUntilIndexed()
    {
        var waiting = _untilIndexed ?? [];
        _untilIndexed = null;
        foreach (var operation in waiting) Refuse(operation);
    }

    /// <summary>Tells the transaction that its part is prepared, which it is when the originals of its duplicates are durable.</summary>
    private void Prepared(TransactionPart part, ITransaction transaction)
    {
        if (part.AwaitedPosition == QueueState.NotStored) transaction.Prepared();
        else _pendingConfirms.Add(part.AwaitedPosition, new PreparedWhenTaken(transaction), number: 0);
    }

    private sealed class PreparedWhenTaken(ITransaction transaction) : IPublisher
    {
        public void Taken(ReadOnlySpan<long> numbers) => transaction.Prepared();

        public void Refused(long number) => transaction.Refused();
    }

    /// <summary>A part of what the queue has at its start.</summary>
    private sealed class IndexReply(QueueActor queue, long end) : IReply<BrowsedPart>
    {
        public void Complete(BrowsedPart part) => queue.Indexed(part, end);

        /// <summary>The queue is over, and what waits has been refused.</summary>
        public void Fail(BrokerError error)
        {
        }
    }
}
