using System.Net;
using Amqp.Broker;
using Amqp.Broker.Connections;
using Microsoft.AspNetCore.Connections;

namespace Amqp.Host.Listeners;

/// <summary>Hands each TCP connection that Kestrel accepts to the broker.</summary>
internal static class AmqpListener
{
    public static Task Serve(BrokerNode node, ConnectionContext connection)
    {
        var isLoopback = connection.RemoteEndPoint is IPEndPoint remote && IPAddress.IsLoopback(remote.Address);
        var name = $"{connection.RemoteEndPoint} -> {connection.LocalEndPoint}";
        return node.Serve(new Transport(connection.Transport, name, isLoopback, connection.Abort));
    }
}
