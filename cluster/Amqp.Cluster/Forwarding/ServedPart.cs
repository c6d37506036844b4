using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>
/// What a transaction of another node does in one queue of this one. It is prepared with the queue, and committed by this node's own store and then by the queue; if the edge's session
/// ends before it has said that it is to be committed, it is undone.
/// </summary>
/// <param name="number">The edge's.</param>
internal sealed class ServedPart(ServedSession session, long number, long queue, TransactionPart part, ServedQueues queues) : ITransaction, IReply<bool>, IStandIn
{
    public TransactionPart Part => part;

    public long Queue => queue;

    /// <inheritdoc/>
    public void NotLeading(in QueueOperation operation)
    {
        if (operation.Kind == QueueOperationKind.Prepare) Refused();
        else Fail(BrokerError.PartialTxCompletion);
    }

    public void Prepared() => session.Say(new Line(LineKind.Prepared, number));

    public void Refused()
    {
        session.Say(new Line(LineKind.PartRefused, number));
        session.Edge.Over(session, number);
    }

    /// <summary>It is to happen, whatever becomes of the session from here on.</summary>
    public void Commit()
    {
        if (part.Records.Count == 0) CommitInQueue();
        else queues.Store.CommitTransaction([.. part.Records], CommitInQueue);
    }

    public void Complete(bool value) => session.Say(new Line(LineKind.Committed, number));

    public void Fail(BrokerError error) => session.Say(new Line(LineKind.NotCommitted, number));

    /// <summary>This node has it on the disk.</summary>
    private void CommitInQueue()
    {
        // What was deleted meanwhile has nothing to say to a transaction.
        queues.Find(queue)?.Post(QueueOperation.CommitPart(part, part.AnswersCommit ? this : null));
        if (!part.AnswersCommit) Complete(true);
    }
}
