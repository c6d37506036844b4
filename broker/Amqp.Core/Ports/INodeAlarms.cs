namespace Amqp.Core.Ports;

/// <summary>What this node runs short of, and what other nodes of the cluster do: either blocks publishers everywhere, as in RabbitMQ. From any thread; nothing here blocks.</summary>
public interface INodeAlarms
{
    /// <summary>What this node runs short of at this moment.</summary>
    Shortages Own { get; }

    /// <summary>Called when <see cref="Own"/> is another; on any thread. Set once.</summary>
    Action OwnChanged { set; }

    /// <summary>What other nodes run short of, all together.</summary>
    void SetElsewhere(Shortages elsewhere);
}

/// <summary>What a node can run short of.</summary>
[Flags]
public enum Shortages
{
    None = 0,
    Memory = 1,
    Disk = 2,
}
