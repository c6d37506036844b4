using Amqp.Broker.Channels;
using Amqp.Broker.Publishing;
using Amqp.Broker.Queues;
using Amqp.Core.Messages;
using Amqp.Core.Queues;

namespace Amqp.Broker.Transactions;

/// <summary>
/// What a channel in tx mode has published and settled since its last commit or rollback. Owned by the connection's read loop.
/// The queues know nothing of it: what it settles is held as before, so when the channel ends nothing has to be undone.
/// </summary>
internal sealed class OpenTransaction
{
    /// <summary>What it does in each queue, in the order in which the queues came up.</summary>
    public Dictionary<QueueActor, TransactionPart> Parts { get; } = [];

    /// <summary>Deliveries that it settles, as the channel's tags named them: a rollback gives them back.</summary>
    public List<Unsettled> Taken { get; } = [];

    /// <summary>Mandatory messages that go nowhere: the client hears of them when it commits.</summary>
    public List<Message> Returned { get; } = [];

    /// <summary>What its messages cost while they are kept (<see cref="Message.Size"/>); one that goes to several queues counts once.</summary>
    public long Bytes { get; private set; }

    public void Publish(Message message, Route route, bool mandatory)
    {
        if (mandatory && route.IsEmpty) Returned.Add(message);
        else if (route.Queues.Length == 0) return;
        foreach (var queue in route.Queues) PartOf(queue).Publishes.Add(message);
        Bytes += message.Size;
    }

    public void Settle(in Unsettled delivery, Settlement settlement)
    {
        Taken.Add(delivery);
        PartOf(((IQueueLink)delivery.Holder).Queue).Settlements.Add(new HeldMessage(delivery.Holder, delivery.Position, settlement));
    }

    private TransactionPart PartOf(QueueActor queue)
    {
        if (!Parts.TryGetValue(queue, out var part)) Parts.Add(queue, part = new TransactionPart());
        return part;
    }
}
