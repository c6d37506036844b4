using System.Buffers.Binary;
using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>The largest transaction that a broker takes, for many queues: it is stored once, and all of it.</summary>
[Same]
public sealed class LargeTransactionTests : BrokerFixture
{
    private const int Messages = 250;
    private const int BodyBytes = 1_000_000;

    /// <summary>For an answer that waits until a quarter of a gigabyte is on a slow disk, or is read from there.</summary>
    private static readonly TimeSpan Patient = TimeSpan.FromMinutes(2);

    private static readonly string[] Queues = [.. Enumerable.Range(1, 9).Select(number => $"q{number}")];

    [Test]
    public async Task A_quarter_of_a_gigabyte_for_nine_queues_is_there_after_a_kill()
    {
        var broker = await StartOwnBroker();
        var life = new BrokerLife(broker);
        await using (var connection = await life.Connect("publisher", answer: Patient))
        await using (var channel = await connection.CreateChannelAsync())
        {
            await channel.ExchangeDeclareAsync("all", ExchangeType.Fanout, durable: true);
            await Load.Queues.DeclareDurable(channel, Queues);
            foreach (var queue in Queues) await channel.QueueBindAsync(queue, "all", "");
            await channel.TxSelectAsync();
            var body = new byte[BodyBytes];
            for (var number = 0; number < Messages; number++)
            {
                BinaryPrimitives.WriteInt32LittleEndian(body, number);
                await channel.BasicPublishAsync("all", "", mandatory: true, new BasicProperties { Persistent = true }, body);
            }
            await channel.TxCommitAsync();
        }
        await life.KillAndRestart();
        await using (var connection = await life.Connect("consumer", answer: Patient))
        await using (var channel = await connection.CreateChannelAsync())
        {
            foreach (var queue in Queues)
            {
                Assert.That((await channel.QueueDeclarePassiveAsync(queue)).MessageCount, Is.EqualTo(Messages), queue);
                var first = await channel.BasicGetAsync(queue, autoAck: true);
                Assert.That((BinaryPrimitives.ReadInt32LittleEndian(first!.Body.Span), first.Body.Length), Is.EqualTo((0, BodyBytes)), queue);
            }
        }
        Assert.That(await broker.Stop(), Is.Zero, "exit code after SIGTERM");
    }
}
