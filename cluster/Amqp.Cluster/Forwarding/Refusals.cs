using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>What operations are answered with that cannot be given to their queue. Settlements and what is about consumers that exist is not among them.</summary>
internal static class Refusals
{
    /// <summary>The queue was deleted: as a queue does it that is on this node.</summary>
    public static void AsDeleted(in QueueOperation operation, BrokerError notFound)
    {
        switch (operation)
        {
            case { Kind: QueueOperationKind.Publish, ReplyTo: IPublisher publisher }:
                publisher.Taken([operation.Position]);
                break;
            case { Kind: QueueOperationKind.Prepare, ReplyTo: ITransaction transaction }:
                transaction.Prepared();
                break;
            case { Kind: QueueOperationKind.CommitPart, ReplyTo: IReply<bool> reply }:
                reply.Complete(true);
                break;
            case { Kind: QueueOperationKind.Status, ReplyTo: IReply<QueueStatus> reply }:
                reply.Complete(new QueueStatus(0, 0, Gone: true));
                break;
            case { Kind: QueueOperationKind.Delete, ReplyTo: IReply<DeleteResult> reply }:
                reply.Complete(new DeleteResult(DeleteOutcome.Gone, 0));
                break;
            case { Kind: QueueOperationKind.RemoveConsumer, ReplyTo: IReply<int> reply }:
                reply.Complete(0);
                break;
            default:
                AsDown(operation, notFound);
                break;
        }
    }

    /// <summary>The queue cannot be reached, or nothing says what has become of the operation.</summary>
    public static void AsDown(in QueueOperation operation, BrokerError error)
    {
        switch (operation)
        {
            case { Kind: QueueOperationKind.Publish }:
                (operation.ReplyTo as IPublisher)?.Refused(operation.Position);
                break;
            case { Kind: QueueOperationKind.Credit, Subject: IPublishCredit credit }:
                credit.GiveBack(operation.Position);
                break;
            case { Kind: QueueOperationKind.Prepare, ReplyTo: ITransaction transaction }:
                transaction.Refused();
                break;
            case { Kind: QueueOperationKind.CommitPart }:
                (operation.ReplyTo as IReply)?.Fail(BrokerError.PartialTxCompletion);
                break;
            default:
                (operation.ReplyTo as IReply)?.Fail(error);
                break;
        }
    }
}
