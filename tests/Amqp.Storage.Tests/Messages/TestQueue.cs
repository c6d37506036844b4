using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Topology;

namespace Amqp.Storage.Tests.Messages;

/// <summary>A queue as the store sees it: remembers what it was told.</summary>
internal sealed class TestQueue(QueueId id) : IStoreListener, IMessageReader
{
    private readonly Lock _lock = new();
    private long _committed;
    private (long[] Positions, Message?[] Messages)? _loaded;

    public QueueId Id { get; } = id;

    /// <summary>The last ticket it was told of.</summary>
    public long CommittedTicket
    {
        get
        {
            lock (_lock) return _committed;
        }
    }

    public (long[] Positions, Message?[] Messages)? TakeLoaded()
    {
        lock (_lock)
        {
            var loaded = _loaded;
            _loaded = null;
            return loaded;
        }
    }

    void IStoreListener.Committed(long ticket)
    {
        lock (_lock)
        {
            Assert.That(ticket, Is.GreaterThan(_committed), "tickets come in order");
            _committed = ticket;
        }
    }

    void IMessageReader.Loaded(long[] positions, Message?[] messages)
    {
        lock (_lock) _loaded = (positions, messages);
    }
}
