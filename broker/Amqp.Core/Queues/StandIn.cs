namespace Amqp.Core.Queues;

/// <summary>
/// For code that stands in for a queue that another node leads: it does with this node's consumers and holders what the queue would do, since what the queue knows there is only
/// their stand-ins. No other code calls this.
/// </summary>
public static class StandIn
{
    /// <summary>As the queue asks it: a false answer is the promise of a <see cref="QueueOperation.Resume"/>.</summary>
    public static bool TryEnter(QueueConsumer consumer, int bytes) => consumer.TryEnter(bytes);

    /// <summary>A message takes of the room that an empty one was let into.</summary>
    public static void Fill(QueueConsumer consumer, int bytes) => consumer.Fill(bytes);

    /// <summary>That many messages of it were settled, or went back.</summary>
    public static void Leave(QueueConsumer consumer, int count) => consumer.Leave(count);

    /// <summary>The room promised by a Resume is not needed.</summary>
    public static void Decline(QueueConsumer consumer) => consumer.Decline();

    /// <summary>The queue has to ask before it takes a message for this consumer.</summary>
    public static bool SharesRoom(QueueConsumer consumer) => consumer.SharesRoom;

    /// <summary>What the holder has, of what the other node has handed out to it.</summary>
    public static void SetUnackedCount(MessageHolder holder, int count) => holder.UnackedCount = count;

    /// <summary>What the other node has found of a part that is looked at.</summary>
    public static void Fill(BrowsedPart part, IEnumerable<BrowsedMessage> messages, long next, bool isLast)
    {
        foreach (var message in messages) part.Add(message, message.Message?.Size ?? 0);
        (part.Next, part.IsLast) = (next, isLast);
    }
}
