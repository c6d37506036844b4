using System.Diagnostics;
using System.Globalization;
using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Storms;

/// <summary>
/// Many clients do anything at once, and every message is accounted for afterwards. The seed decides what clients want to do, not
/// how their threads meet; it is printed, and <c>AMQP_TEST_SEED</c> sets it.
/// </summary>
internal sealed class StormTests
{
    private const int ClientsAtOnce = 12;

    [Test]
    public Task No_message_is_lost_or_doubled_whatever_clients_do() => Storm(TimeSpan.FromSeconds(5));

    [Test]
    [Category("Long")]
    public Task No_message_is_lost_or_doubled_for_minutes() => Storm(TimeSpan.FromMinutes(4));

    private static async Task Storm(TimeSpan duration)
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("AMQP_TEST_SEED"), CultureInfo.InvariantCulture, out var set)
            ? set
            : Random.Shared.Next();
        await TestContext.Out.WriteLineAsync($"seed {seed}");

        // Narrow limits, so that every one of them is met; but for that of the memory, which would stop all clients here for good:
        // these clients publish and consume on one connection, and blocked ones cannot settle what they hold.
        var limits = new Limits
        {
            ConsumerWindowBytes = 8_192,
            ChannelBacklogBytes = 8_192,
            UnreadAnswerBytes = 16_384,
            PublishWindowBytes = 4_096,
            PageOutBytes = 100_000,
        };
        var node = new TestNode(limits, TimeProvider.System);
        var ledger = new Ledger();
        await DeclareKept(node);

        var watch = Stopwatch.StartNew();
        var clients = 0;
        await Task.WhenAll(Enumerable.Range(0, ClientsAtOnce).Select(place => Task.Run(async () =>
        {
            var random = new Random(seed + place);
            while (watch.Elapsed < duration)
                await new StormClient(node, random, ledger, $"{place}.{Interlocked.Increment(ref clients)}").Run();
        })));

        ledger.Close(await TakeAll(node));
        await TestContext.Out.WriteLineAsync($"{clients} clients, {ledger.Count} messages");
        Assert.That(ledger.Violations, Is.Empty);
        Assert.That(node.Logs.Complaints.Concat(node.Messages.Complaints), Is.Empty);
        Assert.That(node.Messages.PagesWritten, Is.GreaterThan(0));
        Assert.That(ledger.Count, Is.GreaterThan(1_000));

        // The last exclusive queues go behind their connections.
        var services = node.Broker.Services;
        var queues = () => services.Topology.Current.Find("/")!.Queues.Values;
        await Eventually.That(() => queues().Count(queue => queue.Exclusive), Is.Zero);
        await Eventually.True(() => services.Queues.Count == queues().Count());
        // Nothing has a message any more.
        await Eventually.That(() => services.Memory.UsedBytes, Is.Zero);
    }

    private static async Task DeclareKept(TestNode node)
    {
        var client = await node.Connect();
        await client.OpenChannel(1);
        for (var queue = 0; queue < StormClient.KeptQueues; queue++) await client.Declare(1, $"keep{queue}");
        client.Drop();
        await client.Served.WaitAsync(Patience.Answer);
    }

    /// <summary>Everything that is ready in the queues that were kept; the others go. No other client is there, so that is everything.</summary>
    private static async Task<List<string>> TakeAll(TestNode node)
    {
        var client = await node.Connect();
        await client.OpenChannel(1);
        var ids = new List<string>();
        for (var queue = 0; queue < StormClient.KeptQueues; queue++)
        {
            await client.Send(1, TestClient.Declaration($"keep{queue}", passive: true));
            var status = await client.Expect<QueueDeclareOk>(1);
            Assert.That(status.ConsumerCount, Is.Zero);
            for (var left = status.MessageCount; left > 0; left--)
            {
                await client.Send(1, new BasicGet($"keep{queue}", NoAck: true));
                await client.Expect<BasicGetOk>(1);
                ids.Add((await client.ReadBody()).Split(' ')[0]);
            }
        }
        for (var queue = 0; queue < StormClient.TemporaryQueues; queue++)
        {
            await client.Send(1, new QueueDelete($"temp{queue}", IfUnused: true, IfEmpty: false, NoWait: false));
            await client.Expect<QueueDeleteOk>(1);
        }
        client.Drop();
        return ids;
    }
}
