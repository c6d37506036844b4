using System.Collections.Concurrent;
using Amqp.Core.Ports;

namespace Amqp.Broker.Security;

/// <summary>What limits of users and virtual hosts are compared with: what this node has, and what the other nodes say that they have.</summary>
internal sealed class Usage : INodeUsage
{
    // A count stays when it is down to 0: there are no more of them than operators gave names.
    private readonly ConcurrentDictionary<UsageKey, Used> _used = new();

    /// <inheritdoc/>
    public Action<UsageKey> OwnChanged
    {
        private get;
        set;
    } = static _ => { };

    /// <inheritdoc/>
    public IEnumerable<UsageCount> Own => _used.Select(each => new UsageCount(each.Key, Volatile.Read(ref each.Value.Here))).Where(count => count.Count > 0);

    /// <inheritdoc/>
    public int OwnOf(UsageKey key) => _used.TryGetValue(key, out var used) ? Volatile.Read(ref used.Here) : 0;

    /// <inheritdoc/>
    public void AddElsewhere(UsageKey key, int more) => Interlocked.Add(ref Of(key).Elsewhere, more);

    /// <summary>One more, unless that would be more than the limit.</summary>
    /// <param name="limit">Null or negative: none.</param>
    public bool TryAdd(UsageKind kind, string name, long? limit)
    {
        var key = new UsageKey(kind, name);
        var used = Of(key);
        while (true)
        {
            var here = Volatile.Read(ref used.Here);
            if (limit >= 0 && here + Volatile.Read(ref used.Elsewhere) >= limit) return false;
            if (Interlocked.CompareExchange(ref used.Here, here + 1, here) != here) continue;
            OwnChanged(key);
            return true;
        }
    }

    public void Remove(UsageKind kind, string name)
    {
        var key = new UsageKey(kind, name);
        Interlocked.Decrement(ref Of(key).Here);
        OwnChanged(key);
    }

    private Used Of(UsageKey key) => _used.GetOrAdd(key, static _ => new Used());

    private sealed class Used
    {
        public int Here;
        public int Elsewhere;
    }
}
