using System.Collections.Concurrent;
using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>
/// Messages that no consumer can take come back, wait, come back again, and leave for the dead-letter exchange when that was too often, while the
/// broker is killed, or now and then stopped: every confirmed one is where it was, or there. It may be in both.
/// </summary>
[Ours]
public sealed class RetryRoundsTests : BrokerFixture
{
    private const string Dead = "dead";
    private const int DeliveryLimit = 3;

    private static readonly string[] Sources = ["classic", "quorum"];

    private readonly ConcurrentQueue<string> _violations = [];

    [SetUp]
    public void Clear() => _violations.Clear();

    [Test]
    public Task No_message_that_comes_back_is_lost_when_the_broker_is_killed() => Kill(rounds: 8);

    [Test, Category("Long")]
    public Task No_message_that_comes_back_is_lost_when_the_broker_is_killed_a_hundred_times() => Kill(rounds: 100);

    private Task Kill(int rounds) => Rounds.Run("retries", rounds, async random =>
    {
        var broker = await StartOwnBroker();
        AllowLog("The end of segment .* was being written", broker); // the system may leave a large write half done
        AllowLog("came back more often than its delivery limit", broker);
        var life = new BrokerLife(broker);
        await using (var connection = await life.Connect("declarations"))
        await using (var channel = await connection.CreateChannelAsync())
        {
            await Queues.DeclareDurable(channel, Dead);
            foreach (var source in Sources)
            {
                await channel.QueueDeclareAsync(source, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?>
                {
                    ["x-queue-type"] = source,
                    ["x-dead-letter-exchange"] = "",
                    ["x-dead-letter-routing-key"] = Dead,
                    ["x-delivery-limit"] = DeliveryLimit,
                    ["x-delayed-retry-type"] = "all",
                    ["x-delayed-retry-min"] = 10,
                    ["x-delayed-retry-max"] = 200,
                });
            }
        }

        var publisher = new NumberPublisher(Sources, life, _violations.Enqueue);
        var numbers = new NumberRounds(publisher, [.. Sources.Select(source => new Returner(source, DeliveryLimit, life, _violations.Enqueue))], life, _violations);
        await numbers.Kill(rounds, random);
        await numbers.ExpectAll([Dead, .. Sources]);
        Assert.That(numbers.FoundIn.GetValueOrDefault(Dead), Is.Positive, "some came back too often");
        return numbers.Result;
    });
}
