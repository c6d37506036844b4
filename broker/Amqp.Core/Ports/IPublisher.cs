namespace Amqp.Core.Ports;

/// <summary>
/// What publishes messages to queues, and is told by each queue what became of them: a channel in confirm mode, a queue that dead-letters, the
/// HTTP API. Called from any thread; it must neither block nor throw.
/// </summary>
public interface IPublisher
{
    /// <summary>A queue has taken the messages of these numbers: it has them, on the disk if they have to be there.</summary>
    void Taken(ReadOnlySpan<long> numbers);

    /// <summary>A queue could not take the message of that number.</summary>
    void Refused(long number);
}

/// <summary>A publisher that may send something again, to another leader of the queue, when it has no answer: what is known by its number is not taken twice.</summary>
public interface INumberedPublisher : IPublisher
{
    /// <summary>Of the start of the node that it is on; no other start has it.</summary>
    long Node { get; }

    /// <summary>Its number there.</summary>
    long Id { get; }

    /// <summary>Every publish below that number has its answer, and will not be sent again.</summary>
    long Floor { get; }

    /// <summary>The queue is not led here any more, and nothing says whether it has the message of that number.</summary>
    void Lost(long number);
}

/// <summary>Answers for a user on another node, who finds the leader of a queue without help.</summary>
public interface IStandIn
{
    /// <summary>An operation was not done: the queue is not led here.</summary>
    void NotLeading(in Queues.QueueOperation operation);
}

/// <summary>What a publisher may have on the way, in bytes: taken when it posts messages, given back when queues have taken care of them.</summary>
public interface IPublishCredit
{
    /// <summary>From any thread; it must neither block nor throw.</summary>
    void GiveBack(long bytes);
}
