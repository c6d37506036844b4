using Amqp.Broker.Channels;
using Amqp.Broker.Flow;
using Amqp.Broker.Publishing;
using Amqp.Broker.Queues;
using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Queues;

namespace Amqp.Broker.Transactions;

/// <summary>
/// What a channel in tx mode has published and settled since its last commit or rollback. Owned by the connection's read loop.
/// The queues know nothing of it: what it settles is held as before, so when the channel ends nothing has to be undone.
/// </summary>
/// <param name="bytesMax">What its messages may take.</param>
/// <param name="memory">Is told what they take.</param>
internal sealed class OpenTransaction(int bytesMax, MemoryBudget memory)
{
    private long _bytes;

    /// <summary>What it does in each queue, in the order in which the queues came up.</summary>
    public Dictionary<QueueActor, TransactionPart> Parts { get; } = [];

    /// <summary>Deliveries that it settles, as the channel's tags named them: a rollback gives them back.</summary>
    public List<Unsettled> Taken { get; } = [];

    /// <summary>Mandatory messages that go nowhere: the client hears of them when it commits.</summary>
    public List<Message> Returned { get; } = [];

    /// <summary>Messages published in it.</summary>
    public int PublishCount { get; private set; }

    /// <exception cref="BrokerException">406: it would be too large.</exception>
    public void Publish(Message message, Route route, bool mandatory)
    {
        PublishCount++;
        if (route.Queues.Length == 0 && !(mandatory && route.IsEmpty)) return;
        if (_bytes + message.Size > bytesMax) throw new BrokerException(BrokerError.TransactionTooLarge(_bytes + message.Size, bytesMax));
        _bytes += message.Size;
        memory.Add(message.Size);
        if (route.IsEmpty) Returned.Add(message);
        foreach (var queue in route.Queues) PartOf(queue).Publishes.Add(message);
    }

    public void Settle(in Unsettled delivery, Settlement settlement)
    {
        Taken.Add(delivery);
        PartOf(((IQueueLink)delivery.Holder).Queue).Settlements.Add(new HeldMessage(delivery.Holder, delivery.Position, settlement));
    }

    /// <summary>Its messages are not kept here any more: queues have them, or nobody.</summary>
    public void Release()
    {
        memory.Add(-_bytes);
        _bytes = 0;
    }

    private TransactionPart PartOf(QueueActor queue)
    {
        if (!Parts.TryGetValue(queue, out var part)) Parts.Add(queue, part = new TransactionPart());
        return part;
    }
}
