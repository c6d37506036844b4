using RabbitMQ.Client;

namespace Amqp.Failover.Tests.OpenStack;

/// <summary>A queue as oslo.messaging declares it (<c>Consumer</c> in impl_rabbit.py): neither durable nor auto-delete nor exclusive.</summary>
/// <param name="Exchange">Its exchange, which is declared before it; empty: the default exchange.</param>
/// <param name="Expires">Of queues that belong to one process: <c>rabbit_transient_queues_ttl</c>.</param>
internal sealed record OsloQueue(string Name, string Exchange, string Type, string Key, bool Expires)
{
    private const int TransientQueuesTtlMs = 1_800_000;

    /// <summary>For calls to a service: of all its servers together.</summary>
    public static OsloQueue Topic(string exchange, string topic) => new(topic, exchange, ExchangeType.Topic, topic, Expires: false);

    /// <summary>For casts to all servers of a service: of one server.</summary>
    public static OsloQueue Fanout(string topic, string server) => new($"{topic}_fanout_{server}", $"{topic}_fanout", ExchangeType.Fanout, topic, Expires: true);

    /// <summary>For replies to one client.</summary>
    public static OsloQueue Reply(string name) => new(name, "", ExchangeType.Direct, "", Expires: true);

    public async Task Declare(IChannel channel, CancellationToken cancel)
    {
        if (Exchange.Length > 0)
            await channel.ExchangeDeclareAsync(Exchange, Type, durable: false, autoDelete: Type == ExchangeType.Fanout, cancellationToken: cancel);
        var arguments = new Dictionary<string, object?> { ["x-ha-policy"] = "all" };
        if (Expires) arguments["x-expires"] = TransientQueuesTtlMs;
        await channel.QueueDeclareAsync(Name, durable: false, exclusive: false, autoDelete: false, arguments, cancellationToken: cancel);
        if (Exchange.Length > 0) await channel.QueueBindAsync(Name, Exchange, Key, cancellationToken: cancel);
    }
}
