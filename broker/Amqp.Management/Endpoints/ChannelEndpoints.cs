using Amqp.Broker.Observability;
using Amqp.Management.Clients;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ConnectionInfo = Amqp.Broker.Observability.ConnectionInfo;

namespace Amqp.Management.Endpoints;

/// <summary>Channels, of all nodes.</summary>
internal sealed class ChannelEndpoints(INodeHost host)
{
    private readonly OtherNodes _others = new(host);

    private readonly ConsumerEndpoints _consumers = new(host);

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/channels", (Requester who, Past past, CancellationToken cancellation) => List(new ClientQuestion(ClientQuestion.Channels, User: who.SeesClientsOf, Past: past), cancellation))
            .For(Right.Management, "Lists open channels: a user's own, or for the tag monitoring those of all").WithPages();
        api.MapGet("/vhosts/{vhost}/channels", async (PathNames names, Requester who, Past past, CancellationToken cancellation) => host.Node.Topology.Find(names["vhost"]) is { } vhost
            ? await List(new ClientQuestion(ClientQuestion.Channels, User: who.SeesClientsOf, Vhost: vhost.Name, Past: past), cancellation)
            : Answer.NotFound).For(Right.InVhost, "Lists open channels in a virtual host").WithPages();
        api.MapGet("/connections/{name}/channels", ListOfConnection).For(Right.Management, "Lists the channels of a connection");
        api.MapGet("/channels/{channel}", Find).For(Right.Management, "Shows a channel and its consumers");
    }

    /// <summary>Those of this node.</summary>
    public async Task<IEnumerable<object>> Here(ClientQuestion question) =>
        from connection in await host.Node.Connections.List()
        where question.Wants(connection)
        from channel in connection.Channels
        where question.Channel is null || question.Channel == NameOf(connection, channel.Number)
        select Show(connection, channel, withConsumers: question.Channel is not null, question.Past ?? Past.None);

    /// <summary>RabbitMQ's name of a channel: its connection's, and its number.</summary>
    public static string NameOf(ConnectionInfo connection, int number) => $"{connection.Transport.Name} ({number})";

    private async Task<IResult> List(ClientQuestion question, CancellationToken cancellation)
    {
        var others = await _others.Ask(question, cancellation);
        return new PartialResult(Answer.Pages((await Here(question)).Concat(others.Items.Cast<object>())), others.Silent);
    }

    private async Task<IResult> ListOfConnection(PathNames names, Requester who, Past past, CancellationToken cancellation)
    {
        var question = new ClientQuestion(ClientQuestion.Channels, Name: names["name"], User: who.SeesClientsOf, Past: past);
        // It may have none, so whether there is such a connection has to be asked, too.
        if ((await host.Node.Connections.List()).Any(question.Wants)) return Answer.List(await Here(question));
        var connections = await _others.Ask(question with { What = ClientQuestion.Connections }, cancellation);
        if (connections.Items is []) return connections.Silent is [] ? Answer.NotFound : Answer.Silent(connections.Silent);
        var others = await _others.Ask(question, cancellation);
        return new PartialResult(Answer.List(others.Items.Cast<object>()), others.Silent);
    }

    private async Task<IResult> Find(PathNames names, Requester who, Past past, CancellationToken cancellation)
    {
        var question = new ClientQuestion(ClientQuestion.Channels, User: who.SeesClientsOf, Channel: names["channel"], Past: past);
        if ((await Here(question)).FirstOrDefault() is { } here) return Answer.Of(here);
        var others = await _others.Ask(question, cancellation);
        return others.Items is [var there, ..] ? Answer.Of(there) : others.Silent is [] ? Answer.NotFound : Answer.Silent(others.Silent);
    }

    private object Show(ConnectionInfo connection, ChannelInfo channel, bool withConsumers, Past past) => new
    {
        pid = host.Node.Pids.Of(connection.Id, channel.Number),
        connection = host.Node.Pids.Of(connection.Id),
        connection_details = new
        {
            name = connection.Transport.Name,
            peer_host = connection.Transport.Peer?.Address.ToString(),
            peer_port = connection.Transport.Peer?.Port,
        },
        name = NameOf(connection, channel.Number),
        number = channel.Number,
        node = host.Identity.Name,
        user = connection.User,
        user_who_performed_action = connection.User,
        vhost = connection.Vhost,
        state = channel.State,
        transactional = channel.Transactional,
        confirm = channel.Confirms,
        consumer_count = channel.Consumers.Length,
        messages_unacknowledged = channel.Unacked,
        messages_unconfirmed = channel.Unconfirmed,
        messages_uncommitted = channel.UncommittedPublishes,
        acks_uncommitted = channel.UncommittedAcks,
        prefetch_count = channel.Prefetch,
        global_prefetch_count = channel.GlobalPrefetch,
        // A channel waits for no command of a quorum queue by itself here.
        pending_raft_commands = 0,
        idle_since = Idleness.Of(channel.Meter),
        message_stats = MessageStats.OfClient(channel.Meter, past),
        // Of the one that was asked for by its name.
        consumer_details = withConsumers ? channel.Consumers.Select(consumer => _consumers.Show(connection, consumer)) : null,
    };
}
