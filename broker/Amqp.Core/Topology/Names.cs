using System.Buffers.Text;

namespace Amqp.Core.Topology;

/// <summary>Names of queues, exchanges and consumers: which belong to the broker, and how it makes its own.</summary>
public static class Names
{
    /// <summary>Names beginning so belong to the broker.</summary>
    public const string ReservedPrefix = "amq.";

    /// <summary>The pseudo queue of direct reply-to.</summary>
    public const string DirectReplyTo = "amq.rabbitmq.reply-to";

    /// <summary>What the broker puts into reply_to: this and an address.</summary>
    public const string DirectReplyToPrefix = DirectReplyTo + ".";

    /// <summary>Where copies of messages go in virtual hosts that are traced.</summary>
    public const string TraceExchange = "amq.rabbitmq.trace";

    /// <summary>Where events go, in the virtual host <c>/</c> alone: they tell of all.</summary>
    public const string EventExchange = "amq.rabbitmq.event";

    /// <summary>Random bytes in a generated name.</summary>
    public const int RandomBytes = 16;

    public static bool IsReserved(string name) => name.StartsWith(ReservedPrefix, StringComparison.Ordinal);

    public static bool IsDirectReply(string name) => name.StartsWith(DirectReplyToPrefix, StringComparison.Ordinal);

    /// <summary>The name without carriage returns and line feeds, which RabbitMQ takes out of the names of queues and exchanges.</summary>
    public static string Strip(string name) => name.AsSpan().ContainsAny('\r', '\n')
        ? name.Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal)
        : name;

    /// <summary>A queue name for a client that left it to the broker: <c>amq.gen-</c> and 22 characters.</summary>
    /// <param name="random">16 random bytes.</param>
    public static string GeneratedQueueName(ReadOnlySpan<byte> random) => "amq.gen-" + Url64(random);

    /// <summary>A consumer tag for a client that left it to the broker: <c>amq.ctag-</c> and 22 characters.</summary>
    /// <param name="random">16 random bytes.</param>
    public static string GeneratedConsumerTag(ReadOnlySpan<byte> random) => "amq.ctag-" + Url64(random);

    private static string Url64(ReadOnlySpan<byte> random)
    {
        if (random.Length != RandomBytes) throw new ArgumentException($"{RandomBytes} random bytes are needed", nameof(random));
        return Base64Url.EncodeToString(random);
    }
}
