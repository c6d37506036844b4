using Amqp.Core.Queues;

namespace Amqp.Broker.Loops;

/// <summary>
/// What others want of an owner, in the order they asked. Any thread posts; one thread at a time drains, and takes everything
/// that has come meanwhile in one piece. Draining is the batch that all later steps work on.
/// </summary>
/// <remarks>A leaf lock: held for a copy of a few items, never while calling out.</remarks>
internal sealed class Mailbox<T>
{
    private readonly Lock _lock = new();
    private BatchList<T> _incoming = new();
    private BatchList<T> _draining = new();
    private bool _busy;

    /// <summary>No thread drains, and nothing waits to be drained.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_lock) return !_busy;
        }
    }

    /// <summary>Posts one item. True: no thread is draining, and the caller has to see to it that the owner runs.</summary>
    public bool Post(in T item)
    {
        lock (_lock)
        {
            _incoming.Add(item);
            return TakeTurn();
        }
    }

    /// <summary>Posts several items that stay together.</summary>
    public bool Post(ReadOnlySpan<T> items)
    {
        lock (_lock)
        {
            _incoming.AddRange(items);
            return TakeTurn();
        }
    }

    /// <summary>Posts several items that stay together, each made of something else.</summary>
    /// <param name="convert">Quick, and calls nothing: the lock is held meanwhile.</param>
    public bool Post<TSource>(ReadOnlySpan<TSource> sources, Conversion<TSource> convert)
    {
        lock (_lock)
        {
            foreach (ref readonly var source in sources) _incoming.Add(convert(source));
            return TakeTurn();
        }
    }

    /// <summary>Makes an item.</summary>
    public delegate T Conversion<TSource>(in TSource source);

    /// <summary>
    /// Takes all that has come since the last call. False: nothing has, the owner is idle again, and the next post will say
    /// so to its caller. The list is valid until the next call.
    /// </summary>
    public bool TryDrain(out BatchList<T> batch)
    {
        var drained = _draining;
        drained.Clear();
        lock (_lock)
        {
            batch = _incoming;
            _draining = batch;
            _incoming = drained;
            _busy = batch.Count > 0;
            return _busy;
        }
    }

    /// <summary>For an owner that takes no more for now. True: nothing has come since the last call, and the owner is idle again. False: it
    /// has to see to it that it is run.</summary>
    public bool TryRest()
    {
        _draining.Clear();
        lock (_lock)
        {
            _busy = _incoming.Count > 0;
            return !_busy;
        }
    }

    private bool TakeTurn()
    {
        if (_busy) return false;
        _busy = true;
        return true;
    }
}
