using System.Collections.Concurrent;
using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>A transaction over three queues, and the acknowledgement of what it came from: all of it or nothing, whenever the broker is killed.</summary>
[Ours]
public sealed class TransactionRoundsTests : BrokerFixture
{
    private const string Work = "work";
    private static readonly string[] Targets = ["a", "b", "c"];
    private readonly ConcurrentQueue<string> _violations = [];

    [SetUp]
    public void Clear() => _violations.Clear();

    [Test]
    public Task A_transaction_happens_in_all_of_its_queues_or_in_none() => Kill(rounds: 10);

    [Test, Category("Long")]
    public Task A_transaction_happens_in_all_of_its_queues_or_in_none_two_hundred_times() => Kill(rounds: 200);

    private Task Kill(int rounds) => Rounds.Run("transactions over three queues", rounds, async random =>
    {
        var broker = await StartOwnBroker();
        AllowLog("The end of segment .* was being written", broker); // the system may leave a large write half done
        var life = new BrokerLife(broker);
        var ledger = new TransactionLedger(Targets);
        await using (var connection = await life.Connect("declarations"))
        await using (var channel = await connection.CreateChannelAsync())
            await Queues.DeclareDurable(channel, [Work, .. Targets]);

        List<Client> clients =
        [
            .. Enumerable.Range(1, 3).Select(id => new TransactionWorker(id, random.Next(), Work, Targets, ledger, life, _violations.Enqueue)),
            new TransactionFeeder(Work, ledger, life, _violations.Enqueue),
            new TransactionObserver(Targets[0], ledger, life, _violations.Enqueue),
        ];
        try
        {
            clients.ForEach(client => client.Start());
            for (var round = 0; round < rounds; round++)
            {
                var target = ledger.Committed + random.Next(1, 300);
                await Eventually.True(() => ledger.Committed >= target || !_violations.IsEmpty, TimeSpan.FromMinutes(1), $"{target} commits");
                Assert.That(_violations, Is.Empty);
                await life.KillAndRestart();
            }
            foreach (var client in clients) await client.Finish(Patience.Stop);
        }
        finally
        {
            foreach (var client in clients) await client.DisposeAsync();
        }

        var found = new Dictionary<string, IReadOnlyCollection<int>>();
        await using (var connection = await life.Connect("last look"))
        await using (var channel = await connection.CreateChannelAsync())
            foreach (var queue in (string[])[Work, .. Targets]) found[queue] = await Take(channel, queue);
        found.Remove(Work, out var left);
        Assert.That(ledger.Close(left!, found).Concat(_violations), Is.Empty);
        Assert.That(ledger.Seen, Is.Positive, "what the observer saw");
        return $"{ledger.Committed} committed, {ledger.Seen} seen while the broker ran, {left!.Count} left in the work";
    });

    private static async Task<List<int>> Take(IChannel channel, string queue)
    {
        var numbers = new List<int>();
        await foreach (var message in Queues.Taken(channel, queue))
        {
            numbers.Add(TransactionWorker.Number(message.Body));
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
        }
        return numbers;
    }
}
