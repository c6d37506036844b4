using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Durability.Tests.Load;

/// <summary>Where a publisher's messages go, and in which queues each of them must be.</summary>
internal sealed record Route(string Exchange, string Key, params string[] Queues);

/// <summary>
/// Publishes numbered messages without end, with confirms, several hundred of them under way. What was not confirmed when the
/// connection broke is not published again, so nothing can be there twice.
/// </summary>
/// <param name="window">How many messages may wait for their confirm.</param>
/// <param name="transient">The part of the messages that is not persistent, from 0 to 1.</param>
/// <param name="length">Chooses the length of a body in bytes.</param>
internal sealed class Publisher(
    byte id, int seed, Ledger ledger, BrokerLife life, Route[] routes, int window, double transient, Func<Random, int> length)
    : Client($"publisher {id}", life, ledger.Violate)
{
    private readonly Random _random = new(seed);
    private int _number;

    /// <summary>From 10 bytes to 200 KiB: mostly small, some of a few frames.</summary>
    public static int AnyLength(Random random) => random.Next(100) switch
    {
        < 80 => random.Next(Stamp.BytesMin, 1024),
        < 97 => random.Next(1024, 16 * 1024),
        _ => random.Next(16 * 1024, 200 * 1024 + 1),
    };

    protected override async Task Serve(IConnection connection, int number, CancellationToken stop, CancellationToken gone)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), gone);
        using var underWay = new UnderWay(window);
        channel.BasicAcksAsync += (_, ack) => Settle(underWay, ack.DeliveryTag, ack.Multiple, message => ledger.Confirm(message, number));
        channel.BasicNacksAsync += (_, nack) => Settle(underWay, nack.DeliveryTag, nack.Multiple, ledger.Refuse);
        channel.ChannelShutdownAsync += (_, reason) =>
        {
            if (Life.IsUp && reason.Initiator == ShutdownInitiator.Peer) ledger.Violate($"closed: the channel of {Name}: {reason.ReplyText}");
            return Task.CompletedTask;
        };

        for (var tag = 1UL; !stop.IsCancellationRequested; tag++)
        {
            await underWay.Room(gone);
            var message = new Stamp(id, ++_number, Persistent: _random.NextDouble() >= transient);
            var route = routes[_random.Next(routes.Length)];
            ledger.Publishing(message, route.Queues);
            underWay.Add(tag, message);
            var properties = new BasicProperties { Persistent = message.Persistent };
            await channel.BasicPublishAsync(route.Exchange, route.Key, mandatory: false, properties, message.Body(length(_random), _random), gone);
        }
        await underWay.None(gone).WaitAsync(Patience.Stop, gone);
    }

    private Task Settle(UnderWay underWay, ulong tag, bool multiple, Action<Stamp> settle)
    {
        var settled = underWay.Take(tag, multiple);
        if (settled.Count == 0) ledger.Violate($"confirm: {Name} was told of {tag}{(multiple ? " and all before" : "")}, which was not under way");
        settled.ForEach(settle);
        return Task.CompletedTask;
    }

    /// <summary>The messages whose confirms are awaited, at most a window of them.</summary>
    private sealed class UnderWay(int window) : IDisposable
    {
        private readonly Lock _lock = new();
        private readonly SortedDictionary<ulong, Stamp> _messages = [];
        private readonly SemaphoreSlim _room = new(window);

        public Task Room(CancellationToken gone) => _room.WaitAsync(gone);

        public void Add(ulong tag, Stamp message)
        {
            lock (_lock) _messages.Add(tag, message);
        }

        public List<Stamp> Take(ulong tag, bool multiple)
        {
            var taken = new List<Stamp>();
            lock (_lock)
            {
                ulong[] tags = multiple ? [.. _messages.Keys.TakeWhile(key => key <= tag)] : [tag];
                foreach (var one in tags)
                    if (_messages.Remove(one, out var message)) taken.Add(message);
            }
            if (taken.Count > 0) _room.Release(taken.Count);
            return taken;
        }

        /// <summary>Completes when every confirm has come.</summary>
        public async Task None(CancellationToken gone)
        {
            for (var place = 0; place < window; place++) await _room.WaitAsync(gone);
        }

        public void Dispose() => _room.Dispose();
    }
}
