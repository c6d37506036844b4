namespace Amqp.Core.Queues;

/// <summary>What a queue goes by while it runs. It can change then: a message has the time to live of the moment it arrived in.</summary>
public sealed record QueueSettings
{
    /// <summary>Nothing is set.</summary>
    public static QueueSettings None { get; } = new();

    /// <summary>Milliseconds that a message may wait, or null (<c>x-message-ttl</c>).</summary>
    public long? MessageTtlMs { get; init; }

    /// <summary>Milliseconds that the queue stays while nothing uses it, or null (<c>x-expires</c>).</summary>
    public long? ExpiresMs { get; init; }
}
