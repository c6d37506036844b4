using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Durability.Tests;

/// <summary>A disk that takes two seconds for every flush holds up what waits for a flush, and nothing else.</summary>
public sealed class StalledFlushTests : BrokerFixture
{
    private const int StallMs = 2_000;
    private const int PersistentMessages = 3;

    /// <summary>Many times what a queue reads ahead.</summary>
    private const int Backlog = 10_000;
    private const ushort Prefetch = 500;
    private const ulong AckEvery = 100;

    [Test]
    public async Task Transient_messages_of_the_same_connection_flow_and_heartbeats_come()
    {
        if (Oracle.IsUsed) Assert.Ignore("this test is about our own store's thread");
        var broker = await StartOwnBroker([]);
        await using var connection = await new BrokerLife(broker).Connect("stalled", heartbeat: TimeSpan.FromSeconds(1));
        await using var persistent = await Queues.ConfirmChannel(connection);
        await Queues.DeclareDurable(persistent, "durable");
        await using var transient = await connection.CreateChannelAsync();
        var latencies = await Consume(transient);

        await Publish(persistent); // the store has its first segment
        await using var stall = await Strace.DelayFlushes(broker, StallMs);
        var waiting = Stopwatch.StartNew();
        var confirmed = Task.WhenAll(Enumerable.Range(0, PersistentMessages).Select(_ => Publish(persistent)));
        latencies.Clear();
        while (!confirmed.IsCompleted)
        {
            var body = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(body, Stopwatch.GetTimestamp());
            await transient.BasicPublishAsync("", "transient", body);
            await Task.Delay(1);
        }
        await confirmed;

        Assert.That(waiting.ElapsedMilliseconds, Is.GreaterThan(StallMs - 100), "the flush was stalled");
        Assert.That(connection.IsOpen, Is.True, () => $"{connection.CloseReason}");
        var sorted = latencies.Order().ToList();
        var p99 = sorted[sorted.Count * 99 / 100];
        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{sorted.Count} transient messages beside a flush of {StallMs} ms: p99 {p99:0.0} ms, longest {sorted[^1]:0.0} ms"));
        Assert.That(sorted, Has.Count.GreaterThan(100));
        // Far above what is measured, because tests run beside each other; far below what waiting for the disk would be.
        Assert.That(p99, Is.LessThan(StallMs / 8.0));
    }

    [Test]
    public async Task A_consumer_gets_a_backlog_from_the_disk_while_a_flush_stalls()
    {
        if (Oracle.IsUsed) Assert.Ignore("this test is about our own store's thread");
        var broker = await StartOwnBroker([]);
        var life = new BrokerLife(broker);
        await using (var filling = await life.Connect("fills the queue"))
        {
            await using var channel = await Queues.ConfirmChannel(filling);
            await Queues.DeclareDurable(channel, "backlog", "durable");
            await Task.WhenAll(Enumerable.Range(0, Backlog).Select(_ => Publish(channel, "backlog")));
        }
        await life.StopAndRestart(); // now only the disk has them
        await using var connection = await life.Connect("stalled");
        await using var persistent = await Queues.ConfirmChannel(connection);
        await using var consuming = await connection.CreateChannelAsync();
        await consuming.BasicQosAsync(0, Prefetch, global: false);
        await Publish(persistent);

        await using var stall = await Strace.DelayFlushes(broker, StallMs);
        var waiting = Stopwatch.StartNew();
        var confirmed = Publish(persistent);
        var got = new TaskCompletionSource<TimeSpan>(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new AsyncEventingBasicConsumer(consuming);
        var count = 0;
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            if (++count == Backlog) got.SetResult(waiting.Elapsed);
            if (delivery.DeliveryTag % AckEvery == 0) await consuming.BasicAckAsync(delivery.DeliveryTag, multiple: true);
        };
        await consuming.BasicConsumeAsync("backlog", autoAck: false, consumer);
        await Task.WhenAny(got.Task, confirmed);
        Assert.That(got.Task.IsCompleted, Is.True, () => $"{count} of {Backlog} messages came before the flush ended");
        var took = await got.Task;
        await confirmed;
        Assert.That(waiting.ElapsedMilliseconds, Is.GreaterThan(StallMs - 100), "the flush was stalled");
        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{Backlog} messages from the disk beside a flush of {StallMs} ms: all within {took.TotalMilliseconds:0} ms"));
    }

    private static async Task<ConcurrentBag<double>> Consume(IChannel channel)
    {
        var latencies = new ConcurrentBag<double>();
        await channel.QueueDeclareAsync("transient", durable: false, exclusive: true, autoDelete: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            latencies.Add(Stopwatch.GetElapsedTime(BinaryPrimitives.ReadInt64LittleEndian(delivery.Body.Span)).TotalMilliseconds);
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync("transient", autoAck: true, consumer);
        return latencies;
    }

    private static Task Publish(IChannel channel, string queue = "durable") =>
        channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties { Persistent = true }, new byte[100]).AsTask();
}
