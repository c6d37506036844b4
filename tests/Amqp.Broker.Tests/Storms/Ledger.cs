using System.Collections.Concurrent;

namespace Amqp.Broker.Tests.Storms;

/// <summary>
/// What clients know of every message to a queue that is never deleted. What a client did shortly before its connection was dropped
/// is not certain: it may have been done or not.
/// </summary>
internal sealed class Ledger
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new();
    private readonly ConcurrentQueue<string> _violations = new();

    public IEnumerable<string> Violations => _violations;

    public int Count => _entries.Count;

    public void Publishing(string id) => _entries[id] = new Entry();

    public void Published(string id) => _entries[id].Published = true;

    public void Settling(string id) => Interlocked.Increment(ref _entries[id].Settling);

    public void Settled(string id)
    {
        if (Interlocked.Increment(ref _entries[id].Settled) > 1) Violate($"{id} was settled twice");
    }

    public void Violate(string what) => _violations.Enqueue(what);

    /// <summary>Holds what was found in the queues at the end against what clients know.</summary>
    public void Close(IReadOnlyCollection<string> ready)
    {
        foreach (var twice in ready.GroupBy(id => id).Where(group => group.Count() > 1)) Violate($"{twice.Key} is there {twice.Count()} times");
        foreach (var id in ready.Where(id => !_entries.ContainsKey(id))) Violate($"{id} was never published");
        var there = ready.ToHashSet();
        foreach (var (id, entry) in _entries)
        {
            if (entry.Settled > 0 && there.Contains(id)) Violate($"{id} was settled and is still there");
            if (entry is { Published: true, Settling: 0 } && !there.Contains(id)) Violate($"{id} was published, never settled, and is lost");
        }
    }

    private sealed class Entry
    {
        public volatile bool Published;
        public int Settling;
        public int Settled;
    }
}
