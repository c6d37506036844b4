using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>A disk that has less left than its limit stops publishers before anything fails.</summary>
public sealed class LowDiskTests : BrokerFixture
{
    private static readonly TimeSpan Looks = TimeSpan.FromSeconds(30);

    [Test]
    public async Task Publishers_are_blocked_while_the_disk_has_less_left_than_its_limit()
    {
        if (Oracle.IsUsed) Assert.Ignore("the scripts of the oracle set its limit out of reach");
        await using var disk = await SmallDisk.Mount(mebibytes: 300);
        var broker = await StartOwnBroker($"--Storage:Directory={Path.Combine(disk.Directory, "data")}", "--Limits:DiskFreeBytes=50000000");
        ExpectLog("Free disk space is insufficient: [0-9]+ bytes, and the limit is 50000000", broker);
        ExpectLog("Disk resource limit alarm set", broker);
        ExpectLog("Disk resource limit alarm cleared", broker);
        try
        {
            await using var connection = await new ConnectionFactory { Port = broker.Port }.CreateConnectionAsync();
            var word = "";
            connection.ConnectionBlockedAsync += (_, blocked) => Note(blocked.Reason);
            connection.ConnectionUnblockedAsync += (_, _) => Note("unblocked");
            await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: false);
            await Publish();

            var somebodyElses = Path.Combine(disk.Directory, "somebody else's");
            var free = new DriveInfo(disk.Directory).AvailableFreeSpace;
            await using (var file = File.Create(somebodyElses)) await file.WriteAsync(new byte[free - 40_000_000]);
            await Eventually.That(() => broker.Log.Lines.Any(line => line.Contains("alarm set", StringComparison.Ordinal)), Is.True, Looks);
            var blocked = Publish();
            await Eventually.That(() => word, Is.EqualTo("low on disk"), Patience.Answer);
            Assert.That(blocked.IsCompleted, Is.False);

            File.Delete(somebodyElses);
            await Eventually.That(() => word, Is.EqualTo("unblocked"), Looks);
            await blocked.WaitAsync(Patience.Answer);

            Task Note(string what)
            {
                word = what;
                return Task.CompletedTask;
            }

            async Task Publish() => await channel.BasicPublishAsync("", "q", mandatory: true, new BasicProperties { Persistent = true }, new byte[1_000]);
        }
        finally
        {
            await broker.Kill(); // else its files are open when the disk is to go
        }
    }
}
