using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Queues;

/// <content>The ends of a queue, deleted or failed, and what it says to everyone who comes after that.</content>
internal sealed partial class QueueActor
{
    /// <summary>
    /// Ends the queue. From here on it refuses everything; its name comes free when the topology has dropped it, and
    /// a caller that finds it gone before that asks the topology again, behind this deletion.
    /// </summary>
    /// <param name="user">Who wants it; null: the broker itself.</param>
    private void Delete(DeleteConditions conditions, IReply<DeleteResult>? reply, string? user = null)
    {
        if (_deleted) return;
        if (conditions.HasFlag(DeleteConditions.IfUnused) && _state.ConsumerCount > 0)
        {
            reply?.Complete(new DeleteResult(DeleteOutcome.InUse, 0));
            return;
        }
        if (conditions.HasFlag(DeleteConditions.IfEmpty) && _state.ReadyCount + _state.DelayedCount > 0)
        {
            reply?.Complete(new DeleteResult(DeleteOutcome.NotEmpty, 0));
            return;
        }
        _deleted = true;
        if (!_failed) CarryOut();
        _services.Tracing.Deleted(Definition);
        foreach (var consumer in _state.Consumers)
        {
            consumer.Cancelled();
            consumer.Removed();
        }
        var count = _state.ReadyCount;
        _pendingConfirms.SettleAll(_confirms);
        _confirms.Flush();
        EndCopy();
        RefuseWaiting(BrokerError.QueueNotFound(Definition.Vhost, Definition.Name));
        // Channels may know this actor for a while longer (what they fetched from it, where they published last): its messages
        // do not have to wait for that.
        ReportBytes(_state.ReleaseAll());
        _state = new QueueState(Definition.Id, _services.Epoch, isDurable: false, QueueSettings.None, _effects);
        _reportedBytes = 0;
        TellReport();
        GiveBackAllCredit();
        _timer?.Dispose();
        _services.Topology.Propose(
            new DeleteQueue(Definition.Vhost, Definition.Name, Definition.Id, User: user),
            result =>
            {
                // It went with its virtual host, so that no change of the topology names it and leads to Forget.
                if (!result.Changed) Forget();
                reply?.Complete(new DeleteResult(DeleteOutcome.Deleted, count));
            });
    }

    /// <summary>Answers for a queue that is being deleted, or that failed; of a copy that failed, the next leader does.</summary>
    private void Refuse(in QueueOperation operation)
    {
        if (_failed && !_deleted && IsCopy && operation.IsOfUsers && operation.ReplyTo is not CopyReply) PassOn(operation);
        else RefuseHere(operation);
    }

    private void RefuseHere(in QueueOperation operation)
    {
        switch (operation)
        {
            case { Kind: QueueOperationKind.Replicate, Subject: IReplicaEvent what }:
                if (_failed) what.Refused();
                break;
            case { Kind: QueueOperationKind.Publish }:
                RefusePublish(operation);
                break;
            case { Kind: QueueOperationKind.Credit }:
                ((IPublishCredit)operation.Subject!).GiveBack(operation.Position);
                break;
            case { Kind: QueueOperationKind.Committed or QueueOperationKind.Loaded or QueueOperationKind.DeadLettersRead }:
                break;
            case { Kind: QueueOperationKind.Stop }:
                ((Action)operation.ReplyTo!)();
                break;
            case { Kind: QueueOperationKind.CommitPart, ReplyTo: IReply<bool> reply } when _deleted:
                reply.Complete(true);
                break;
            case { Kind: QueueOperationKind.Prepare, ReplyTo: ITransaction transaction }:
                RefusePart((TransactionPart)operation.Subject!, transaction);
                break;
            case { ReplyTo: null }:
                // Nothing waits: a settlement of what is no more, for instance. A failed queue can still
                // be deleted, by its owner's end for instance.
                if (_failed && operation.Kind is QueueOperationKind.Delete or QueueOperationKind.Removed) Delete(operation.Conditions, reply: null);
                (operation.Subject as QueueConsumer)?.TooLate(operation.Kind);
                break;
            case { ReplyTo: IReply<DeleteResult> reply } when _failed && !_deleted:
                Delete(operation.Conditions, reply);
                break;
            case { ReplyTo: IReply<DeleteResult> reply }:
                reply.Complete(new DeleteResult(DeleteOutcome.Gone, 0));
                break;
            case { Kind: QueueOperationKind.RemoveConsumer, ReplyTo: IReply<int> reply }:
                reply.Complete(0);
                break;
            case { ReplyTo: IReply<QueueStatus> reply } when _deleted:
                reply.Complete(new QueueStatus(0, 0, Gone: true));
                break;
            default:
                ((IReply)operation.ReplyTo!).Fail(_deleted
                    ? BrokerError.QueueNotFound(Definition.Vhost, Definition.Name)
                    : BrokerError.QueueCrashed(Definition.Vhost, Definition.Name));
                break;
        }
    }

    /// <summary>A message for a deleted queue counts as taken, as with RabbitMQ: it would be gone now all the same.</summary>
    private void RefusePublish(in QueueOperation publish)
    {
        // When the node stops no client is left, and a dead letter has to stay in the queue that it comes from.
        if (_stopped || publish.ReplyTo is not IPublisher publisher) return;
        if (_deleted) publisher.Taken([publish.Position]);
        else publisher.Refused(publish.Position);
    }

    /// <summary>A deleted queue has nothing to say to a transaction, which goes on without it.</summary>
    private void RefusePart(TransactionPart part, ITransaction transaction)
    {
        foreach (var held in part.Settlements) (held.Holder as QueueConsumer)?.TooLate(QueueOperationKind.Settle);
        part.Records.Clear();
        if (_deleted) transaction.Prepared();
        else transaction.Refused();
    }

    private void Fail(Exception exception)
    {
        if (IsCopy) LogCopyFailed(_services.Logger, exception, Definition.Name, Definition.Vhost);
        else LogFailed(_services.Logger, exception, Definition.Name, Definition.Vhost);
        if (_failed) return;
        _failed = true;
        QueueConsumer[] consumers = [.. _state.Consumers];
        if (IsCopy && TryTurnAway()) consumers = [];
        // What was handed out and will not be sent, and the turns in line, have places in the prefetch of channels.
        foreach (ref readonly var delivery in _effects.Deliveries) delivery.Consumer.TooLate(QueueOperationKind.Settle);
        foreach (var consumer in consumers)
        {
            consumer.TooLate(QueueOperationKind.Resume);
            consumer.Cancelled();
            consumer.Removed();
        }
        _effects.Clear();
        _confirms.Refuse();
        _pendingConfirms.RefuseAll();
        GiveBackAllCredit();
        EndCopy();
        RefuseWaiting(BrokerError.QueueCrashed(Definition.Vhost, Definition.Name));
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "The copy of queue '{Name}' in vhost '{Vhost}' on this node stopped because of a defect of the broker; if it led, another copy in sync takes over. It is of no use until the node is restarted, please report this")]
    private static partial void LogCopyFailed(ILogger logger, Exception exception, string name, string vhost);

    [LoggerMessage(Level = LogLevel.Critical, Message = "Queue '{Name}' in vhost '{Vhost}' stopped because of a defect of the broker; its messages are not served until the node is restarted, please report this")]
    private static partial void LogFailed(ILogger logger, Exception exception, string name, string vhost);
}
