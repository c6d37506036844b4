using System.ComponentModel.DataAnnotations;

namespace Amqp.Core;

/// <summary>
/// Every bound of the broker, by name, with its unit in the name and its reason. The section <c>Limits</c> of
/// <c>appsettings.json</c> sets them. What is negotiated with clients has RabbitMQ 3.13's defaults.
/// </summary>
public sealed record Limits : IValidatableObject
{
    /// <summary>A message is one array in memory, and half of the largest array is left for what travels with it.</summary>
    private const int MessageBytesMax = 536_870_912;

    private const string LongMax = "9223372036854775807";

    /// <summary>Smallest frame_max a client may ask for (RabbitMQ 3.x, specification 1.1: every peer accepts 4096).</summary>
    public const int FrameBytesMin = 4096;

    /// <summary>
    /// How long one question to a regular expression of an operator may take. Nearly all take microseconds; those that do not get
    /// another engine (<see cref="Security.NamePattern"/>).
    /// </summary>
    public const int PatternMs = 50;

    /// <summary>Longest regular expression of an operator.</summary>
    public const int PatternCharacters = 4_096;

    /// <summary>Longest name of a user or a virtual host; connection.open could not carry a longer one.</summary>
    public const int NameBytes = 255;

    /// <summary>Longest time to live of a message, and of a queue that is not used. RabbitMQ: ten years.</summary>
    public const long TimeToLiveMs = 315_360_000_000;

    /// <summary>
    /// TCP connections at a time; more are closed as soon as they come. 0: as many as the files that the process may open leave
    /// room for, which is the limit in any case. RabbitMQ stops accepting at about the same number.
    /// </summary>
    [Range(0, int.MaxValue)]
    public int Connections { get; init; }

    /// <summary>
    /// Of these, connections that have not logged in; for each one more the oldest of them is closed. So many that good clients find
    /// room when all come back at once; so few that unauthenticated connections, which may make the broker keep some 64 KiB each, do not
    /// fill the memory. RabbitMQ has no such limit.
    /// </summary>
    [Range(1, int.MaxValue)]
    public int ConnectionsNotLoggedIn { get; init; } = 4_096;

    /// <summary>Channels a connection may open; also the number sent in connection.tune. RabbitMQ: 2047.</summary>
    [Range(1, ushort.MaxValue)]
    public ushort ChannelsPerConnection { get; init; } = 2047;

    /// <summary>Largest frame, octets of the frame itself included, sent in connection.tune. RabbitMQ: 131072.</summary>
    [Range(FrameBytesMin, 16_777_216)]
    public int FrameBytes { get; init; } = 131_072;

    /// <summary>Heartbeat interval proposed to clients; 0 proposes none. RabbitMQ: 60.</summary>
    public ushort HeartbeatSeconds { get; init; } = 60;

    /// <summary>Largest body of a message. RabbitMQ 3.x: 128 MiB.</summary>
    [Range(0, MessageBytesMax)]
    public int MessageBytes { get; init; } = 134_217_728;

    /// <summary>From the TCP connection to connection.open-ok; a client that takes longer is disconnected. RabbitMQ: 10 s.</summary>
    [Range(100, 3_600_000)]
    public int HandshakeMs { get; init; } = 10_000;

    /// <summary>
    /// Failed logins a minute of one user from one address, the unknown users of an address counting as one. Further ones are
    /// refused unseen until a minute's share of time has passed. Other logins are not held up. RabbitMQ has no such limit.
    /// </summary>
    [Range(1, 1_000_000)]
    public int FailedLoginsPerMinute { get; init; } = 60;

    /// <summary>How long a client may take to answer connection.close before its socket is closed all the same.</summary>
    [Range(100, 3_600_000)]
    public int CloseMs { get; init; } = 5_000;

    /// <summary>
    /// How long a client's system may take nothing of what waits to be sent to it; then its connection is closed, and its messages
    /// return. While it takes a little now and then, the connection stays. RabbitMQ: 30 s for each write of its own, <c>send_timeout</c>.
    /// </summary>
    [Range(100, 3_600_000)]
    public int SendMs { get; init; } = 30_000;

    /// <summary>
    /// How long a delivery may wait for its settlement, unless its queue, policy or consumer says otherwise (<c>consumer-timeout</c>); then
    /// its channel is closed with 406, and its messages return. 0: for ever. RabbitMQ's <c>consumer_timeout</c>: 30 minutes.
    /// </summary>
    [Range(typeof(long), "0", LongMax)]
    public long DeliveryTimeoutMs { get; init; } = 1_800_000;

    /// <summary>
    /// Bytes handed to one consumer and not yet written to its socket. Prefetch does not bound a consumer with automatic
    /// acknowledgement; this does, so that a reader that has stopped reading holds this much and no more.
    /// </summary>
    [Range(4_096, int.MaxValue / 2)]
    public int ConsumerWindowBytes { get; init; } = 1_048_576;

