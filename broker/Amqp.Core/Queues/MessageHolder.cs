namespace Amqp.Core.Queues;

/// <summary>
/// What holds messages that a queue handed out and that are not settled yet: a consumer, or a channel that used
/// basic.get. Owned by the queue's actor; the list itself lives in <see cref="UnackedTable"/>.
/// </summary>
public abstract class MessageHolder
{
    internal const int None = -1;

    /// <summary>First of this holder's slots in the table, or <see cref="None"/>.</summary>
    internal int FirstSlot = None;

    /// <summary>Messages handed out and not settled.</summary>
    public int UnackedCount { get; internal set; }
}
