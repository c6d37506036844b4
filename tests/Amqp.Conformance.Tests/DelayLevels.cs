using System.Globalization;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>
/// How NServiceBus and Celery delay messages on a broker that cannot: 28 levels, each a topic exchange and a queue in which messages stay for twice the
/// time of the level below. The routing key has the delay's bits; where a bit is 1 the message goes through the level's queue, which dead-letters it
/// to the next level. Time to live, dead-lettering at least once, exchanges bound to exchanges, and quorum queues, all together.
/// <code>
/// level 27 --0--> level 26 --0--> ... level 1 --1--> queue (2 s) --dead letter--> level 0 --1--> queue (1 s) --dead letter--> delivery --#.address--> queue
/// </code>
/// </summary>
[Same]
public sealed class DelayLevelTests : ConformanceFixture
{
    private const int Levels = 28;

    [TestCase("classic")]
    [TestCase("quorum")]
    public async Task A_message_comes_when_its_delay_is_over(string type)
    {
        var channel = await OpenConfirmChannel();
        var prefix = Name("delay");
        var delivery = await DeclareExchange(channel, "topic", $"{prefix}-delivery", durable: true);
        for (var level = 0; level < Levels; level++)
        {
            var name = Level(prefix, level);
            var next = level == 0 ? delivery : Level(prefix, level - 1);
            await DeclareExchange(channel, "topic", name, durable: true);
            var arguments = Table(("x-queue-type", type), ("x-message-ttl", 1_000L << level), ("x-dead-letter-exchange", next), ("x-overflow", "reject-publish"));
            if (type == "quorum") arguments.Add("x-dead-letter-strategy", "at-least-once");
            await DeclareQueue(channel, name, durable: true, arguments: arguments);
            var before = string.Concat(Enumerable.Repeat("*.", Levels - 1 - level));
            await channel.QueueBindAsync(name, name, $"{before}1.#");
            await channel.ExchangeBindAsync(next, name, $"{before}0.#");
        }
        var queue = await DeclareBoundQueue(channel, delivery, "#.address");
        var consumer = await Subscriber.Start(channel, queue, autoAck: true);

        var sent = DateTime.UtcNow;
        foreach (var seconds in (int[])[3, 1, 0]) await channel.BasicPublishAsync(Level(prefix, Levels - 1), $"{Bits(seconds)}address", Bytes($"{seconds}"));
        foreach (var seconds in (int[])[0, 1, 3])
        {
            var delivered = await consumer.Next();
            Assert.That(delivered.Text, Is.EqualTo($"{seconds}"));
            Assert.That((DateTime.UtcNow - sent).TotalSeconds, Is.GreaterThanOrEqualTo(seconds - 0.05));
        }
    }

    private static string Level(string prefix, int level) => string.Create(CultureInfo.InvariantCulture, $"{prefix}-level-{level:00}");

    private static string Bits(int seconds) => string.Concat(Enumerable.Range(0, Levels).Select(bit => ((seconds >> (Levels - 1 - bit)) & 1) == 1 ? "1." : "0."));
}
