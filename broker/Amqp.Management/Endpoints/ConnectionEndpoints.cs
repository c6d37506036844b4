using Amqp.Core.Metrics;
using Amqp.Management.Clients;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using AMQP.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ConnectionInfo = Amqp.Broker.Observability.ConnectionInfo;

namespace Amqp.Management.Endpoints;

/// <summary>Clients' connections, of all nodes.</summary>
internal sealed class ConnectionEndpoints(INodeHost host)
{
    /// <summary>What the client is told; RabbitMQ's words without it.</summary>
    private const string ReasonHeader = "X-Reason";

    private const string Definition = "name,vhost,user,node";

    private static readonly IResult NotTheirs = Answer.NotAuthorised("User not authorised to access object");

    private readonly OtherNodes _others = new(host);

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/connections", (Requester who, Past past, CancellationToken cancellation) => List(new ClientQuestion(ClientQuestion.Connections, User: who.SeesClientsOf, Past: past), cancellation))
            .For(Right.Management, "Lists open connections: a user's own, or for the tag monitoring those of all").WithPages();
        api.MapGet("/vhosts/{vhost}/connections", async (PathNames names, Requester who, Past past, CancellationToken cancellation) => host.Node.Topology.Find(names["vhost"]) is { } vhost
            ? await List(new ClientQuestion(ClientQuestion.Connections, User: who.SeesClientsOf, Vhost: vhost.Name, Past: past), cancellation)
            : Answer.NotFound).For(Right.InVhost, "Lists open connections in a virtual host").WithPages();
        api.MapGet("/connections/username/{user}", async (PathNames names, Requester who, Past past, CancellationToken cancellation) => who.SeesClientsOf is { } own && own != names["user"]
            ? NotTheirs
            : await List(new ClientQuestion(ClientQuestion.Connections, User: names["user"], Past: past), cancellation))
            .For(Right.Management, "Lists open connections of a user").WithPages();
        api.MapGet("/connections/{name}", Find).For(Right.Management, "Shows a connection");
        api.MapDelete("/connections/{name}", (PathNames names, HttpRequest request, Requester who, CancellationToken cancellation) =>
            Close(new ClientQuestion(ClientQuestion.Close, Name: names["name"], User: OwnOf(who), Reason: request.Headers[ReasonHeader].ToString()), cancellation))
            .For(Right.Management, "Closes a connection; the client is told the reason in the header X-Reason");
        api.MapDelete("/connections/username/{user}", async (PathNames names, HttpRequest request, Requester who, CancellationToken cancellation) =>
            OwnOf(who) is { } own && own != names["user"]
                ? NotTheirs
                : await Close(new ClientQuestion(ClientQuestion.Close, User: names["user"], Reason: request.Headers[ReasonHeader].ToString()), cancellation))
            .For(Right.Management, "Closes the connections of a user, likewise");
    }

    /// <summary>Those of this node.</summary>
    public async Task<IEnumerable<object>> Here(ClientQuestion question) => (await Choose(question)).Select(connection => Show(connection, question.Past ?? Past.None));

    /// <summary>Closes those of this node.</summary>
    /// <returns>Their names.</returns>
    public async Task<IReadOnlyList<string>> CloseHere(ClientQuestion question)
    {
        var chosen = (await Choose(question)).ToList();
        host.Node.Connections.Close(chosen.Select(connection => connection.Id).ToHashSet(), question.Reason ?? "");
        return [.. chosen.Select(connection => connection.Transport.Name)];
    }

    /// <summary>Whose connections it may close; null: all.</summary>
    private static string? OwnOf(Requester who) => who.IsAdministrator ? null : who.Name;

    private async Task<IEnumerable<ConnectionInfo>> Choose(ClientQuestion question) => (await host.Node.Connections.List()).Where(question.Wants);

    private async Task<IResult> List(ClientQuestion question, CancellationToken cancellation)
    {
        var others = await _others.Ask(question, cancellation);
        return new PartialResult(Answer.Pages((await Here(question)).Concat(others.Items.Cast<object>()), Definition), others.Silent);
    }

    private async Task<IResult> Find(PathNames names, Requester who, Past past, CancellationToken cancellation)
    {
        var question = new ClientQuestion(ClientQuestion.Connections, Name: names["name"], User: who.SeesClientsOf, Past: past);
        if ((await Here(question)).FirstOrDefault() is { } here) return Answer.Of(here, Definition);
        var others = await _others.Ask(question, cancellation);
        return others.Items is [var there, ..] ? Answer.Of(there, Definition) : others.Silent is [] ? Answer.NotFound : Answer.Silent(others.Silent);
    }

    private async Task<IResult> Close(ClientQuestion question, CancellationToken cancellation)
    {
        var closed = await CloseHere(question);
        // A name is that of one connection.
        if (question.Name is not null && closed.Count > 0) return Answer.Done;
        var others = await _others.Ask(question, cancellation);
        if (closed.Count + others.Items.Length > 0) return new PartialResult(Answer.Done, others.Silent);
        return others.Silent is [] ? Answer.NotFound : Answer.Silent(others.Silent);
    }

    private object Show(ConnectionInfo connection, Past past)
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
            user_who_performed_action = connection.User,
            user_provided_name = connection.ClientProperties.TryGet("connection_name", out var name) && name.Type == FieldType.LongString ? name.AsText : null,
            vhost = connection.Vhost,
            timeout = connection.HeartbeatSeconds,
            frame_max = connection.FrameMax,
            channel_max = connection.ChannelMax,
            client_properties = connection.ClientProperties,
            recv_oct = connection.BytesReceived,
            recv_oct_details = Past.Details(connection.Meter, past.DataRates, Measure.BytesReceived),
            recv_cnt = connection.Reads,
            send_oct = connection.BytesSent,
            send_oct_details = Past.Details(connection.Meter, past.DataRates, Measure.BytesSent),
            send_cnt = connection.Flushes,
            send_pend = connection.BytesPending,
            connected_at = connection.ConnectedAt.ToUnixTimeMilliseconds(),
            message_stats = MessageStats.OfClient(connection.Meter, past),
        };
    }
}
