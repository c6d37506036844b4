using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>One way from a <see cref="MovingQueue"/> to the leader of the moment: the publisher of what is published on it.</summary>
/// <param name="target">The copy on this node, or the queue as another node has it.</param>
internal sealed class LeaderReach(MovingQueue queue, IQueueEndpoint target) : INumberedPublisher
{
    private int _isLost;

    /// <summary>The queue was deleted.</summary>
    public bool IsOver => queue.IsDeleted;

    public IQueueEndpoint Target => target;

    public long Node => queue.Node;

    public long Id => queue.Definition.Id.Value;

    public long Floor => queue.Floor;

    public void Taken(ReadOnlySpan<long> numbers)
    {
        // In a row they are one word.
        for (var from = 0; from < numbers.Length;)
        {
            var count = 1;
            while (from + count < numbers.Length && numbers[from + count] == numbers[from] + count) count++;
            Taken(numbers[from], count);
            from += count;
        }
    }

    public void Taken(long first, long count) => queue.Hear(MovingMailKind.Taken, this, first, count);

    public void Refused(long number) => queue.Hear(MovingMailKind.Refused, this, number);

    public void Lost(long number) => Lose();

    /// <summary>Whatever was given to it has to be given to the next, but what is answered.</summary>
    public void Lose()
    {
        if (Interlocked.Exchange(ref _isLost, 1) == 0) queue.Hear(MovingMailKind.Lost, this);
    }

    /// <summary>An operation was not done, or nothing says whether it was.</summary>
    public void Return(in QueueOperation operation)
    {
        // Publishes that can be sent again are known.
        if (operation.ReplyTo is not LeaderReach) queue.Post(operation);
    }

    /// <summary>A consumer goes on with the next leader, or ends.</summary>
    public void Return(QueueConsumer consumer) => consumer.TurnTo(queue);

    /// <summary>The queue has left: what is under way comes back.</summary>
    public void Leave()
    {
        if (target is RemoteQueue remote) remote.Leave();
    }
}
