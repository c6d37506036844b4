using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>What others want of an owner, in the order they asked. Any thread posts; one thread at a time drains, and takes everything that has come in one piece.</summary>
/// <remarks>A leaf lock: held for a copy of a few items, never while calling out. What waits here is bounded by what is posted: see <see cref="LeaderLink"/> and <see cref="ServedEdge"/>.</remarks>
internal sealed class Mailbox<T>
{
    private readonly Lock _lock = new();
    private BatchList<T> _incoming = new();
    private BatchList<T> _draining = new();
    private bool _isBusy;

    /// <summary>Makes an item.</summary>
    public delegate T Conversion<TSource, TState>(in TSource source, TState state);

    /// <summary>Posts one item. True: no thread is draining, and the caller has to see to it that the owner runs.</summary>
    public bool Post(in T item)
    {
        lock (_lock)
        {
            _incoming.Add(item);
            return TakeTurn();
        }
    }

    /// <summary>Posts several items that stay together, each made of something else.</summary>
    /// <param name="convert">Quick, and calls nothing: the lock is held meanwhile.</param>
    public bool Post<TSource, TState>(ReadOnlySpan<TSource> sources, TState state, Conversion<TSource, TState> convert)
    {
        lock (_lock)
        {
            foreach (ref readonly var source in sources) _incoming.Add(convert(source, state));
            return TakeTurn();
        }
    }

    /// <summary>Takes all that has come since the last call; valid until the next. False: nothing has, and the next post will tell its caller to run the owner.</summary>
    public bool TryDrain(out BatchList<T> batch)
    {
        var drained = _draining;
        drained.Clear();
        lock (_lock)
        {
            batch = _draining = _incoming;
            _incoming = drained;
            return _isBusy = batch.Count > 0;
        }
    }

    private bool TakeTurn()
    {
        if (_isBusy) return false;
        return _isBusy = true;
    }
}
