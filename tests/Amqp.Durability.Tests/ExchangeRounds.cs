using System.Collections.Concurrent;
using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>
/// Messages wait in an exchange, until they are due or until they are known to be no duplicates, while the broker is killed, or now and then stopped:
/// every confirmed one arrives. It may arrive twice, if it was on its way then.
/// </summary>
[Ours]
public sealed class ExchangeRoundsTests : BrokerFixture
{
    private const string Queue = "arrived";

    private readonly ConcurrentQueue<string> _violations = [];

    [SetUp]
    public void Clear() => _violations.Clear();

    [Test]
    public Task No_delayed_message_is_lost_when_the_broker_is_killed() => Delay(rounds: 8);

    [Test, Category("Long")]
    public Task No_delayed_message_is_lost_when_the_broker_is_killed_a_hundred_times() => Delay(rounds: 100);

    [Test]
    public Task No_message_is_lost_as_a_duplicate_when_the_broker_is_killed() => Deduplicate(rounds: 8);

    [Test, Category("Long")]
    public Task No_message_is_lost_as_a_duplicate_when_the_broker_is_killed_a_hundred_times() => Deduplicate(rounds: 100);

    private Task Delay(int rounds) => Kill(
        "delayed", rounds, "x-delayed-message", new Dictionary<string, object?> { ["x-delayed-type"] = "fanout" },
        number => new Dictionary<string, object?> { ["x-delay"] = number * 7919 % 1_500 });

    /// <summary>Each key comes three times, in an order that a kill may fall between.</summary>
    private Task Deduplicate(int rounds) => Kill(
        "duplicates", rounds, "x-message-deduplication", new Dictionary<string, object?> { ["x-cache-size"] = 1_000_000 },
        number => new Dictionary<string, object?> { ["x-deduplication-header"] = KeyOf(number) }, KeyOf);

    private static int KeyOf(int number) => (number / 300 * 100) + (number % 100);

    /// <param name="same">Numbers of which one is enough are the same by this.</param>
    private Task Kill(
        string what, int rounds, string type, Dictionary<string, object?> arguments, Func<int, Dictionary<string, object?>> headers, Func<int, int>? same = null) => Rounds.Run(what, rounds, async random =>
    {
        var broker = await StartOwnBroker();
        AllowLog("The end of segment .* was being written", broker); // the system may leave a large write half done
        var life = new BrokerLife(broker);
        await using (var connection = await life.Connect("declarations"))
        await using (var channel = await connection.CreateChannelAsync())
        {
            await channel.ExchangeDeclareAsync("exchange", type, durable: true, arguments: arguments);
            await Queues.DeclareDurable(channel, Queue);
            await channel.QueueBindAsync(Queue, "exchange", "");
        }
        var publisher = new NumberPublisher(number => new Addressed("exchange", "", headers(number)), life, _violations.Enqueue);
        var numbers = new NumberRounds(publisher, [], life, _violations) { Same = same ?? (number => number) };
        await numbers.Kill(rounds, random);
        await numbers.ExpectAll(Queue);
        return numbers.Result;
    });
}
