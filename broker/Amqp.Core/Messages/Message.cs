using AMQP.Net;

namespace Amqp.Core.Messages;

/// <summary>
/// A published message, shared unchanged by every queue that it was routed to. Its properties and body are one array, as
/// they came from the publisher, so that delivering is copying.
/// </summary>
public sealed class Message(string exchange, string routingKey, Content content)
{
    private const int ObjectBytes = 128;

    private readonly Content _content = content;

    /// <summary>The exchange it was published to; empty for the default exchange.</summary>
    public string Exchange { get; } = exchange;

    public string RoutingKey { get; } = routingKey;

    /// <summary>The properties as they came, validated.</summary>
    public BasicProperties Properties => _content.Properties;

    public ReadOnlyMemory<byte> Body => _content.Body;

    /// <summary>delivery-mode 2.</summary>
    public bool IsPersistent { get; } = content.Properties.IsPersistent;

    /// <summary>Milliseconds it may wait in a queue (the <c>expiration</c> property), or -1.</summary>
    public long ExpirationMs { get; init; } = -1;

    /// <summary>Bytes that the message costs while it waits to be written: properties and body, and about what the objects
    /// around them take, so that a window in bytes holds for many small messages too.</summary>
    public int Size => _content.Buffer.Length + ObjectBytes;
}
