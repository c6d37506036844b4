using System.Collections.Concurrent;
using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Durability.Tests;

/// <summary>A broker that is asked to end while publishers publish forgets nothing that it confirmed, and knows what it had handed out.</summary>
[Same]
public sealed class OrderlyRestartTests : BrokerFixture
{
    private const string Untouched = "untouched";
    private const string Held = "held";
    private const int Prefetch = 10;
    private const int Acked = 5;
    private static readonly string[] All = [Untouched, Held];

    [Test]
    public Task What_was_delivered_is_marked_after_a_restart_and_what_was_not_is_not() => Rounds.Run("orderly restart", 1, async random =>
    {
        var broker = await StartOwnBroker();
        var life = new BrokerLife(broker);
        var ledger = new Ledger(All);
        await using var connection = await life.Connect("declarations");
        await using (var channel = await connection.CreateChannelAsync()) await Queues.DeclareDurable(channel, All);
        Route[] routes = [.. All.Select(queue => new Route("", queue, queue))];
        var publisher = new Publisher(1, random.Next(), ledger, life, routes, window: 400, transient: 0.2, Publisher.AnyLength);
        try
        {
            publisher.Start();
            await AcknowledgeSome(connection, ledger);
            var held = await Hold(connection, ledger);
            await Eventually.True(() => ledger.Confirmed >= 2000 || ledger.Violations.Count > 0, TimeSpan.FromMinutes(1));
            await life.StopAndRestart();
            ledger.AcksAreDurable(life: 1);
            await publisher.Finish(Patience.Stop);
            await ExpectMarks(life, ledger, held);
        }
        finally
        {
            await publisher.DisposeAsync();
        }
        ledger.Close(life.Number);
        Assert.That(ledger.Violations, Is.Empty, ledger.ToString());
        return ledger.ToString();
    });

    /// <summary>Acknowledges the first messages, and closes the channel behind that: its close-ok says that they were heard.</summary>
    private static async Task AcknowledgeSome(IConnection connection, Ledger ledger)
    {
        await using var channel = await connection.CreateChannelAsync();
        var session = new Ledger.Session(life: 1);
        for (var got = 0; got < Acked;)
        {
            if (await channel.BasicGetAsync(Held, autoAck: false) is not { } message) continue;
            var stamp = Stamp.Of(message.Body.Span);
            ledger.Deliver(Held, session, stamp, message.Redelivered);
            ledger.Acking(Held, life: 1, stamp!.Value);
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
            got++;
        }
        await channel.CloseAsync();
    }

    /// <summary>Consumes as many as the prefetch allows and acknowledges none: the broker has then handed out these and no others.</summary>
    private static async Task<IReadOnlyCollection<Stamp>> Hold(IConnection connection, Ledger ledger)
    {
        var held = new ConcurrentQueue<Stamp>();
        var session = new Ledger.Session(life: 1);
        var channel = await connection.CreateChannelAsync();
        await channel.BasicQosAsync(0, Prefetch, global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            var stamp = Stamp.Of(delivery.Body.Span);
            ledger.Deliver(Held, session, stamp, delivery.Redelivered);
            held.Enqueue(stamp!.Value);
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(Held, autoAck: false, consumer);
        await Eventually.That(() => held.Count, Is.EqualTo(Prefetch), expression: "messages that the consumer holds");
        return held;
    }

    private static async Task ExpectMarks(BrokerLife life, Ledger ledger, IReadOnlyCollection<Stamp> held)
    {
        await using var connection = await life.Connect("last look");
        await using var channel = await connection.CreateChannelAsync();
        var survivors = held.Where(message => message.Persistent).ToList();
        foreach (var queue in All)
        {
            var session = new Ledger.Session(life.Number);
            var marked = new List<Stamp>();
            await foreach (var message in Queues.Taken(channel, queue))
            {
                var stamp = Stamp.Of(message.Body.Span)!.Value;
                ledger.Deliver(queue, session, stamp, message.Redelivered);
                ledger.Acking(queue, life.Number, stamp);
                if (message.Redelivered) marked.Add(stamp);
                await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
            }
            Assert.That(marked, Is.EqualTo(queue == Held ? survivors : []), $"messages of '{queue}' that are marked as redelivered");
        }
    }
}
