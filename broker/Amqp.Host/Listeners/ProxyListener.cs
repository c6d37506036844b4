using Amqp.Broker.Observability;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Listeners;

/// <summary>
/// A port that proxies connect to for their clients. Each connection begins with a <see cref="ProxyHeader"/>, and from then on counts
/// as coming from whom the header says: in the log, for users who may log in from this host only, for everything else.
/// </summary>
/// <param name="headerMs">How long the header may take.</param>
internal sealed partial class ProxyListener(int headerMs, TimeProvider time, ILogger<ProxyListener> logger)
{
    private readonly ILogger _logger = logger;
    private readonly LogThrottle _refused = new(time);

    /// <summary>Reads the header and hands the connection on; without one it is closed.</summary>
    public async Task Serve(ConnectionContext connection, ConnectionDelegate next)
    {
        var proxy = connection.RemoteEndPoint;
        try
        {
            if (await ReadHeader(connection) is not { } header) return;
            connection.RemoteEndPoint = header.Client ?? connection.RemoteEndPoint;
            connection.LocalEndPoint = header.Server ?? connection.LocalEndPoint;
        }
        catch (ProxyHeaderException exception)
        {
            connection.Abort();
            if (_refused.IsDue(out var untold)) LogRefused(proxy, exception.Message, untold);
            return;
        }
        await next(connection);
    }

    /// <summary>Null: the other side has left before it said anything, as those do who only look whether the port is open.</summary>
    /// <exception cref="ProxyHeaderException">There is no header.</exception>
    private async Task<ProxyHeader?> ReadHeader(ConnectionContext connection)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMilliseconds(headerMs), time);
        var input = connection.Transport.Input;
        try
        {
            while (true)
            {
                var result = await input.ReadAsync(deadline.Token);
                var buffer = result.Buffer;
                if (ProxyHeader.TryRead(buffer, out var end) is { } header)
                {
                    input.AdvanceTo(end);
                    return header;
                }
                input.AdvanceTo(buffer.Start, buffer.End);
                if (result.IsCompleted && buffer.IsEmpty) return null;
                if (result.IsCompleted) throw new ProxyHeaderException("it ends before its header does");
            }
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            throw new ProxyHeaderException($"none has come within {headerMs} ms");
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Closed a connection from {Proxy} without a valid PROXY header: {Reason} ({Untold} more since the last such line). Clients have to connect to the proxy and not to this port; and the proxy has to send the header (haproxy: send-proxy-v2). Without a proxy, set ProxyProtocol of this listener to false")]
    private partial void LogRefused(System.Net.EndPoint? proxy, string reason, int untold);
}