    /// <summary>
    /// Bytes of frames kept for a channel that waits for an answer of its own (a declare being written to disk). When they
    /// are used up, or 16 times as many by all its channels, the connection is not read until an answer is there.
    /// </summary>
    [Range(4_096, int.MaxValue / 2)]
    public int ChannelBacklogBytes { get; init; } = 262_144;

    /// <summary>
    /// Bytes of answers that a connection's client has asked for and not read: replies, fetched and returned messages. While there
    /// are more, nothing more is read from it, or a client that only sends would fill the memory.
    /// </summary>
    [Range(4_096, int.MaxValue / 2)]
    public int UnreadAnswerBytes { get; init; } = 4_194_304;

    /// <summary>Routes a connection remembers (exchange and routing key to queues) for as long as they lead there.</summary>
    [Range(1, 1_000_000)]
    public int RoutesPerConnection { get; init; } = 1_024;

    /// <summary>
    /// Bytes that a connection has published and the broker has not taken care of: queues have not come to them, or they are on
    /// their way to the disk. When they are used up, the connection is not read from its next content on. Large enough for
    /// what a fast publisher sends during a flush of the disk.
    /// </summary>
    [Range(65_536, int.MaxValue / 2)]
    public int PublishWindowBytes { get; init; } = 16_777_216;

    /// <summary>
    /// Bytes of messages in a transaction that is not committed: they are in memory until then, and become one record. Beyond it
    /// the channel is closed with 406, as for a message that is too large. RabbitMQ has no such bound.
    /// </summary>
    [Range(65_536, int.MaxValue / 4)]
    public int TransactionBytes { get; init; } = 268_435_456;

    /// <summary>
    /// Bytes of memory for messages: in queues (with some 40 bytes for each that the queues know), in transactions, half sent, between
    /// socket and queue, and on their way to consumers. While there are more, publishers are blocked (connection.blocked), RabbitMQ's
    /// <c>vm_memory_high_watermark.absolute</c>. 0: <see cref="MemoryShare"/>. The collector needs about as much again as it manages.
    /// </summary>
    [Range(typeof(long), "0", LongMax)]
    public long MemoryBytes { get; init; }

    /// <summary>The same as a share of the memory that the process may use, RabbitMQ's <c>vm_memory_high_watermark.relative</c>.</summary>
    [Range(0.0, 1.0)]
    public double MemoryShare { get; init; } = 0.4;

    /// <summary>
    /// Bytes of the same memory from which on long queues keep the messages at their end in the store only. 0: <see cref="PageOutShare"/>.
    /// </summary>
    [Range(typeof(long), "0", LongMax)]
    public long PageOutBytes { get; init; }

    /// <summary>The same as a share of what publishers are blocked at, RabbitMQ's <c>vm_memory_high_watermark_paging_ratio</c>.</summary>
    [Range(0.01, 1.0)]
    public double PageOutShare { get; init; } = 0.5;

    /// <summary>
    /// Free bytes of the disk under the data directory; while there are fewer, publishers are blocked, and what is there is left to
    /// acknowledgements and definitions. 0: the disk is not watched, and publishers are blocked when a write finds it full, which they
    /// are in any case. RabbitMQ's <c>disk_free_limit.absolute</c>: 50 MB. More is safer: messages in memory may all have to go to the disk.
    /// </summary>
    [Range(typeof(long), "0", LongMax)]
    public long DiskFreeBytes { get; init; } = 50_000_000;

    /// <summary>The same as a multiple of the memory that the process may use, RabbitMQ's <c>disk_free_limit.relative</c>; above 0 it
    /// takes the place of <see cref="DiskFreeBytes"/>.</summary>
    [Range(0.0, 1_000.0)]
    public double DiskFreeOfMemory { get; init; }

    /// <summary>The one of the two that holds.</summary>
    public Watermark DiskFreeLimit => DiskFreeOfMemory > 0 ? Watermark.Relative(DiskFreeOfMemory) : Watermark.Absolute(DiskFreeBytes);

    /// <summary>
    /// Bytes for the histories of queues, channels, connections and exchanges, from which come their rates over minutes, hours and a day:
    /// some ten kilobytes for each that is active. When they are used up, what has been idle for longest gives up its history, and
    /// what comes to life without one has a rate over the last five seconds alone. 0: only virtual hosts and the node have histories.
    /// </summary>
    [Range(typeof(long), "0", LongMax)]
    public long HistoryBytes { get; init; } = 67_108_864;

    /// <summary>Bytes for what became of messages that are traced; beyond it the oldest are forgotten. 0: no message is traced.</summary>
    [Range(typeof(long), "0", LongMax)]
    public long TraceBytes { get; init; } = 67_108_864;

    /// <summary>Milliseconds from the publishing of a traced message until what became of it is forgotten. An hour: for what is asked about while it hurts.</summary>
    [Range(1_000, int.MaxValue)]
    public int TraceMs { get; init; } = 3_600_000;

    /// <inheritdoc/>
    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        if (MemoryBytes > 0 && PageOutBytes > MemoryBytes) yield return new($"at most Limits:MemoryBytes, {MemoryBytes}", [nameof(PageOutBytes)]);
    }
}
