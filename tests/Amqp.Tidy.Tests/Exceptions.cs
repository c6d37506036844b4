namespace Amqp.Tidy.Tests;

/// <summary>Every exception from a house rule, with its reason. Path, word or member name as the failing test prints them, reason.</summary>
internal static class Exceptions
{
    private const string ConformanceOfOneClass = "short tests, one after another, of one class of the protocol";

    /// <summary>Leaf files that may lock: small tables shared by two loops, never held while calling out.</summary>
    public static readonly Allowed[] Locks =
    [
        new("broker/Amqp.Broker/Channels/ChannelPrefetch.cs", "lock", "the actors of many queues share one channel's prefetch and its waiting line"),
        new("broker/Amqp.Broker/Channels/DeliveryTags.cs", "lock", "the write loop gives tags, the read loop settles them"),
        new("broker/Amqp.Broker/Tracing/TraceLog.cs", "lock", "connections and queues write it where messages are traced, operators read it"),
        new("broker/Amqp.Broker/Publishing/ConfirmTracker.cs", "lock", "the queues settle a channel's confirms, its read loop adds them, the write loop tells them"),
        new("broker/Amqp.Core/Metrics/Meter.cs", "lock", "the sampler writes a meter, the HTTP API reads it"),
        new("broker/Amqp.Host/Listeners/UnauthenticatedConnections.cs", "lock", "connections come, log in and go on any thread, and the oldest one is wanted"),
        new("broker/Amqp.Host/Sockets/BlockPool.cs", "lock", "reads and writes of all sockets take blocks and bring them back, the last one first; held for a push or a pop"),
        new("broker/Amqp.Storage/Messages/Writing/StoreMailbox.cs", "lock", "every queue posts here, and the store's thread takes"),
        new("broker/Amqp.Storage/Messages/Writing/StoreMailbox.cs", "Monitor", "the store's thread waits here for something to do"),
        new("broker/Amqp.Storage/Messages/Reading/StoreReader.cs", "lock", "the reader looks for places in what only the store's thread changes"),
        new("broker/Amqp.Storage/Messages/Recovering/QueueOpening.cs", "lock", "the opening of a queue looks for its messages in what only the store's thread changes"),
        new("broker/Amqp.Storage/Messages/Writing/StoreWriter.cs", "lock", "the store's thread changes what the reader looks at"),
        new("broker/Amqp.Storage/Messages/Writing/BlobBuilder.cs", "lock", "likewise: places of what was written"),
        new("broker/Amqp.Storage/Messages/Merging/Merge.cs", "lock", "likewise: what is given up as damaged"),
        new("broker/Amqp.Storage.LiteDB/LiteFile.cs", "lock", "LiteDB is used by one thread at a time: the store's, or the one that reads back; no flush is waited for under it"),
        new("cluster/Amqp.Cluster/Forwarding/Mailbox.cs", "lock", "what sessions between nodes use instead of a lock; held for a copy of a few items"),
        new("broker/Amqp.Host/NodeHost.cs", "Semaphore", "operators who stop and start the node take turns; no client waits here"),
        new("broker/Amqp.Broker/Loops/Mailbox.cs", "lock", "what everything else uses instead of a lock; held for a copy of a few items"),
    ];

    /// <summary>Events of the log without an id of their own.</summary>
    public static readonly Allowed[] Logging =
    [
    ];

    /// <summary>Calls that start threads unseen, block them, or ask the clock or chance behind the caller's back.</summary>
    public static readonly Allowed[] Calls = [];

    /// <summary>Numbers, dates and names of enumerations read by the runtime's own parsers.</summary>
    public static readonly Allowed[] Parsing =
    [
        new("broker/Amqp.Core/DecimalDigits.cs", "Parse", "has looked at every character before"),
    ];

    /// <summary>Files over 400 lines (What = "file") and members over 70 lines (What = the member's name).</summary>
    public static readonly Allowed[] Lengths =
    [
        new("tests/Amqp.Conformance.Tests/Connection.cs", "file", ConformanceOfOneClass),
        new("tests/Amqp.Conformance.Tests/Errors.cs", "file", "one table"),
        new("tests/Amqp.Conformance.Tests/Errors.cs", "Rows", "a table of errors, a few lines each"),
        new("tests/Amqp.Conformance.Tests/Exchange.cs", "file", ConformanceOfOneClass),
        new("tests/Amqp.Conformance.Tests/Queue.cs", "file", ConformanceOfOneClass),
        new("tests/Amqp.Conformance.Tests/Tx.cs", "file", ConformanceOfOneClass),
    ];

    /// <summary>Transitive pins that are used by nothing but must stay.</summary>
    public static readonly Allowed[] Packages = [];
}
