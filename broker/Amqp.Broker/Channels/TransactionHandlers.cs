using Amqp.Broker.Connections;
using Amqp.Broker.Loops;
using Amqp.Broker.Transactions;
using Amqp.Core.Errors;
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
        foreach (var message in transaction.Returned) channel.Output.Post(OutboundItem.Return(channel, message, confirmNumber: 0));
        if (transaction.Parts.Count > 0) await Commit(transaction);
        else transaction.Release();
        channel.Send(default(TxCommitOk));
    }

    public ValueTask Rollback(TxRollback _)
    {
        var transaction = Open;
        channel.Tags.GiveBack(transaction.Taken);
        transaction.Release();
        channel.Transaction = New();
        channel.Send(default(TxRollbackOk));
        return ValueTask.CompletedTask;
    }

    private OpenTransaction Open => channel.Transaction ?? throw new BrokerException(BrokerError.NotTransactional);

    private OpenTransaction New() => new(channel.Connection.Services.Limits.TransactionBytes, channel.Connection.Services.Memory);

    private Reply<bool> Commit(OpenTransaction transaction)
    {
        var reply = new Reply<bool>(channel.Connection.Loop);
        new Transaction(transaction, channel.Connection.Services.Messages, reply).Start(channel.Connection.Posts);
        return reply;
    }
}
