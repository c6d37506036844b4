using Amqp.Core.Metrics;
using Amqp.Management.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ConnectionInfo = Amqp.Broker.Observability.ConnectionInfo;

namespace Amqp.Management.Endpoints;

/// <summary>Clients' connections.</summary>
internal sealed class ConnectionEndpoints(INodeHost host)
{
    /// <summary>What the client is told; RabbitMQ's words without it.</summary>
    private const string ReasonHeader = "X-Reason";

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/connections", async () => Answer.Of((await host.Node.Connections.List()).Select(Show)));
        api.MapGet("/connections/{name}", async (PathNames names) =>
            Answer.OrNotFound(await Find(names["name"]) is [var connection, ..] ? Show(connection) : null));
        api.MapDelete("/connections/{name}", async (PathNames names, HttpRequest request) => Close(await Find(names["name"]), request));
        api.MapDelete("/connections/username/{user}", async (PathNames names, HttpRequest request) =>
            Close((await host.Node.Connections.List()).Where(connection => connection.User == names["user"]), request));
    }

    private async Task<ConnectionInfo[]> Find(string name) => [.. (await host.Node.Connections.List()).Where(connection => connection.Transport.Name == name)];

    private IResult Close(IEnumerable<ConnectionInfo> connections, HttpRequest request)
    {
        var ids = connections.Select(connection => connection.Id).ToHashSet();
        if (ids.Count == 0) return Answer.NotFound;
        host.Node.Connections.Close(ids, request.Headers[ReasonHeader].ToString());
        return Answer.Done;
    }

    private object Show(ConnectionInfo connection)
    {
        var (transport, tls) = (connection.Transport, connection.Transport.Tls);
        return new
        {
            name = transport.Name,
            pid = host.Node.Pids.Of(connection.Id),
            node = host.Identity.Name,
            type = "network",
            host = transport.Local?.Address.ToString(),
            port = transport.Local?.Port,
            peer_host = transport.Peer?.Address.ToString(),
            peer_port = transport.Peer?.Port,
            ssl = tls is not null,
            ssl_protocol = tls?.Protocol,
            ssl_key_exchange = tls?.KeyExchange,
            ssl_cipher = tls?.Cipher,
            ssl_hash = tls?.Hash,
            peer_cert_subject = tls?.PeerSubject,
            peer_cert_issuer = tls?.PeerIssuer,
            peer_cert_validity = tls?.PeerValidity,
            state = connection.State,
            channels = connection.Channels.Length,
            protocol = "AMQP 0-9-1",
            auth_mechanism = connection.Mechanism,
            user = connection.User,
            vhost = connection.Vhost,
            timeout = connection.HeartbeatSeconds,
            frame_max = connection.FrameMax,
            channel_max = connection.ChannelMax,
            client_properties = connection.ClientProperties,
            recv_oct = connection.BytesReceived,
            recv_oct_details = MessageStats.Details(connection.Meter?.Rate(Measure.BytesReceived) ?? 0),
            recv_cnt = connection.Reads,
            send_oct = connection.BytesSent,
            send_oct_details = MessageStats.Details(connection.Meter?.Rate(Measure.BytesSent) ?? 0),
            send_cnt = connection.Flushes,
            send_pend = connection.BytesPending,
            connected_at = connection.ConnectedAt.ToUnixTimeMilliseconds(),
            message_stats = MessageStats.OfClient(connection.Meter),
        };
    }
}
