using Amqp.Broker.Queues;

namespace Amqp.Broker.Channels;

/// <summary>
/// The prefetch that all consumers of a channel share (basic.qos with global). Queues that want to deliver take a place;
/// when there is none they stand in line, and every place that comes free goes to the first in line, so that each of the
/// channel's queues makes progress, however busy the others are. Consumers with automatic acknowledgement take no place, but as in
/// RabbitMQ they wait while there is none.
/// </summary>
/// <remarks>A leaf lock, because the actors of many queues meet here; never held while calling out.</remarks>
internal sealed class ChannelPrefetch
{
    private readonly Lock _lock = new();
    private readonly Queue<ConsumerLink> _line = new();
    private int _limit;
    private int _taken;
    private bool _isHeld;

    /// <summary>0: none.</summary>
    public int Limit => Volatile.Read(ref _limit);

    /// <summary>Every consumer may go on, whatever the others have.</summary>
    public bool IsOpen => Volatile.Read(ref _limit) == 0 && !Volatile.Read(ref _isHeld);

    /// <summary>Sets the limit; 0 lifts it.</summary>
    public void SetLimit(int limit)
    {
        lock (_lock) _limit = limit;
        GrantFreePlaces();
    }

    /// <summary>Nothing more is delivered on the channel until it goes on.</summary>
    public void Hold()
    {
        lock (_lock) _isHeld = true;
    }

    /// <summary>The end of <see cref="Hold"/>.</summary>
    public void GoOn()
    {
        lock (_lock) _isHeld = false;
        GrantFreePlaces();
    }

    /// <summary>Takes a place, or puts the consumer in line for one: it will get a <see cref="ConsumerLink.Grant"/>.</summary>
    public bool TryEnter(ConsumerLink consumer)
    {
        lock (_lock)
        {
            if (!_isHeld && (_limit == 0 || (_taken < _limit && _line.Count == 0)))
            {
                _taken++;
                return true;
            }
            _line.Enqueue(consumer);
            return false;
        }
    }

    /// <summary>Places come free.</summary>
    public void Leave(int count)
    {
        lock (_lock)
        {
            _taken -= count;
            if (_line.Count == 0) return;
        }
        GrantFreePlaces();
    }

    private void GrantFreePlaces()
    {
        while (TryTakePlaceForFirst() is { } consumer) consumer.Grant();
    }

    private ConsumerLink? TryTakePlaceForFirst()
    {
        lock (_lock)
        {
            if (_line.Count == 0 || _isHeld || (_limit != 0 && _taken >= _limit)) return null;
            _taken++;
            return _line.Dequeue();
        }
    }
}
