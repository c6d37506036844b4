using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>
/// Publishers with confirms and consumers with acknowledgements, and the broker's process killed in the midst of it, again and again:
/// what was confirmed must come out, once each queue, in order, as it was.
/// </summary>
public abstract class KillRounds : BrokerFixture
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

    /// <param name="prepare">What is to be there before the load.</param>
    /// <param name="restart">Kills the broker and sees to it that it is up again.</param>
    /// <param name="check">Looks at what was prepared, and says in words what else was counted.</param>
    private protected Task Kill(
        string name, int rounds, Func<BrokerLife, Task> prepare, Func<BrokerLife, Random, Task> restart, Func<BrokerLife, Task<string>> check) => Rounds.Run(name, rounds, async random =>
    {
        var life = new BrokerLife(await StartOwnBroker());
        AllowLog("The end of segment .* was being written", life.Broker); // the system may leave a large write half done
        await prepare(life);
        var ledger = new Ledger([.. FanoutQueues, .. Direct]);
        await Declare(life);
        var (publishers, consumers) = (Publishers(random, ledger, life), Consumers(random, ledger, life));
        try
        {
            foreach (var client in (Client[])[.. publishers, .. consumers]) client.Start();
            for (var round = 0; round < rounds; round++)
            {
                await MoreConfirms(ledger, random.Next(1, 3000));
                await restart(life, random);
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
        await restart(life, random);
        await using (var connection = await life.Connect("last look"))
        await using (var channel = await connection.CreateChannelAsync())
            await Queues.Drain(channel, ledger, life.Number, All);
        ledger.Close(life.Number);
        Assert.That(ledger.Violations, Is.Empty, ledger.ToString());
        Assert.That(ledger.Refused, Is.Zero);
        return $"{ledger}{await check(life)}";
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
