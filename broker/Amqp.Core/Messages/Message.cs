using AMQP.Net;

namespace Amqp.Core.Messages;

/// <summary>
/// A published message, shared unchanged by every queue that it was routed to. Its properties and body are as they came from the
/// publisher, so that delivering is copying.
/// </summary>
public sealed class Message(string exchange, string routingKey, Content content)
{
    private int _holders;

    /// <summary>What the objects around properties and body take, about.</summary>
    public const int ObjectBytes = 128;

    /// <summary>Properties and body.</summary>
    public Content Content { get; } = content;

    /// <summary>The exchange it was published to; empty for the default exchange.</summary>
    public string Exchange { get; } = exchange;

    public string RoutingKey { get; } = routingKey;

    /// <summary>That key and those of the <c>CC</c> header. Those of <c>BCC</c> were taken off when it was published.</summary>
    public IEnumerable<string> RoutingKeys
    {
        get
        {
            yield return RoutingKey;
            if (Properties.Headers is not { } headers || !headers.TryGet("CC", out var keys) || keys.Type != FieldType.Array) yield break;
            foreach (var key in keys.AsArray)
            {
                if (key.Type == FieldType.LongString) yield return key.AsText;
            }
        }
    }

    /// <summary>The properties as they came, validated.</summary>
    public BasicProperties Properties => Content.Properties;

    /// <summary>delivery-mode 2.</summary>
    public bool IsPersistent { get; } = content.Properties.IsPersistent;

    /// <summary>Milliseconds it may wait in a queue (the <c>expiration</c> property), or -1.</summary>
    public long ExpirationMs { get; init; } = -1;

    /// <summary>Not 0: several queues keep it on the disk, and its body is stored once, under this id. No other message of this data
    /// directory ever has the same.</summary>
    public long BodyId { get; init; }

    /// <summary>Several queues have this very object. What it takes in memory is counted once, see <see cref="Hold"/>.</summary>
    public bool IsShared { get; init; }

    /// <summary>Bytes that the message costs while it waits to be written: properties and body, and about what the objects
    /// around them take, so that a window in bytes holds for many small messages too.</summary>
    public int Size => Content.Size + ObjectBytes;

    /// <summary>Bytes of the body alone, which is what limits and figures of queues go by.</summary>
    public int BodySize => Content.BodySize;

    /// <summary>The same message with one header more, or with another value of one.</summary>
    public Message WithHeader(string name, FieldValue value)
    {
        var properties = MutableProperties.From(Properties);
        properties.Headers = (properties.Headers ?? FieldTable.Empty).With(name, value);
        return new Message(Exchange, RoutingKey, Content.With(properties)) { ExpirationMs = ExpirationMs };
    }

    /// <summary>One more queue has it in memory. From any thread.</summary>
    /// <returns>Bytes that are in use by that: none if another queue has it already.</returns>
    public int Hold() => IsShared && Interlocked.Increment(ref _holders) > 1 ? 0 : Size;

    /// <summary>A queue that held it does no more. From any thread.</summary>
    /// <returns>Bytes that are free by that: none if another queue still has it.</returns>
    public int Release() => IsShared && Interlocked.Decrement(ref _holders) > 0 ? 0 : Size;
}
