using Amqp.Broker.Observability;
using Amqp.Management.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ConnectionInfo = Amqp.Broker.Observability.ConnectionInfo;

namespace Amqp.Management.Endpoints;

/// <summary>Consumers, ordered by their queues.</summary>
internal sealed class ConsumerEndpoints(INodeHost host)
{
    /// <summary>Of a consumer that gets nothing while another one is active.</summary>
    private const string Waiting = "waiting";

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/consumers", () => All(vhost: null));
        api.MapGet("/consumers/{vhost}", async (PathNames names) =>
            host.Node.Topology.Find(names["vhost"]) is { } vhost ? await All(vhost.Name) : Answer.NotFound);
    }

    private async Task<IResult> All(string? vhost) => Answer.Of(
        from connection in await host.Node.Connections.List()
        from channel in connection.Channels
        from consumer in channel.Consumers
        where vhost is null || consumer.Queue.Vhost == vhost
        orderby consumer.Queue.Vhost, consumer.Queue.Name, consumer.Id.Connection.Number
        select Show(connection, consumer, ActivityOf(consumer)));

    private object Show(ConnectionInfo connection, ConsumerInfo consumer, string activity) => new
    {
        queue = new { name = consumer.Queue.Name, vhost = consumer.Queue.Vhost },
        consumer_tag = consumer.Id.Tag,
        channel_pid = host.Node.Pids.Of(consumer.Id),
        channel_details = new
        {
            name = ChannelEndpoints.NameOf(connection, consumer.Id.Channel),
            number = consumer.Id.Channel,
            connection_name = connection.Transport.Name,
            node = host.Identity.Name,
            peer_host = connection.Transport.Peer?.Address.ToString(),
            peer_port = connection.Transport.Peer?.Port,
            user = connection.User,
        },
        ack_required = !consumer.AutoAck,
        exclusive = consumer.Exclusive,
        prefetch_count = consumer.Prefetch,
        active = activity != Waiting,
        activity_status = activity,
        arguments = consumer.Arguments,
    };

    private string ActivityOf(ConsumerInfo consumer)
    {
        if (!consumer.Queue.Settings.SingleActiveConsumer) return "up";
        return host.Node.Queues.Find(consumer.Queue.Vhost, consumer.Queue.Name)?.SingleActiveConsumer == consumer.Id ? "single_active" : Waiting;
    }
}
