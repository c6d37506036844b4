using Amqp.Core.Policies;
using Amqp.Core.Topology;

namespace Amqp.Core.Queues;

/// <summary>What a queue goes by while it runs. It can change then: a message has the time to live of the moment it arrived in.</summary>
public sealed record QueueSettings
{
    /// <summary>Nothing is set.</summary>
    public static QueueSettings None { get; } = new();

    /// <summary>What arguments and policies make together: of the two limits the smaller one, as in RabbitMQ.</summary>
    /// <param name="policies">The effective definition of the policies that the queue goes by.</param>
    public static QueueSettings Of(QueueArguments arguments, PolicyDefinition policies) => new()
    {
        MessageTtlMs = Smaller(arguments.MessageTtlMs, policies.Integer("message-ttl")),
        ExpiresMs = Smaller(arguments.ExpiresMs, policies.Integer("expires")),
    };

    /// <summary>Milliseconds that a message may wait, or null (<c>x-message-ttl</c>).</summary>
    public long? MessageTtlMs { get; init; }

    /// <summary>Milliseconds that the queue stays while nothing uses it, or null (<c>x-expires</c>).</summary>
    public long? ExpiresMs { get; init; }

    /// <summary>Unlike an argument, a policy may ask for a longer time than there is.</summary>
    private static long? Smaller(long? argument, long? policy)
    {
        if (policy is { } asked) policy = Math.Min(asked, Limits.TimeToLiveMs);
        return argument is { } given && policy is { } other ? Math.Min(given, other) : argument ?? policy;
    }
}
