namespace Amqp.Cluster.Membership;

/// <summary>Something that happened to one member.</summary>
/// <param name="Epoch">Of the start that began or ended; 0 when the node joined or left.</param>
public readonly record struct ClusterChange(string Node, uint Epoch, ClusterChangeKind Kind);

/// <summary>What can happen to a member.</summary>
public enum ClusterChangeKind
{
    /// <summary>It is a member now.</summary>
    Joined,

    /// <summary>It runs now.</summary>
    Started,

    /// <summary>It runs no more: it was stopped, its process is gone, or its lease has ended.</summary>
    Ended,

    /// <summary>It is no member any more.</summary>
    Left,
}
