namespace Amqp.Core.Ports;

/// <summary>
/// How many connections and channels users and virtual hosts have, at this node and at the others of its cluster: limits hold for all together, as in RabbitMQ. As there, nodes hear of each other's within moments, and
/// two of them may each let in the last one at the same time. From any thread; nothing here blocks.
/// </summary>
public interface INodeUsage
{
    /// <summary>What there is of this node at this moment, each count above 0.</summary>
    IEnumerable<UsageCount> Own { get; }

    /// <summary>Called when a count of this node has changed; on any thread. Set once.</summary>
    Action<UsageKey> OwnChanged { set; }

    /// <summary>How many there are at this node at this moment.</summary>
    int OwnOf(UsageKey key);

    /// <summary>The other nodes have so many more, or fewer.</summary>
    void AddElsewhere(UsageKey key, int more);
}

/// <summary>What is counted.</summary>
public enum UsageKind : byte
{
    ConnectionsOfVhost,
    ConnectionsOfUser,
    ChannelsOfUser,
}

/// <param name="Name">Of the user or the virtual host.</param>
public readonly record struct UsageKey(UsageKind Kind, string Name);

/// <param name="Count">At one node.</param>
public readonly record struct UsageCount(UsageKey Key, int Count);
