using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>A delivery that has arrived and waits for room.</summary>
internal readonly record struct Parked(long Position, Message Message, bool Redelivered);

/// <summary>A consumer of this node, of a queue that another node leads.</summary>
/// <param name="reply">Told when it was added for the first time.</param>
internal sealed class RemoteConsumer(QueueConsumer consumer, RemoteQueue queue, long number, IReply<ConsumeResult> reply) : RemoteHolder(consumer, queue, number)
{
    public QueueConsumer Consumer => consumer;

    /// <summary>Null: it has its answer.</summary>
    public IReply<ConsumeResult>? Reply { get; set; } = reply;

    /// <summary>The leader has been told of it, in this session.</summary>
    public bool IsSubscribed { get; set; }

    /// <summary>It gets nothing more, and still has messages.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>The leader asks before it takes a message.</summary>
    public bool Asks { get; set; }

    /// <summary>It has asked, and has no answer.</summary>
    public bool IsAsked { get; set; }

    /// <summary>Answers that no message has come for: each has a place in the channel's prefetch.</summary>
    public int Granted { get; set; }

    /// <summary>There was no room, and a Resume will say when there is.</summary>
    public bool AwaitsRoom { get; set; }

    /// <summary>Deliveries that wait for room; their bytes are bounded by the stand-in's window. Null: there were none.</summary>
    public Queue<Parked>? Parked { get; set; }

    /// <summary>Bytes of deliveries that are on their way to the socket, and for which the stand-in has not got room back.</summary>
    public long Entered { get; set; }

    /// <summary>It looks at messages from this position on; -1: it takes them.</summary>
    public long BrowsesFrom { get; set; } = consumer.BrowsesFrom ?? -1;

    public bool HasParked => Parked is { Count: > 0 };

    /// <summary>Its subscription has ended, with what belonged to it: places in the channel's prefetch go back.</summary>
    public void EndSubscription()
    {
        (IsSubscribed, IsAsked, Entered) = (false, false, 0);
        // Those that need no acknowledgement are settled for the queue: no other copy of them comes.
        if (!consumer.AutoAck) Parked = null;
        if (Granted == 0) return;
        var granted = Granted;
        Granted = 0;
        StandIn.Leave(consumer, granted);
    }
}
