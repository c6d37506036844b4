using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Sockets;

/// <summary>Accepts connections on a port and has each served, until it is closed.</summary>
internal sealed partial class SocketListener
{
    /// <summary>Connections that may wait to be accepted. Of a flood so many come at once, ahead of a client's login.</summary>
    private const int Backlog = 512;

    /// <summary>A connection that could not be accepted, mostly for want of open files, is tried again after this time.</summary>
    private static readonly TimeSpan AcceptAgain = TimeSpan.FromMilliseconds(100);

    /// <summary>How long those who were cut off may take to end.</summary>
    private static readonly TimeSpan CutOff = TimeSpan.FromSeconds(1);

    private readonly Socket _socket;
    private readonly ConnectionDelegate _serve;
    private readonly BlockPool _pool;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<SocketConnection, Task> _connections = new();
    private Task _accepting = Task.CompletedTask;

    /// <summary>Listens from here on; connections are accepted after <see cref="Start"/>.</summary>
    /// <param name="serve">Serves a connection, and completes when it is no more.</param>
    /// <exception cref="SocketException">The port cannot be listened on.</exception>
    public SocketListener(IPEndPoint endPoint, ConnectionDelegate serve, BlockPool pool, ILogger<SocketListener> logger)
    {
        (_serve, _pool, _logger) = (serve, pool, logger);
        _socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint);
        _socket.Listen(Backlog);
        EndPoint = (IPEndPoint)_socket.LocalEndPoint!;
    }

    /// <summary>Where it listens, with the port that was found where any was asked for.</summary>
    public IPEndPoint EndPoint { get; }

    public void Start() => _accepting = Accept();

    /// <summary>Listens no more, and cuts off who is still connected.</summary>
    public async Task Close()
    {
        _socket.Dispose();
        await _accepting;
        var connections = _connections.ToArray();
        foreach (var (connection, _) in connections) connection.Abort();
        await Task.WhenAny(Task.WhenAll(connections.Select(each => each.Value)), Task.Delay(CutOff));
    }

    private async Task Accept()
    {
        while (true)
        {
            try
            {
                var socket = await _socket.AcceptAsync();
                if (!TryAdmit(socket)) socket.Dispose();
                // Those who log in are let through before the next one comes, or a flood would drive them out.
                await Task.Yield();
            }
            catch (Exception exception) when (exception is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return;
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset)
            {
                // It left before it was accepted.
            }
            catch (SocketException exception)
            {
                LogNotAccepted(EndPoint, exception.Message);
                await Task.Delay(AcceptAgain);
            }
        }
    }

    /// <summary>False: the client has left already.</summary>
    private bool TryAdmit(Socket socket)
    {
        SocketConnection connection;
        try
        {
            connection = new SocketConnection(socket, _pool);
        }
        catch (SocketException)
        {
            return false;
        }
        var served = new TaskCompletionSource();
        _connections.TryAdd(connection, served.Task);
        // On another thread, so that what the newcomer says first does not hold up who comes behind it.
        ThreadPool.UnsafeQueueUserWorkItem(static way => _ = way.Listener.Serve(way.Connection, way.Served), (Listener: this, Connection: connection, Served: served), preferLocal: false);
        return true;
    }

    private async Task Serve(SocketConnection connection, TaskCompletionSource served)
    {
        try
        {
            await _serve(connection);
        }
#pragma warning disable CA1031 // A defect costs the connection that met it, and no other.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogFailed(exception, connection.RemoteEndPoint);
        }
        await connection.DisposeAsync();
        _connections.TryRemove(connection, out _);
        served.SetResult();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A connection to {EndPoint} could not be accepted: {Reason}. If there are too many open files, allow more (ulimit -n, LimitNOFILE= of a systemd service)")]
    private partial void LogNotAccepted(IPEndPoint endPoint, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "A defect of the broker has ended the connection of {Client}")]
    private partial void LogFailed(Exception exception, EndPoint? client);
}
