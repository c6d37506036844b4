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

/// <summary>What a publisher may have on the way, in bytes: taken when it posts messages, given back when queues have taken care of them.</summary>
public interface IPublishCredit
{
    /// <summary>From any thread; it must neither block nor throw.</summary>
    void GiveBack(long bytes);
}
