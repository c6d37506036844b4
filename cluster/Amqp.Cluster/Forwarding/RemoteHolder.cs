using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>What has messages of a queue that another node leads: a channel that used basic.get, or a consumer. Owned by the leader's link.</summary>
/// <param name="number">Its stand-in at the leader has the same.</param>
internal class RemoteHolder(MessageHolder holder, RemoteQueue queue, long number)
{
    public MessageHolder Holder => holder;

    public RemoteQueue Queue => queue;

    public long Number => number;

    /// <summary>First of its slots in the <see cref="HeldTable"/>.</summary>
    public int FirstSlot { get; set; } = HeldTable.None;

    /// <summary>It is gone: what comes for it is not kept.</summary>
    public bool IsOver { get; set; }

    /// <summary>One message more, or fewer.</summary>
    public void Count(int change) => StandIn.SetUnackedCount(holder, holder.UnackedCount + change);
}
