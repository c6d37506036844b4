using Microsoft.AspNetCore.Connections;

namespace Amqp.Host.Listeners;

/// <summary>Connections that have not logged in, the oldest first.</summary>
/// <remarks>A leaf lock: held for a step in a list, never while calling out.</remarks>
internal sealed class UnauthenticatedConnections
{
    private readonly Lock _lock = new();
    private readonly LinkedList<ConnectionContext> _connections = new();

    public int Count
    {
        get
        {
            lock (_lock) return _connections.Count;
        }
    }

    public LinkedListNode<ConnectionContext> Add(ConnectionContext connection)
    {
        lock (_lock) return _connections.AddLast(connection);
    }

    /// <summary>It has logged in, or is gone. May be called again.</summary>
    public void Remove(LinkedListNode<ConnectionContext> entry)
    {
        lock (_lock)
        {
            if (entry.List is not null) _connections.Remove(entry);
        }
    }

    /// <summary>The oldest one, which does not count as one any more.</summary>
    public ConnectionContext? TakeOldest()
    {
        lock (_lock)
        {
            var oldest = _connections.First;
            if (oldest is not null) _connections.Remove(oldest);
            return oldest?.Value;
        }
    }
}
