namespace Amqp.Cluster.Links;

/// <summary>Times and sizes of the links between nodes. Times are milliseconds.</summary>
public sealed record LinkOptions
{
    /// <summary>A side that has nothing to send says so every so often.</summary>
    public int HeartbeatMs { get; init; } = 300;

    /// <summary>A link on which nothing was heard for so long is broken: five heartbeats, which a busy machine may delay.</summary>
    public int SilenceMs { get; init; } = 1_500;

    /// <summary>For connecting, for the handshake and for the first frame: other nodes are near.</summary>
    public int ConnectMs { get; init; } = 3_000;

    /// <summary>Bytes of one frame: a transaction, which a mirror gets as a whole, may be of 512 MiB (<c>Limits:TransactionBytes</c>), and has its records around it.</summary>
    public int FrameBytesMax { get; init; } = 640 << 20;

    /// <summary>Bytes that wait for a link. What clients and mirrors have on the way is bounded by its own credit, far below that; a link that has as much is broken.</summary>
    public long WaitingBytesMax { get; init; } = 1_024 << 20;

    /// <summary>Connections that have not said yet who they are. Others wait to be accepted.</summary>
    public int HandshakesMax { get; init; } = 64;
}

/// <summary>Connections to one node that do not wait for each other.</summary>
public enum LinkLane : byte
{
    /// <summary>Questions and answers of the nodes themselves.</summary>
    Control,

    /// <summary>What queues and their mirrors say to each other.</summary>
    Replication,

    /// <summary>What clients do with queues of other nodes.</summary>
    Clients,
}
