using System.Net;
using System.Net.Sockets;
using Amqp.Broker;
using Amqp.Broker.Connections;
using Amqp.Host.Options;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Listeners;

/// <summary>Hands each TCP connection that Kestrel accepts to the broker, as long as they are not too many.</summary>
internal sealed partial class AmqpListener(BrokerNode node, int connectionsMax, ILogger<AmqpListener> logger)
{
    private readonly ILogger _logger = logger;
    private int _connections;
    private int _isFull;

    /// <summary>Where to listen. Clients that are told "localhost" try ::1 or 127.0.0.1 first, and not all try the other.</summary>
    public static IEnumerable<IPEndPoint> EndPoints(ListenerOptions options)
    {
        if (!options.IsLocalhost) return [new IPEndPoint(IPAddress.Parse(options.Address), options.Port)];
        var endPoint = new IPEndPoint(IPAddress.Loopback, options.Port);
        // Any free port cannot be the same one twice.
        return options.Port == 0 || !HasLoopbackOfIPv6() ? [endPoint] : [endPoint, new IPEndPoint(IPAddress.IPv6Loopback, options.Port)];
    }

    /// <param name="external">Where clients may log in by their certificates: what of them names the user. Null elsewhere.</param>
    public async Task Serve(ConnectionContext connection, ClientName? external)
    {
        try
        {
            if (Interlocked.Increment(ref _connections) > connectionsMax) Refuse(connection);
            else await Pass(connection, external);
        }
        finally
        {
            // Told once, until a tenth is free again.
            if (Interlocked.Decrement(ref _connections) < connectionsMax - (connectionsMax / 10)) Volatile.Write(ref _isFull, 0);
        }
    }

    private void Refuse(ConnectionContext connection)
    {
        connection.Abort();
        if (Interlocked.Exchange(ref _isFull, 1) == 0) LogFull(connectionsMax);
    }

    private Task Pass(ConnectionContext connection, ClientName? external)
    {
        var remote = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        var name = $"{connection.RemoteEndPoint} -> {connection.LocalEndPoint}";
        return node.Serve(new Transport(connection.Transport, name, $"{remote}", IPAddress.IsLoopback(remote), connection.Abort)
        {
            Peer = connection.RemoteEndPoint as IPEndPoint,
            Local = connection.LocalEndPoint as IPEndPoint,
            Tls = TlsSession.Of(connection),
            OffersExternal = external is not null,
            CertificateUser = external is { } from && connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate is { } certificate
                ? CertificateNames.UserOf(certificate, from)
                : null,
        });
    }

    private static bool HasLoopbackOfIPv6()
    {
        try
        {
            using var probe = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "There are {Limit} connections, and more are closed at once. Look for clients that open connections without need; more are possible with Limits:Connections, and with more open files (ulimit -n)")]
    private partial void LogFull(int limit);
}
