namespace Amqp.Replication;

/// <summary>Times and sizes of one replica. Times are milliseconds of the clock that every event comes with.</summary>
public sealed record ReplicaOptions
{
    /// <summary>A mirror in sync that has not confirmed a batch for so long is taken out of the set (<c>ha-max-lag-ms</c>).</summary>
    public long MaxLagMs { get; init; } = 5_000;

    /// <summary>So is one whose link is closed for so long, though its process is not known to have ended: a link that broke is there again within that time at best.</summary>
    public long LinkGoneMs { get; init; } = 1_000;

    /// <summary>What has no answer is asked or said again after so long. What a mirror has not taken it gets again after so long, too, then later each time; at once when the
    /// link to it is a new one: links lose only what was in them when they broke.</summary>
    public long ResendMs { get; init; } = 1_000;

    /// <summary>A hand-over that has not come to its last step after so long is given up: clients wait meanwhile, and the operator may ask again.</summary>
    public long HandOverMs { get; init; } = 3_000;

    /// <summary>For so long a hand-over waits for acknowledgements that are on their way: a consumer whose messages are not acknowledged by then gets them again from the
    /// next leader. Long enough for what is being worked on in a stream, short enough that publishers hardly notice when a consumer holds its messages for hours.</summary>
    public long LastAcksMs { get; init; } = 500;

    /// <summary>Messages that a <see cref="Part"/> describes: 100 kB or so.</summary>
    public int PartCount { get; init; } = 2_048;

    /// <summary>Messages that a <see cref="Want"/> asks for: enough to copy for some ten milliseconds, so that the way there and back hardly counts.</summary>
    public int WantCount { get; init; } = 4_096;

    /// <summary>Bytes of messages in a <see cref="Fill"/>, one message at least: so much is read and sent at once.</summary>
    public long FillBytes { get; init; } = 256 << 10;

    /// <summary>Bytes of parts and messages that are on their way to a mirror that catches up: with 4 MiB a disk stays busy, and what the leader's publishers send is not
    /// held up by more.</summary>
    public long CatchUpBytes { get; init; } = 4 << 20;

    /// <summary>A mirror that lacks more messages than that is told of no others until it has got some: each takes 50 bytes there.</summary>
    public int LackingMax { get; init; } = 65_536;

    /// <summary>Bytes that are kept for a mirror until it has taken them, and one item, which may be a large message. One that is further behind has to join again: then it gets what is still there only.</summary>
    public long TailBytesMax { get; init; } = 64 << 20;
}
