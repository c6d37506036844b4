using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>
/// Publishers with confirms and consumers with acknowledgements, and the broker's process killed in the midst of it, again and again:
/// what was confirmed must come out, once each queue, in order, as it was.
/// </summary>
[Same]
public sealed class KillUnderLoadTests : BrokerFixture
{
    private const string Fanout = "all";
    private const string Shared = "shared";
    private const byte Barrier = 0;
    private static readonly string[] FanoutQueues = ["fan1", "fan2", "fan3"];
    private static readonly string[] Direct = ["one", "two"];
    private static readonly string[] All = [.. FanoutQueues, .. Direct, Shared];
    private static readonly TimeSpan Drained = TimeSpan.FromMinutes(5);

    private static readonly Route[] Routes =
    [
        new(Fanout, "", FanoutQueues),
        .. Direct.Append(Shared).Select(queue => new Route("", queue, queue)),
    ];

    [Test]
    public Task Nothing_confirmed_is_lost_when_the_broker_is_killed() => Kill(rounds: 5);

    [Test, Category("Long")]
    public Task Nothing_confirmed_is_lost_when_the_broker_is_killed_a_hundred_times() => Kill(rounds: 100);

    private Task Kill(int rounds) => Rounds.Run("kill under load", rounds, async random =>
    {
        var broker = await StartOwnBroker();
        var life = new BrokerLife(broker);
        var ledger = new Ledger([.. FanoutQueues, .. Direct]);
        await Declare(life);
        var (publishers, consumers) = (Publishers(random, ledger, life), Consumers(random, ledger, life));
        try
        {
            foreach (var client in (Client[])[.. publishers, .. consumers]) client.Start();
            for (var round = 0; round < rounds; round++)
            {
                await MoreConfirms(ledger, random.Next(1, 3000));
                await life.KillAndRestart();
            }
            await MoreConfirms(ledger, 2000);
            foreach (var publisher in publishers) await publisher.Finish(Patience.Stop);

            await using var connection = await life.Connect("drain");
            await using var channel = await Queues.ConfirmChannel(connection);
            await Queues.ExpectNoneReady(channel, All, Drained);
            foreach (var consumer in consumers) await consumer.Finish(Patience.Stop);
            await Queues.Drain(channel, ledger, life.Number, All);
            await PublishBarrier(channel, ledger, life.Number);
        }
        finally
        {
            foreach (var client in (Client[])[.. publishers, .. consumers]) await client.DisposeAsync();
        }

        // Everything was acknowledged before the barrier was confirmed: the barrier is all that the last crash may leave.
        ledger.AcksAreDurable(life.Number);
        await life.KillAndRestart();
        await using (var connection = await life.Connect("last look"))
        await using (var channel = await connection.CreateChannelAsync())
            await Queues.Drain(channel, ledger, life.Number, All);
        ledger.Close(life.Number);
        Assert.That(ledger.Violations, Is.Empty, ledger.ToString());
        Assert.That(ledger.Refused, Is.Zero);
        return ledger.ToString();
    });

    private static async Task Declare(BrokerLife life)
    {
        await using var connection = await life.Connect("declarations");
        await using var channel = await connection.CreateChannelAsync();
        await Queues.DeclareDurable(channel, All);
        await channel.ExchangeDeclareAsync(Fanout, ExchangeType.Fanout, durable: true);
        foreach (var queue in FanoutQueues) await channel.QueueBindAsync(queue, Fanout, "");
    }

    private static List<Publisher> Publishers(Random random, Ledger ledger, BrokerLife life) =>
    [
        new(1, random.Next(), ledger, life, Routes, window: 500, transient: 0.1, Publisher.AnyLength),
        new(2, random.Next(), ledger, life, Routes, window: 200, transient: 0.1, Publisher.AnyLength),
        new(3, random.Next(), ledger, life, [Routes[0]], window: 300, transient: 0, Publisher.AnyLength),
        new(4, random.Next(), ledger, life, [.. Routes.Skip(1)], window: 300, transient: 0.5, Publisher.AnyLength),
    ];

    /// <summary>One for each queue, and a second one for the shared queue.</summary>
    private static List<Consumer> Consumers(Random random, Ledger ledger, BrokerLife life) =>
        [.. All.Select(queue => new Consumer(queue, 1, random.Next(), ledger, life)), new Consumer(Shared, 2, random.Next(), ledger, life)];

    private static async Task MoreConfirms(Ledger ledger, int count)
    {
        var target = ledger.Confirmed + count;
        await Eventually.True(() => ledger.Confirmed >= target || ledger.Violations.Count > 0, TimeSpan.FromMinutes(1), $"{target} confirms");
        Assert.That(ledger.Violations, Is.Empty, ledger.ToString());
    }

    private static async Task PublishBarrier(IChannel channel, Ledger ledger, int life)
    {
        foreach (var (queue, number) in All.Select((queue, index) => (queue, index + 1)))
        {
            var message = new Stamp(Barrier, number, Persistent: true);
            ledger.Publishing(message, queue);
            await channel.BasicPublishAsync(
                "", queue, mandatory: true, new BasicProperties { Persistent = true }, message.Body(Stamp.BytesMin, new Random(number)));
            ledger.Confirm(message, life);
        }
    }
}
