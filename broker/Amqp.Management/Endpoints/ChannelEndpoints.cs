using Amqp.Broker.Observability;
using Amqp.Management.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Channels.</summary>
internal sealed class ChannelEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api) => api.MapGet("/channels", async () => Answer.Of(
        from connection in await host.Node.Connections.List()
        from channel in connection.Channels
        select Show(connection, channel)));

    /// <summary>RabbitMQ's name of a channel: its connection's, and its number.</summary>
    public static string NameOf(ConnectionInfo connection, int number) => $"{connection.Transport.Name} ({number})";

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
