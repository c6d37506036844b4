using Amqp.Broker.Loops;
using Amqp.Broker.Queues;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Broker.Transactions;

/// <summary>
/// A transaction from tx.commit to its end. Whatever becomes of the channel meanwhile, all of it happens or nothing:
/// <code>
/// prepare in every queue --> all records to the store, as one --> commit in every queue --> the channel is told
///             `-- a queue refuses --> abort in every queue --> the channel is told
/// </code>
/// Queues that are mirrored, or led by other nodes, store their parts themselves, when they are to commit them: each does all of its part or nothing, and the channel is told when all have.
/// </summary>
/// <param name="open">What was opened, to be released at the end.</param>
/// <param name="parts">What it does in each queue; at least in one.</param>
/// <param name="store">Makes its records durable, all or none.</param>
/// <param name="reply">Fails with 406 when a queue refused.</param>
internal sealed class Transaction(
    OpenTransaction open, Dictionary<IQueueEndpoint, TransactionPart> parts, IMessageStore store, Reply<bool> reply) : ITransaction, IReply<bool>
{
    private int _awaited = parts.Count;
    private int _uncommitted;
    private BrokerError? _error;
    private volatile bool _isRefused;

    /// <summary>Prepares, behind everything that the connection has posted to its queues.</summary>
    public void Start(PendingPosts posts)
    {
        foreach (var (queue, part) in parts) posts.Add(queue, QueueOperation.Prepare(part, this));
        posts.Flush();
    }

    /// <inheritdoc/>
    public void Prepared()
    {
        if (Interlocked.Decrement(ref _awaited) == 0) Decide();
    }

    /// <inheritdoc/>
    public void Refused()
    {
        _isRefused = true;
        Prepared();
    }

    /// <summary>Every queue has answered. On the thread of the last one.</summary>
    private void Decide()
    {
        if (_isRefused) Abort();
        else Store();
    }

    private void Store()
    {
        StoreRecord[] records = [.. parts.Values.SelectMany(part => part.Records)];
        if (records.Length == 0) Commit();
        else store.CommitTransaction(records, Commit);
    }

    /// <summary>Everything is durable. The queues have their mail before the client can ask them.</summary>
    private void Commit()
    {
        _uncommitted = 1 + parts.Values.Count(part => part.AnswersCommit);
        foreach (var (queue, part) in parts) queue.Post(QueueOperation.CommitPart(part, part.AnswersCommit ? this : null));
        Committed();
    }

    /// <summary>A queue has its part safe.</summary>
    void IReply<bool>.Complete(bool value) => Committed();

    /// <summary>A queue could not say whether it has.</summary>
    void IReply.Fail(BrokerError error)
    {
        _error = error;
        Committed();
    }

    private void Committed()
    {
        if (Interlocked.Decrement(ref _uncommitted) > 0) return;
        open.Release();
        if (_error is { } error) reply.Fail(error);
        else reply.Complete(true);
    }

    private void Abort()
    {
        foreach (var (queue, part) in parts) queue.Post(QueueOperation.AbortPart(part));
        open.Release();
        reply.Fail(BrokerError.PartialTxCompletion);
    }
}
