namespace Amqp.Failover.Tests.Load;

/// <summary>The messages of one channel whose confirms are awaited, at most a window of them, and those that were nacked and are to be sent again.</summary>
internal sealed class UnderWay(int window)
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<ulong, int> _numbers = [];
    private readonly List<int> _nacked = [];
    private readonly SemaphoreSlim _room = new(window);
    private readonly SemaphoreSlim _changed = new(0);

    public int Count
    {
        get
        {
            lock (_lock) return _numbers.Count;
        }
    }

    /// <returns>False: there was none for that long.</returns>
    public Task<bool> Room(TimeSpan within, CancellationToken gone) => _room.WaitAsync(within, gone);

    public void GiveBack() => _room.Release();

    /// <summary>Something was settled.</summary>
    public async Task Change(TimeSpan within, CancellationToken gone)
    {
        if (!await _changed.WaitAsync(within, gone)) throw new TimeoutException($"no confirm for {within.TotalSeconds} s, {Count} are under way at the end");
    }

    public void Add(ulong tag, int number)
    {
        lock (_lock) _numbers.Add(tag, number);
    }

    public List<int> Take(ulong tag, bool multiple, bool isTaken)
    {
        var taken = new List<int>();
        lock (_lock)
        {
            ulong[] tags = multiple ? [.. _numbers.Keys.TakeWhile(key => key <= tag)] : [tag];
            foreach (var one in tags)
                if (_numbers.Remove(one, out var number)) taken.Add(number);
            if (!isTaken) _nacked.AddRange(taken);
        }
        if (taken.Count == 0) return taken;
        _room.Release(taken.Count);
        _changed.Release();
        return taken;
    }

    public List<int> TakeNacked()
    {
        lock (_lock)
        {
            List<int> nacked = [.. _nacked.Order()];
            _nacked.Clear();
            return nacked;
        }
    }
}
