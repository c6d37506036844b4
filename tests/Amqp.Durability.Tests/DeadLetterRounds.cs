using System.Collections.Concurrent;
using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>
/// Messages that are rejected, expire or are too many go to the dead-letter exchange while the broker is killed, or now and then stopped: every confirmed one is there, or where it
/// was. It may be in both.
/// </summary>
[Ours]
public sealed class DeadLetterRoundsTests : BrokerFixture
{
    private const string Dead = "dead";

    private static readonly (string Name, string Argument, int Value)[] Sources =
        [("rejected", "x-max-length", 1_000_000), ("expired", "x-message-ttl", 5), ("too many", "x-max-length", 10)];

    private readonly ConcurrentQueue<string> _violations = [];

    [SetUp]
    public void Clear() => _violations.Clear();

    [Test]
    public Task No_dead_letter_is_lost_when_the_broker_is_killed() => Kill(rounds: 8);

    [Test, Category("Long")]
    public Task No_dead_letter_is_lost_when_the_broker_is_killed_a_hundred_times() => Kill(rounds: 100);

    private Task Kill(int rounds) => Rounds.Run("dead letters", rounds, async random =>
    {
        var broker = await StartOwnBroker();
        AllowLog("The end of segment .* was being written", broker); // the system may leave a large write half done
        var life = new BrokerLife(broker);
        string[] sources = [.. Sources.Select(source => source.Name)];
        await using (var connection = await life.Connect("declarations"))
        await using (var channel = await connection.CreateChannelAsync())
        {
            await Queues.DeclareDurable(channel, Dead);
            foreach (var (name, argument, value) in Sources)
            {
                await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?>
                {
                    ["x-dead-letter-exchange"] = "",
                    ["x-dead-letter-routing-key"] = Dead,
                    [argument] = value,
                });
            }
        }

        var publisher = new NumberPublisher(sources, life, _violations.Enqueue);
        var numbers = new NumberRounds(publisher, [new Rejecter(sources[0], life, _violations.Enqueue)], life, _violations);
        await numbers.Kill(rounds, random);
        await numbers.ExpectAll([Dead, .. sources]);
        return numbers.Result;
    });
}
