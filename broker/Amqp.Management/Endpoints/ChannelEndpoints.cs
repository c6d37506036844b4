using Amqp.Broker.Observability;
using Amqp.Management.Clients;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ConnectionInfo = Amqp.Broker.Observability.ConnectionInfo;

namespace Amqp.Management.Endpoints;

/// <summary>Channels, of all nodes.</summary>
internal sealed class ChannelEndpoints(INodeHost host)
{
    private readonly OtherNodes _others = new(host);

    public void Map(IEndpointRouteBuilder api) => api.MapGet("/channels", List).For(Right.Management);

    /// <summary>Those of this node.</summary>
    public async Task<IEnumerable<object>> Here(ClientQuestion question) =>
        from connection in await host.Node.Connections.List()
        where question.User is null || connection.User == question.User
        from channel in connection.Channels
        select Show(connection, channel);

    /// <summary>RabbitMQ's name of a channel: its connection's, and its number.</summary>
    public static string NameOf(ConnectionInfo connection, int number) => $"{connection.Transport.Name} ({number})";

    private async Task<IResult> List(Requester who, CancellationToken cancellation)
    {
        var question = new ClientQuestion(ClientQuestion.Channels, User: who.SeesClientsOf);
        var others = await _others.Ask(question, cancellation);
        return new PartialResult(Answer.Of((await Here(question)).Concat(others.Items.Cast<object>())), others.Silent);
    }

    private object Show(ConnectionInfo connection, ChannelInfo channel) => new
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
        message_stats = MessageStats.OfClient(channel.Meter),
    };
}
