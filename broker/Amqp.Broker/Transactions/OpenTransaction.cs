using Amqp.Broker.Channels;
using Amqp.Broker.Flow;
using Amqp.Broker.Publishing;
using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Broker.Transactions;

/// <summary>A message that waits for its transaction's commit, and where it was going when it was published.</summary>
internal readonly record struct UncommittedPublish(Message Message, Route Route, bool Mandatory);

/// <summary>A delivery that a transaction settles, as the channel's tag named it, and what becomes of it.</summary>
internal readonly record struct UncommittedSettlement(Unsettled Delivery, Settlement Settlement);

/// <summary>
/// What a channel in tx mode has published and settled since its last commit or rollback. Owned by the connection's read loop.
/// The queues know nothing of it: what it settles is held as before, so when the channel ends nothing has to be undone.
/// </summary>
/// <param name="bytesMax">What its messages may take.</param>
/// <param name="memory">Is told what they take.</param>
internal sealed class OpenTransaction(int bytesMax, MemoryBudget memory)
{
    /// <summary>What a message on its way into one more queue takes until the end of the commit, or a settlement, about: here, in the
    /// queue's table of unacked messages, and as a record.</summary>
    private const int EntryBytes = 128;

    private long _bytes;

    /// <summary>In their order.</summary>
    public List<UncommittedPublish> Publishes { get; } = [];

    /// <summary>Deliveries that it settles: a rollback gives them back.</summary>
    public List<UncommittedSettlement> Settlements { get; } = [];

    /// <exception cref="BrokerException">406: it would be too large.</exception>
    public void Publish(Message message, Route route, bool mandatory)
    {
        var queues = route.Queues.Length + route.Absent.Length;
        Add(message.Size + ((long)queues * EntryBytes));
        Publishes.Add(new UncommittedPublish(message, route, mandatory));
    }

    /// <exception cref="BrokerException">406: it would be too large.</exception>
    public void Settle(in Unsettled delivery, Settlement settlement)
    {
        Add(EntryBytes);
        Settlements.Add(new UncommittedSettlement(delivery, settlement));
    }

    /// <summary>
    /// What it does in each queue, now that it is to be committed. As in RabbitMQ a message goes to the queues that have the names now
    /// which it was routed to, whether they were deleted and declared again meanwhile or only declared.
    /// </summary>
    /// <param name="find">The queue of a name, or null.</param>
    /// <param name="routed">Told of each message how many queues of clients it goes to, in the order of their publishes.</param>
    public Dictionary<IQueueEndpoint, TransactionPart> Parts(Func<string, IQueueEndpoint?> find, Action<UncommittedPublish, int> routed)
    {
        var parts = new Dictionary<IQueueEndpoint, TransactionPart>();
        foreach (var publish in Publishes)
        {
            var (message, route, _) = publish;
            var taken = 0;
            foreach (var queue in route.Queues)
            {
                if (Reaches(queue.IsDeleted && queue.Definition.Exchange is null ? find(queue.Definition.Name) : queue, message)) taken++;
            }
            foreach (var name in route.Absent)
            {
                if (Reaches(find(name), message)) taken++;
            }
            routed(publish, taken);
        }
        foreach (var ((_, link, position), settlement) in Settlements)
            PartOf(link.Queue).Settlements.Add(new HeldMessage(link.Holder, position, settlement));
        return parts;

        bool Reaches(IQueueEndpoint? queue, Message message)
        {
            if (queue is null) return false;
            PartOf(queue).Publishes.Add(message);
            return queue.Definition.Settings.Role != QueueRole.History;
        }

        TransactionPart PartOf(IQueueEndpoint queue)
        {
            if (!parts.TryGetValue(queue, out var part)) parts.Add(queue, part = new TransactionPart());
            return part;
        }
    }

    /// <summary>Its messages are not kept here any more: queues have them, or nothing has.</summary>
    public void Release()
    {
        memory.Add(-_bytes);
        _bytes = 0;
    }

    private void Add(long bytes)
    {
        if (_bytes + bytes > bytesMax) throw new BrokerException(BrokerError.TransactionTooLarge(_bytes + bytes, bytesMax));
        _bytes += bytes;
        memory.Add(bytes);
    }
}
