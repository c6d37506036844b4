using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Amqp.Broker;
using Amqp.Broker.Connections;
using Amqp.Host.Options;
using Amqp.Host.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Amqp.Host.Listeners;

/// <summary>Hands connections to the broker.</summary>
internal sealed class AmqpListener(BrokerNode node)
{
    /// <param name="external">Where clients may log in by their certificates: what of them names the user. Null elsewhere.</param>
    public Task Serve(ConnectionContext connection, ClientName? external)
    {
        var remote = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        if (remote.IsIPv4MappedToIPv6) remote = remote.MapToIPv4();
        var name = $"{connection.RemoteEndPoint} -> {connection.LocalEndPoint}";
        var tls = connection.Features.Get<SslStream>();
        return node.Connections.Serve(new Transport(connection.Transport, name, $"{remote}", IPAddress.IsLoopback(remote), connection.Abort)
        {
            Peer = connection.RemoteEndPoint as IPEndPoint,
            Local = connection.LocalEndPoint as IPEndPoint,
            Tls = tls is null ? null : TlsSession.Of(tls),
            AsksForCertificate = external is not null,
            CertificateUser = external is { } from && tls?.RemoteCertificate is X509Certificate2 shown
                ? CertificateNames.UserOf(shown, from)
                : null,
            LoggedIn = connection.Features.Get<Admitted>()!.LoggedIn,
            BytesTaken = ((SocketConnection)connection).BytesTaken, // TLS or not
        });
    }
}
