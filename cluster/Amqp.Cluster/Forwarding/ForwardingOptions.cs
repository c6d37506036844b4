namespace Amqp.Cluster.Forwarding;

/// <summary>Times and sizes of what users of this node do with queues of other nodes. Times are milliseconds.</summary>
public sealed record ForwardingOptions
{
    /// <summary>So long operations wait for a session with the node that leads their queue, and consumers keep their place when one was lost: two processes that live have a new one
    /// long before, even on a machine that stands still for seconds. A node that has ended is known by its lease, before this; clients wait twice as long for an answer.</summary>
    public int PatienceMs { get; init; } = 10_000;

    /// <summary>While there is no session it is looked so often whether there can be one.</summary>
    public int RetryMs { get; init; } = 200;

    /// <summary>So long an operation waits at the leading node for a queue that this node does not know yet: definitions arrive on each node in their own time.</summary>
    public int UnknownQueueMs { get; init; } = 2_000;

    /// <summary>Bytes of messages on their way to one consumer of another node, besides what waits for its socket.</summary>
    public int ConsumerWindowBytes { get; init; } = 1_048_576;
}
