namespace Amqp.Replication;

/// <summary>
/// A node as the holder of one copy of a queue. The name alone does not say enough: a node that comes back with another data directory has nothing
/// of what it had, and one that was started again lacks its transient messages.
/// </summary>
/// <param name="Node">Its name, <c>rabbit@host</c>.</param>
/// <param name="Directory">The identity of its data directory, made with the directory.</param>
/// <param name="Boot">Of this start of the node; no other start of any node has it, and later ones have higher numbers.</param>
public readonly record struct Member(string Node, Guid Directory, long Boot)
{
    /// <summary>The same disk, whether the node was started again or not: what was flushed is there.</summary>
    public bool IsSameCopy(Member other) => Node == other.Node && Directory == other.Directory;

    public override string ToString() => $"{Node}/{Boot}";
}
