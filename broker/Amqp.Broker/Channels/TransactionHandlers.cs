using Amqp.Broker.Connections;
using Amqp.Broker.Loops;
using Amqp.Broker.Transactions;
using Amqp.Core.Errors;
using Amqp.Core.Metrics;
using Amqp.Core.Queues;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>tx.select, tx.commit, tx.rollback.</summary>
internal sealed class TransactionHandlers(ChannelSession channel)
{
    public ValueTask Select(TxSelect _)
    {
        if (channel.Confirms is not null) throw new BrokerException(BrokerError.ConfirmToTx);
        channel.Transaction ??= New();
        channel.Send(default(TxSelectOk));
        return ValueTask.CompletedTask;
    }

    public async ValueTask Commit(TxCommit _)
    {
        var transaction = Open;
        channel.Transaction = New();
        // What this frees is delivered behind commit-ok, as in RabbitMQ, where one process does both.
        channel.Prefetch.Hold();
        try
        {
            await Commit(transaction);
            channel.Send(default(TxCommitOk));
        }
        finally
        {
            channel.Prefetch.GoOn();
        }
    }

    public ValueTask Rollback(TxRollback _)
    {
        var transaction = Open;
        channel.Tags.GiveBack([.. transaction.Settlements.Select(settlement => settlement.Delivery)]);
        transaction.Release();
        channel.Transaction = New();
        channel.Send(default(TxRollbackOk));
        return ValueTask.CompletedTask;
    }

    private OpenTransaction Open => channel.Transaction ?? throw new BrokerException(BrokerError.NotTransactional);

    private OpenTransaction New() => new(channel.Connection.Services.Limits.TransactionBytes, channel.Connection.Services.Memory);

    private async ValueTask Commit(OpenTransaction transaction)
    {
        var vhost = channel.Connection.VirtualHost;
        var parts = transaction.Parts(
            name => vhost.FindQueue(name) is { } queue && channel.Connection.Services.Queues.TryFind(queue, out var actor) && !actor.IsDeleted ? actor : null,
            (publish, queues) =>
            {
                channel.CountPublish(publish.Route, publish.Message.BodySize, queues, publish.Mandatory);
                if (publish.Mandatory && queues == 0) channel.Output.Post(OutboundItem.Return(channel, publish.Message, confirmNumber: 0));
            });
        channel.FromClient.Add(Measure.Acknowledged, transaction.Settlements.Count(settled => settled.Settlement == Settlement.Acknowledge));
        if (parts.Count == 0)
        {
            transaction.Release();
            return;
        }
        var reply = new Reply<bool>(channel.Connection.Loop);
        new Transaction(transaction, parts, channel.Connection.Services.Messages, reply).Start(channel.Connection.Posts);
        await reply;
    }
}
