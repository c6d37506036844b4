using System.Buffers.Binary;
using System.Globalization;
using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>
/// The broker is killed in the midst of its work, and then several times while it opens its directory, which holds enough for that
/// to take a while. What the openings leave half done loses nothing.
/// </summary>
public sealed class KillWhileOpeningTests : KillRounds
{
    private const string Ballast = "ballast";
    private const int Channels = 20;
    private const int OpeningsMax = 5;

    private int _openings;
    private int _killed;

    [Test]
    public Task Nothing_confirmed_is_lost_when_the_broker_is_killed_while_it_opens() => Kill(rounds: 2, queues: 4_000, messages: 20_000);

    [Test, Category("Long")]
    public Task Nothing_confirmed_is_lost_when_the_broker_is_killed_while_it_opens_again_and_again() => Kill(rounds: 40, queues: 20_000, messages: 200_000);

    private Task Kill(int rounds, int queues, int messages)
    {
        if (Oracle.IsUsed) Assert.Ignore("this test kills at moments that it knows of our own broker only");
        (_openings, _killed) = (0, 0);
        return Kill(
            "kill while opening",
            rounds,
            life => Fill(life, queues, messages),
            KillOpenings,
            life => Check(life, queues, messages));
    }

    private async Task KillOpenings(BrokerLife life, Random random)
    {
        var broker = (TestBroker)life.Broker;
        await life.KillAndRestart(async () =>
        {
            for (var opening = random.Next(1, OpeningsMax + 1); opening > 0; opening--)
            {
                _openings++;
                if (await broker.KillWhileOpening(random.NextDouble() * broker.OpeningTook)) _killed++;
            }
        });
    }

    /// <summary>Durable queues, and numbered messages in one more. All of it is confirmed.</summary>
    private static async Task Fill(BrokerLife life, int queues, int messages)
    {
        await using var connection = await life.Connect("fills the directory");
        await OnChannels(connection, async (channel, part) =>
        {
            for (var number = part; number < queues; number += Channels) await Queues.DeclareDurable(channel, NameOf(number));
        });
        await using var publishing = await Queues.ConfirmChannel(connection);
        await Queues.DeclareDurable(publishing, Ballast);
        var confirms = new List<Task>(messages);
        for (var number = 0; number < messages; number++)
        {
            var body = new byte[100];
            BinaryPrimitives.WriteInt32BigEndian(body, number);
            confirms.Add(publishing.BasicPublishAsync("", Ballast, mandatory: true, new BasicProperties { Persistent = true }, body).AsTask());
        }
        await Task.WhenAll(confirms);
        await life.KillAndRestart(); // so that it is known how long opening takes
    }

    private async Task<string> Check(BrokerLife life, int queues, int messages)
    {
        await using var connection = await life.Connect("looks at the ballast");
        await OnChannels(connection, async (channel, part) =>
        {
            for (var number = part; number < queues; number += Channels) await channel.QueueDeclarePassiveAsync(NameOf(number));
        });
        await using var channel = await connection.CreateChannelAsync();
        var expected = 0;
        await foreach (var message in Queues.Taken(channel, Ballast))
        {
            Assert.That(BinaryPrimitives.ReadInt32BigEndian(message.Body.Span), Is.EqualTo(expected++), "the next number of the ballast");
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
        }
        Assert.That(expected, Is.EqualTo(messages), "messages of the ballast");
        Assert.That(_killed, Is.GreaterThan(_openings / 2), "openings that were killed before they were at their end");
        return string.Create(CultureInfo.InvariantCulture, $"; {_killed} of {_openings} openings killed before their end, {queues} queues and {messages} messages besides");
    }

    private static Task OnChannels(IConnection connection, Func<IChannel, int, Task> act) => Task.WhenAll(Enumerable.Range(0, Channels).Select(async part =>
    {
        await using var channel = await connection.CreateChannelAsync();
        await act(channel, part);
    }));

    private static string NameOf(int number) => string.Create(CultureInfo.InvariantCulture, $"queue {number}");
}
