using Amqp.Broker.Observability;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Listeners;

/// <summary>
/// Counts every connection from its first moment, before anything is read from it. When there are too many, or too many unauthenticated ones,
/// the oldest of those is closed for the new one. So a client that opens connections and does not log in displaces others of
/// the kind, and one that logs in, which takes milliseconds, gets in beside them.
/// </summary>
/// <param name="connectionsMax">Connections at a time.</param>
/// <param name="unauthenticatedMax">Of these, unauthenticated ones; 1 at least.</param>
internal sealed partial class Admission(int connectionsMax, int unauthenticatedMax, TimeProvider time, ILogger<Admission> logger)
{
    private readonly ILogger _logger = logger;
    private readonly UnauthenticatedConnections _unauthenticated = new();
    private readonly LogThrottle _full = new(time);
    private readonly LogThrottle _crowded = new(time);
    private int _connections;

    /// <summary>Connections that were closed for newer ones keep their sockets for a moment: so many more are allowed.</summary>
    private int Leeway => connectionsMax / 8;

    /// <summary>Lets a connection in, or closes it; completes when it is gone.</summary>
    public async Task Admit(ConnectionContext connection, ConnectionDelegate next)
    {
        var entry = _unauthenticated.Add(connection);
        connection.Features.Set(new Admitted(() => _unauthenticated.Remove(entry)));
        try
        {
            if (HasRoomFor(connection, Interlocked.Increment(ref _connections))) await next(connection);
            else connection.Abort();
        }
        finally
        {
            _unauthenticated.Remove(entry);
            Interlocked.Decrement(ref _connections);
        }
    }

    private bool HasRoomFor(ConnectionContext newcomer, int connections)
    {
        var unauthenticated = _unauthenticated.Count;
        if (connections <= connectionsMax && unauthenticated <= unauthenticatedMax) return true;
        var oldest = connections - connectionsMax <= Leeway || unauthenticated > unauthenticatedMax ? _unauthenticated.TakeOldest() : newcomer;
        if (oldest is not null && oldest != newcomer)
        {
            oldest.Abort();
            if (_crowded.IsDue(out var untold)) LogCrowded(connections, unauthenticated, oldest.RemoteEndPoint, untold, unauthenticatedMax);
            return true;
        }
        if (_full.IsDue(out _)) LogFull(connectionsMax);
        return false;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "There are {Connections} connections, {Unauthenticated} of them not logged in; for each new one the oldest of these is closed, now one from {Client} ({Untold} since the last such line). A client opens connections and does not log in: find it by its address, and keep it off by a firewall. If these are good clients in great numbers, raise Limits:ConnectionsNotLoggedIn ({Limit})")]
    private partial void LogCrowded(int connections, int unauthenticated, System.Net.EndPoint? client, int untold, int limit);

    [LoggerMessage(Level = LogLevel.Warning, Message = "There are {Limit} connections, and more are closed at once. Look for clients that open connections without need; more are possible with Limits:Connections, and with more open files (ulimit -n)")]
    private partial void LogFull(int limit);
}

/// <summary>Says that a connection was admitted.</summary>
/// <param name="LoggedIn">To be called when it has logged in.</param>
internal sealed record Admitted(Action LoggedIn);
