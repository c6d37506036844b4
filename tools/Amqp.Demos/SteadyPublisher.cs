using System.Diagnostics;
using RabbitMQ.Client;

namespace Amqp.Demos;

/// <summary>
/// A publisher of numbered persistent messages that goes on whatever happens to its queue: what the broker refuses (basic.nack) it sends again
/// a moment later, until it is confirmed.
/// </summary>
internal sealed class SteadyPublisher : IAsyncDisposable
{
    private const int BodyBytes = 200;
    private const int Window = 100;
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(50);

    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private readonly string _queue;
    private readonly Lock _lock = new();
    private readonly SortedDictionary<ulong, int> _underWay = [];
    private readonly Queue<int> _refused = new();
    private readonly HashSet<int> _confirmed = [];
    private readonly SemaphoreSlim _room = new(Window);
    private Task _publishing = Task.CompletedTask;
    private int _last;
    private int _refusals;
    private long _lastRefusal;
    private bool _isEnding;
    private long _lastConfirm;
    private TimeSpan _longestSilence;

    private SteadyPublisher(IConnection connection, IChannel channel, string queue) => (_connection, _channel, _queue) = (connection, channel, queue);

    public int Confirmed
    {
        get
        {
            lock (_lock) return _confirmed.Count;
        }
    }

    /// <summary>How often a message was refused.</summary>
    public int Refusals
    {
        get
        {
            lock (_lock) return _refusals;
        }
    }

    /// <summary>The longest time from one confirm to the next since <see cref="WatchSilence"/>.</summary>
    public TimeSpan LongestSilence
    {
        get
        {
            lock (_lock) return _longestSilence;
        }
    }

    public void WatchSilence()
    {
        lock (_lock) _longestSilence = TimeSpan.Zero;
    }

    public static async Task<SteadyPublisher> Begin(BrokerProcess broker, string queue, CancellationToken cancel)
    {
        var connection = await broker.Connect($"publisher of {queue}", cancel);
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), cancel);
        var publisher = new SteadyPublisher(connection, channel, queue);
        channel.BasicAcksAsync += (_, ack) => publisher.Settle(ack.DeliveryTag, ack.Multiple, isConfirmed: true);
        channel.BasicNacksAsync += (_, nack) => publisher.Settle(nack.DeliveryTag, nack.Multiple, isConfirmed: false);
        publisher._publishing = Task.Run(() => publisher.Publish(cancel), cancel);
        return publisher;
    }

    /// <summary>Publishes nothing new, and returns when all that it published is confirmed.</summary>
    /// <returns>The numbers of what is confirmed.</returns>
    public async Task<IReadOnlySet<int>> Finish()
    {
        lock (_lock) _isEnding = true;
        await _publishing;
        return _confirmed;
    }

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
        _room.Dispose();
    }

    private async Task Publish(CancellationToken cancel)
    {
        for (var tag = 1UL; ;)
        {
            await _room.WaitAsync(cancel);
            if (Next(tag) is not { } number)
            {
                if (Confirmed == _last) return;
                _room.Release();
                await Task.Delay(Moment, cancel);
                continue;
            }
            tag++;
            // The reason of a refusal may last.
            if (HasJustBeenRefused()) await Task.Delay(Moment, cancel);
            await _channel.BasicPublishAsync("", _queue, mandatory: false, new BasicProperties { Persistent = true }, QueueReader.Body(number, BodyBytes), cancel);
        }
    }

    /// <returns>The message that is sent next, with that tag; null: there is none for the moment, or none any more.</returns>
    private int? Next(ulong tag)
    {
        lock (_lock)
        {
            if (!_refused.TryDequeue(out var number))
            {
                if (_isEnding) return null;
                number = ++_last;
            }
            _underWay.Add(tag, number);
            return number;
        }
    }

    private bool HasJustBeenRefused()
    {
        lock (_lock) return _refusals > 0 && Stopwatch.GetElapsedTime(_lastRefusal) < Moment;
    }

    private Task Settle(ulong tag, bool multiple, bool isConfirmed)
    {
        lock (_lock)
        {
            ulong[] tags = multiple ? [.. _underWay.Keys.TakeWhile(key => key <= tag)] : [tag];
            foreach (var one in tags)
            {
                if (!_underWay.Remove(one, out var number)) continue;
                _room.Release();
                if (isConfirmed) Confirm(number);
                else
                {
                    _refusals++;
                    _lastRefusal = Stopwatch.GetTimestamp();
                    _refused.Enqueue(number);
                }
            }
        }
        return Task.CompletedTask;
    }

    private void Confirm(int number)
    {
        _confirmed.Add(number);
        if (_lastConfirm != 0) _longestSilence = Longer(_longestSilence, Stopwatch.GetElapsedTime(_lastConfirm));
        _lastConfirm = Stopwatch.GetTimestamp();
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
