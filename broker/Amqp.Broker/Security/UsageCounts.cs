using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Amqp.Broker.Security;

/// <summary>How many of something each user, or each virtual host, has at this moment.</summary>
internal sealed class UsageCounts
{
    // A count stays when it is down to 0: there are no more of them than operators gave names.
    private readonly ConcurrentDictionary<string, StrongBox<int>> _counts = new();

    /// <summary>One more, unless that would be more than the limit.</summary>
    /// <param name="limit">Null or negative: none.</param>
    public bool TryAdd(string name, long? limit)
    {
        var count = _counts.GetOrAdd(name, _ => new StrongBox<int>());
        while (true)
        {
            var now = Volatile.Read(ref count.Value);
            if (limit >= 0 && now >= limit) return false;
            if (Interlocked.CompareExchange(ref count.Value, now + 1, now) == now) return true;
        }
    }

    public void Remove(string name) => Interlocked.Decrement(ref _counts[name].Value);
}

/// <summary>What limits of users and virtual hosts are compared with.</summary>
internal sealed class Usage
{
    public UsageCounts ConnectionsOfVhosts { get; } = new();

    public UsageCounts ConnectionsOfUsers { get; } = new();

    public UsageCounts ChannelsOfUsers { get; } = new();
}
