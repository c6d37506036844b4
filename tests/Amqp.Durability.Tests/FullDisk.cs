using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>A disk that is full stops publishers, and no other clients; when there is room again they go on.</summary>
public sealed class FullDiskTests : BrokerFixture
{
    private const int DiskMebibytes = 200;
    private const string Queue = "queue";
    private static readonly TimeSpan Filled = TimeSpan.FromMinutes(2);

    [TestCase(false)]
    [TestCase(true)]
    public async Task Publishers_wait_while_the_disk_is_full_and_nothing_confirmed_is_lost(bool killedWhileFull)
    {
        if (Oracle.IsUsed) Assert.Ignore("RabbitMQ raises its alarm by a limit that the scripts of the oracle set out of reach");
        await using var disk = await SmallDisk.Mount(DiskMebibytes);
        // The disk is not watched, so that it is really filled.
        var broker = await StartOwnBroker($"--Storage:Directory={Path.Combine(disk.Directory, "data")}", "--Limits:DiskFreeBytes=0");
        ExpectLog("The disk is full", broker);
        ExpectLog("Disk resource limit alarm set", broker);
        ExpectLog("Disk resource limit alarm cleared", broker);
        AllowLog("The end of segment .* was being written", broker); // a write that the full disk cut short, and the kill after it
        try
        {
            await FillAndDrain(broker, disk, killedWhileFull);
        }
        finally
        {
            await broker.Kill(); // else its files are open when the disk is to go
        }
    }

    private static async Task FillAndDrain(TestBroker broker, SmallDisk disk, bool killedWhileFull)
    {
        var life = new BrokerLife(broker);
        var ledger = new Ledger(Queue);
        await Declare(life, Queue);
        List<Publisher> publishers =
        [
            .. Enumerable.Range(1, 2).Select(id => new Publisher(
                (byte)id, id, ledger, life, [new Route("", Queue, Queue)], window: 200, transient: 0, random => random.Next(1024, 200 * 1024))),
        ];
        var consumer = new Consumer(Queue, 1, seed: 1, ledger, life);
        try
        {
            publishers.ForEach(publisher => publisher.Start());
            await ExpectBlocked(publishers);
            Assert.That(ledger.Confirmed, Is.GreaterThan(500), "what fits on the disk");
            if (killedWhileFull)
            {
                // Not a byte is left now, and definitions can be stored all the same, and the broker be started.
                disk.FillUp();
                await Declare(life, "declared on a full disk");
                await life.KillAndRestart();
                await ExpectBlocked(publishers);
                await Expect(life, "declared on a full disk");
            }

            consumer.Start();
            foreach (var publisher in publishers) await Eventually.That(() => publisher.Blocked, Is.Null, Filled, "connection.unblocked");
            var before = ledger.Confirmed;
            await Eventually.That(() => ledger.Confirmed, Is.GreaterThan(before + 500), Filled, "confirms after the disk had room again");
            foreach (var publisher in publishers) await publisher.Finish(Filled);
            await using var connection = await life.Connect("drain");
            await using var channel = await Queues.ConfirmChannel(connection);
            await Queues.ExpectNoneReady(channel, [Queue], Filled);
            await consumer.Finish(Patience.Stop);

            await PublishSome(channel, ledger, life.Number);
            await life.KillAndRestart();
            await using var again = await life.Connect("last look");
            await using var look = await again.CreateChannelAsync();
            await Queues.Drain(look, ledger, life.Number, [Queue]);
        }
        finally
        {
            foreach (var client in (Client[])[.. publishers, consumer]) await client.DisposeAsync();
        }
        ledger.Close(life.Number);
        Assert.That(ledger.Violations, Is.Empty, ledger.ToString());
        await TestContext.Out.WriteLineAsync(ledger.ToString());
    }

    private static async Task Declare(BrokerLife life, string queue)
    {
        await using var connection = await life.Connect("declarations");
        await using var channel = await connection.CreateChannelAsync();
        await Queues.DeclareDurable(channel, queue);
    }

    private static async Task Expect(BrokerLife life, string queue)
    {
        await using var connection = await life.Connect("declarations");
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclarePassiveAsync(queue);
    }

    private static async Task ExpectBlocked(List<Publisher> publishers)
    {
        foreach (var publisher in publishers) await Eventually.That(() => publisher.Blocked, Is.EqualTo("low on disk"), Filled, "connection.blocked");
    }

    /// <summary>Something has to be there after the crash.</summary>
    private static async Task PublishSome(IChannel channel, Ledger ledger, int life)
    {
        for (var number = 1; number <= 100; number++)
        {
            var message = new Stamp(3, number, Persistent: true);
            ledger.Publishing(message, Queue);
            await channel.BasicPublishAsync("", Queue, mandatory: true, new BasicProperties { Persistent = true }, message.Body(5000, new Random(number)));
            ledger.Confirm(message, life);
        }
    }
}
