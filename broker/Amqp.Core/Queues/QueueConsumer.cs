using Amqp.Core.Errors;
using Amqp.Core.Ports;

namespace Amqp.Core.Queues;

/// <summary>
/// A consumer as its queue sees it. What lies behind it (channel, socket, prefetch shared by a channel) is hidden by the
/// abstract members, so that a test can stand in for it.
/// </summary>
public abstract class QueueConsumer : MessageHolder
{
    public required string Tag { get; init; }

    /// <summary>True when messages count as settled once they are handed out (no-ack of basic.consume).</summary>
    public required bool AutoAck { get; init; }

    /// <summary>No other consumer may share the queue.</summary>
    public required bool Exclusive { get; init; }

    /// <summary>The <c>x-priority</c> argument: higher ones are served first as long as they can take messages.</summary>
    public required int Priority { get; init; }

    /// <summary>Unsettled messages this consumer may hold; 0 means any number. Ignored with <see cref="AutoAck"/>.</summary>
    public required int Prefetch { get; init; }

    /// <summary>It looks at messages from this position on and takes none (<c>x-browse</c>); null: it takes them, as consumers do. Beyond the end: it sees
    /// what comes.</summary>
    public long? BrowsesFrom { get; init; }

    /// <summary>It ends when the queue is led by another node from then on; if not, it goes on there, and its client hears of nothing (<c>x-cancel-on-ha-failover</c>).</summary>
    public bool EndsWithLeader { get; init; }

    /// <summary>Where its deliveries go.</summary>
    public abstract IDeliveryOutlet Outlet { get; }

    internal ConsumerState State;

    internal bool PrefetchIsFull => !AutoAck && Prefetch != 0 && UnackedCount >= Prefetch;

    /// <summary>The queue has it, and delivers nothing to it before this was called. Called again when it goes on with another leader.</summary>
    public abstract void Added();

    /// <summary>It is no consumer of its queue any more, whatever the reason.</summary>
    public virtual void Removed()
    {
    }

    /// <summary>Its queue is gone.</summary>
    public abstract void Cancelled();

    /// <summary>Another node may lead its queue from now on, and what it holds means nothing any more: it ends, or goes on there.</summary>
    /// <param name="leader">Reaches that node.</param>
    public virtual void TurnTo(IQueueEndpoint leader)
    {
        if (EndsWithLeader) End();
        else leader.Post(QueueOperation.AddConsumer(this, new TurnReply(this)));
    }

    private void End()
    {
        Cancelled();
        Removed();
    }

    /// <summary>For an operation that came too late, its queue being no more: the places that its deliveries and its turn in line have in what
    /// it shares with other consumers do not go with the queue.</summary>
    public void TooLate(QueueOperationKind operation)
    {
        if (operation == QueueOperationKind.Resume) Decline();
        else if (operation == QueueOperationKind.Settle) Leave(1);
    }

    /// <summary>
    /// Asks for room to hand out one more message. A false answer is a promise: as soon as there is room, <see
    /// cref="QueueState.Resume"/> is called for this consumer.
    /// </summary>
    /// <param name="bytes">Size of the message.</param>
    protected internal abstract bool TryEnter(int bytes);

    /// <summary>That many of its messages were settled or returned.</summary>
    protected internal abstract void Leave(int count);

    /// <summary>The room promised by a Resume is not needed now; others that share it may have it.</summary>
    protected internal abstract void Decline();

    /// <summary>It shares a limit with other consumers, of other queues maybe, so that a message that is taken for it in vain is kept from those. What stands in for it on another
    /// node asks with an empty message before it takes one.</summary>
    protected internal virtual bool SharesRoom => false;

    /// <summary>A message takes of the room that <see cref="TryEnter"/> has given to an empty one.</summary>
    protected internal virtual void Fill(int bytes)
    {
    }

    /// <summary>What the next leader says of a consumer that wants to go on.</summary>
    private sealed class TurnReply(QueueConsumer consumer) : IReply<ConsumeResult>
    {
        public void Complete(ConsumeResult value)
        {
            if (value != ConsumeResult.Added) consumer.End();
        }

        public void Fail(BrokerError error) => consumer.End();
    }
}

/// <summary>Where a consumer stands in its queue's rotation.</summary>
internal enum ConsumerState : byte
{
    /// <summary>Not, or no longer, a consumer of the queue.</summary>
    Detached,

    /// <summary>In the rotation.</summary>
    Waiting,

    /// <summary>Out of it until one of its messages is settled.</summary>
    PrefetchFull,

    /// <summary>Out of it until <see cref="QueueState.Resume"/>.</summary>
    NoRoom,
}
