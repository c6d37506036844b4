using Amqp.Broker.Transactions;
using Amqp.Core.Errors;
using Amqp.Core.Metrics;
using Amqp.Core.Queues;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>Settling deliveries: basic.ack, basic.reject, basic.nack, basic.recover.</summary>
internal sealed class AckHandlers(ChannelSession channel)
{
    /// <summary>Room for more settlements at once is given up when they are done.</summary>
    private const int TakenKept = 1024;

    private readonly List<Unsettled> _taken = [];

    public ValueTask Ack(BasicAck ack) => Settle(ack.DeliveryTag, ack.Multiple, Settlement.Acknowledge);

    public ValueTask Reject(BasicReject reject) => Settle(reject.DeliveryTag, multiple: false, Refusal(reject.Requeue));

    public ValueTask Nack(BasicNack nack) => Settle(nack.DeliveryTag, nack.Multiple, Refusal(nack.Requeue));

    public ValueTask Recover(BasicRecover recover)
    {
        RequeueAll(recover.Requeue);
        channel.Send(default(BasicRecoverOk));
        return ValueTask.CompletedTask;
    }

    public ValueTask RecoverAsync(BasicRecoverAsync recover)
    {
        RequeueAll(recover.Requeue);
        return ValueTask.CompletedTask;
    }

    private static Settlement Refusal(bool requeue) => requeue ? Settlement.Requeue : Settlement.Reject;

    private void RequeueAll(bool requeue)
    {
        if (!requeue) throw new BrokerException(BrokerError.RecoverWithoutRequeue);
        // In tx mode too; what the open transaction settles stays with it.
        Take(tag: 0, multiple: true);
        SettleNow(Settlement.Requeue);
        Forget();
    }

    private ValueTask Settle(ulong tag, bool multiple, Settlement settlement)
    {
        Take(tag, multiple);
        if (channel.Transaction is { } transaction) SettleLater(transaction, settlement);
        else SettleNow(settlement);
        Forget();
        return ValueTask.CompletedTask;
    }

    private void Take(ulong tag, bool multiple)
    {
        if (!channel.Tags.TryTake(tag, multiple, _taken)) throw new BrokerException(BrokerError.UnknownDeliveryTag(tag));
    }

    private void Forget()
    {
        _taken.Clear();
        if (_taken.Capacity > TakenKept) _taken.Capacity = 0;
    }

    private void SettleNow(Settlement settlement)
    {
        if (settlement == Settlement.Acknowledge) channel.FromClient.Add(Measure.Acknowledged, _taken.Count);
        foreach (var (_, link, position) in _taken)
            channel.Connection.Posts.Add(link.Queue, QueueOperation.Settle(settlement, link.Holder, position));
    }

    private void SettleLater(OpenTransaction transaction, Settlement settlement)
    {
        foreach (var delivery in _taken) transaction.Settle(delivery, settlement);
    }
}
