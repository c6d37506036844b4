using System.Collections.Concurrent;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Host;

/// <summary>Stands in for the message store until Storage has one: everything is in memory, and gone with the process.</summary>
internal sealed class ForgetfulMessages : IMessageStore
{
    private readonly ConcurrentDictionary<QueueId, (IStoreListener Listener, ConcurrentDictionary<long, Message> Messages)> _queues = new();
    private long _lastBodyId;

    public RecoveredQueue? Open(QueueId queue, IStoreListener listener)
    {
        _queues[queue] = (listener, new ConcurrentDictionary<long, Message>());
        return null;
    }

    public void Start(Action<bool> fullChanged)
    {
    }

    public void Commit(QueueId queue, ReadOnlySpan<StoreRecord> records, long ticket)
    {
        if (!_queues.TryGetValue(queue, out var known)) return;
        foreach (ref readonly var record in records) Apply(known.Messages, record);
        if (ticket > 0) ThreadPool.UnsafeQueueUserWorkItem(_ => known.Listener.Committed(ticket), state: null);
    }

    public void CommitTransaction(StoreRecord[] records, Action committed)
    {
        foreach (var record in records)
        {
            if (_queues.TryGetValue(record.Queue, out var known)) Apply(known.Messages, record);
        }
        ThreadPool.UnsafeQueueUserWorkItem(_ => committed(), state: null);
    }

    public void Read(QueueId queue, long[] positions) => ThreadPool.UnsafeQueueUserWorkItem(
        _ =>
        {
            if (!_queues.TryGetValue(queue, out var known)) return;
            known.Listener.Loaded(positions, Array.ConvertAll(positions, position => known.Messages.GetValueOrDefault(position)));
        },
        state: null);

    public long NextBodyId() => Interlocked.Increment(ref _lastBodyId);

    public void Remove(QueueId queue) => _queues.TryRemove(queue, out _);

    private static void Apply(ConcurrentDictionary<long, Message> messages, in StoreRecord record)
    {
        if (record.Message is { } message) messages[record.Position] = message;
        else if (record.Type == RecordType.Settle) messages.TryRemove(record.Position, out _);
    }
}
