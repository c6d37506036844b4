using System.Collections.Concurrent;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests.Load;

/// <summary>The broker is killed, and now and then stopped, while numbers are published and other clients do something to them; then all of them are looked for.</summary>
/// <param name="publisher">Publishes them.</param>
/// <param name="others">Clients beside it.</param>
/// <param name="violations">What clients complain of; the first ends the rounds.</param>
internal sealed class NumberRounds(NumberPublisher publisher, IReadOnlyList<Client> others, BrokerLife life, ConcurrentQueue<string> violations)
{
    private readonly HashSet<int> _found = [];

    /// <summary>Numbers of which one is enough to be found give the same here.</summary>
    public Func<int, int> Same { get; init; } = number => number;

    /// <summary>Messages that were found, by queue.</summary>
    public Dictionary<string, int> FoundIn { get; } = [];

    /// <summary>What was found, in words.</summary>
    public string Result =>
        $"{publisher.Confirmed.Count} confirmed, {_found.Count} found ({string.Join(", ", FoundIn.Select(queue => $"{queue.Value} in {queue.Key}"))}), "
        + $"{FoundIn.Values.Sum() - _found.Count} of them more than once";

    public async Task Kill(int rounds, Random random)
    {
        Client[] clients = [publisher, .. others];
        try
        {
            foreach (var client in clients) client.Start();
            for (var round = 0; round < rounds; round++)
            {
                var target = publisher.Confirmed.Count + random.Next(1, 2_000);
                await Eventually.True(() => publisher.Confirmed.Count >= target || !violations.IsEmpty, TimeSpan.FromMinutes(1), $"{target} confirms");
                Assert.That(violations, Is.Empty);
                if (round % 4 == 3) await life.StopAndRestart();
                else await life.KillAndRestart();
            }
            foreach (var client in clients) await client.Finish(Patience.Stop);
        }
        finally
        {
            foreach (var client in clients) await client.DisposeAsync();
        }
    }

    /// <summary>Takes everything out of these queues until every confirmed number was found.</summary>
    public async Task ExpectAll(params string[] queues)
    {
        await using var connection = await life.Connect("last look");
        await using var channel = await connection.CreateChannelAsync();
        await Eventually.That(async () => await Missing(channel, queues), Is.Zero, Patience.Stop);
        Assert.That(violations, Is.Empty);
    }

    private async Task<int> Missing(IChannel channel, string[] queues)
    {
        foreach (var queue in queues)
        {
            await foreach (var message in Queues.Taken(channel, queue))
            {
                _found.Add(Same(NumberPublisher.Number(message.Body)));
                FoundIn[queue] = FoundIn.GetValueOrDefault(queue) + 1;
                await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
            }
        }
        return publisher.Confirmed.Keys.Count(number => !_found.Contains(Same(number)));
    }
}
