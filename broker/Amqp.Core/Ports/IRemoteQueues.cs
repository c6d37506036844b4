using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Core.Ports;

/// <summary>
/// Queues that other nodes lead, for the users of this one. Called by the topology service, one call after the other, before a change of the topology can be seen:
/// it must neither block nor throw.
/// </summary>
public interface IRemoteQueues
{
    /// <summary>There is a queue.</summary>
    QueueAccess Open(QueueDefinition queue);

    /// <summary>What this node has of a queue that was opened is there, and can be told what concerns it.</summary>
    void Opened(QueueDefinition queue);

    /// <summary>A queue that was opened may go by other policies now.</summary>
    QueueAccess Follow(QueueDefinition queue);

    /// <summary>A queue that was opened was deleted.</summary>
    void Close(QueueId queue);
}

/// <summary>How users of this node reach a queue.</summary>
/// <param name="IsHere">This node has it, or a copy of it.</param>
/// <param name="Elsewhere">What is posted there goes to the node that leads the queue, as long as the queue is not deleted. Null: this node has it, and no other one.</param>
public readonly record struct QueueAccess(bool IsHere, IQueueEndpoint? Elsewhere)
{
    /// <summary>No other node has it.</summary>
    public static QueueAccess HereOnly => new(IsHere: true, Elsewhere: null);
}

/// <summary>Queues that this node has, or has copies of, for other nodes; from any thread.</summary>
public interface ILocalQueues
{
    /// <returns>Null: it is not here, or not yet, or not any more.</returns>
    IQueueEndpoint? Find(QueueId queue);

    /// <summary>This node is to have a copy of a queue.</summary>
    /// <param name="elsewhere">Where its users turn as long as this copy does not lead.</param>
    /// <returns>It, or the one that is there already; null: the queue was deleted, or this node is just about to know it, and is to be asked again.</returns>
    IQueueEndpoint? OpenCopy(QueueDefinition queue, IQueueEndpoint elsewhere);

    /// <summary>How the queues are that this node has, or has copies of, without asking them. Those that are being deleted are left out.</summary>
    /// <param name="which">Of these only.</param>
    IEnumerable<LeaderReport> Reports(Func<QueueId, bool> which);

    /// <summary>Puts messages of a copy that no leader ever knew into a queue of their own, <c>amq.recovered.NAME</c>, which operators find and can consume from.</summary>
    /// <param name="kept">Called when they are safe there.</param>
    void KeepAside(QueueDefinition queue, IReadOnlyList<Message> messages, Action kept);
}
