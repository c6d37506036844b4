using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests.Load;

/// <summary>What tests do with queues by themselves, beside the clients that make the load.</summary>
internal static class Queues
{
    public static async Task DeclareDurable(IChannel channel, params IEnumerable<string> queues)
    {
        foreach (var queue in queues) await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
    }

    /// <summary>A channel that tells of a confirm by the end of the task of the publish.</summary>
    public static Task<IChannel> ConfirmChannel(IConnection connection) =>
        connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));

    /// <summary>Waits until consumers have taken everything.</summary>
    public static async Task ExpectNoneReady(IChannel channel, IReadOnlyCollection<string> queues, TimeSpan within)
    {
        foreach (var queue in queues)
        {
            await Eventually.That(
                async () => (await channel.QueueDeclarePassiveAsync(queue)).MessageCount, Is.Zero, within, $"the messages that are ready in {queue}");
        }
    }

    /// <summary>Takes everything out of queues that nothing consumes from any more, acknowledges it and tells the ledger.</summary>
    public static async Task Drain(IChannel channel, Ledger ledger, int life, IEnumerable<string> queues)
    {
        foreach (var queue in queues)
        {
            var session = new Ledger.Session(life);
            await foreach (var message in Taken(channel, queue))
            {
                var stamp = Stamp.Of(message.Body.Span);
                ledger.Deliver(queue, session, stamp, message.Redelivered);
                if (stamp is { } intact) ledger.Acking(queue, life, intact);
                await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
            }
        }
    }

    /// <summary>
    /// Gets until the queue is empty; the last message has to be acknowledged by the caller before the next one is asked for.
    /// </summary>
    public static async IAsyncEnumerable<BasicGetResult> Taken(IChannel channel, string queue)
    {
        while (await channel.BasicGetAsync(queue, autoAck: false) is { } message) yield return message;
    }
}
