using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Listeners;

/// <summary>
/// Counts every connection from its first moment, before anything is read from it. When there are too many, or too many that have
/// not logged in, the oldest of those is closed for the new one. So whoever opens connections and says nothing drives out others of
/// the kind, and a client that logs in, which takes milliseconds, gets in beside them.
/// </summary>
/// <param name="connectionsMax">Connections at a time.</param>
/// <param name="strangersMax">Of these, connections that have not logged in; 1 at least.</param>
internal sealed partial class Door(int connectionsMax, int strangersMax, TimeProvider time, ILogger<Door> logger)
{
    private readonly ILogger _logger = logger;
    private readonly Strangers _strangers = new();
    private readonly Seldom _full = new(time);
    private readonly Seldom _crowded = new(time);
    private int _connections;

    /// <summary>Those that were closed for newer ones still have their sockets for a moment; so many more are borne with.</summary>
    private int Leeway => connectionsMax / 8;

    /// <summary>Lets a connection in, or closes it; completes when it is gone.</summary>
    public async Task Admit(ConnectionContext connection, ConnectionDelegate next)
    {
        var stranger = _strangers.Add(connection);
        connection.Features.Set(new Admission(() => _strangers.Remove(stranger)));
        try
        {
            if (HasRoomFor(connection, Interlocked.Increment(ref _connections))) await next(connection);
            else connection.Abort();
        }
        finally
        {
            _strangers.Remove(stranger);
            Interlocked.Decrement(ref _connections);
        }
    }

    private bool HasRoomFor(ConnectionContext newcomer, int connections)
    {
        var strangers = _strangers.Count;
        if (connections <= connectionsMax && strangers <= strangersMax) return true;
        var oldest = connections - connectionsMax <= Leeway || strangers > strangersMax ? _strangers.TakeOldest() : newcomer;
        if (oldest is not null && oldest != newcomer)
        {
            oldest.Abort();
            if (_crowded.IsDue(out var untold)) LogCrowded(connections, strangers, oldest.RemoteEndPoint, untold, strangersMax);
            return true;
        }
        if (_full.IsDue(out _)) LogFull(connectionsMax);
        return false;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "There are {Connections} connections, {Strangers} of them not logged in; for each new one the oldest of these is closed, now one from {Client} ({Untold} since the last such line). Somebody opens connections and does not log in: find out who, and keep them off by a firewall. If they are good clients in great numbers, raise Limits:ConnectionsNotLoggedIn ({Limit})")]
    private partial void LogCrowded(int connections, int strangers, System.Net.EndPoint? client, int untold, int limit);

    [LoggerMessage(Level = LogLevel.Warning, Message = "There are {Limit} connections, and more are closed at once. Look for clients that open connections without need; more are possible with Limits:Connections, and with more open files (ulimit -n)")]
    private partial void LogFull(int limit);
}

/// <summary>What a connection brings along from the door.</summary>
/// <param name="LoggedIn">To be called when it has logged in.</param>
internal sealed record Admission(Action LoggedIn);
