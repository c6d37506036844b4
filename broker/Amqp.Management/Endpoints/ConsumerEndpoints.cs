using System.Text.Json;
using Amqp.Broker.Observability;
using Amqp.Core.Topology;
using Amqp.Management.Clients;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ConnectionInfo = Amqp.Broker.Observability.ConnectionInfo;

namespace Amqp.Management.Endpoints;

/// <summary>Consumers of all nodes, ordered by their queues.</summary>
internal sealed class ConsumerEndpoints(INodeHost host)
{
    /// <summary>Of a consumer that gets nothing while another one is active.</summary>
    private const string Waiting = "waiting";

    private readonly OtherNodes _others = new(host);

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/consumers", (Requester who, CancellationToken cancellation) => All(vhost: null, who, cancellation))
            .For(Right.Management, "Lists consumers");
        api.MapGet("/consumers/{vhost}", async (PathNames names, Requester who, CancellationToken cancellation) =>
            host.Node.Topology.Find(names["vhost"]) is { } vhost ? await All(vhost.Name, who, cancellation) : Answer.NotFound)
            .For(Right.Management, "Lists the consumers in a virtual host");
    }

    /// <summary>Those of clients of this node, wherever their queues are led.</summary>
    public async Task<IEnumerable<ShownConsumer>> Here(ClientQuestion question) =>
        from connection in await host.Node.Connections.List()
        where question.Wants(connection)
        from channel in connection.Channels
        from consumer in channel.Consumers
        where question.Queue is null || consumer.Queue.Name == question.Queue
        orderby consumer.Queue.Vhost, consumer.Queue.Name, consumer.Id.Connection.Number
        select new ShownConsumer(consumer.Queue.Vhost, consumer.Queue.Name, Show(connection, consumer));

    public object Show(ConnectionInfo connection, ConsumerInfo consumer) => Show(connection, consumer, ActivityOf(consumer));

    /// <summary>Of a queue, without those of nodes that do not answer.</summary>
    public async Task<IEnumerable<object>> Of(QueueDefinition queue, CancellationToken cancellation)
    {
        var question = new ClientQuestion(ClientQuestion.Consumers, Vhost: queue.Vhost, Queue: queue.Name);
        var others = await _others.Ask(question, cancellation);
        return (await Here(question)).Select(consumer => consumer.Shown).Concat(others.Items.Cast<object>());
    }

    /// <param name="vhost">Null: of all virtual hosts.</param>
    private async Task<IResult> All(string? vhost, Requester who, CancellationToken cancellation)
    {
        var question = new ClientQuestion(ClientQuestion.Consumers, User: who.SeesClientsOf, Vhost: vhost);
        var others = await _others.Ask(question, cancellation);
        var all = (await Here(question)).Concat(others.Items.Select(ShownConsumer.Of));
        // What is equal stays in its order.
        return new PartialResult(Answer.List(all.OrderBy(consumer => consumer.Vhost).ThenBy(consumer => consumer.Queue).Select(consumer => consumer.Shown)), others.Silent);
    }

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

/// <summary>A consumer as it is shown.</summary>
internal sealed record ShownConsumer(string Vhost, string Queue, object Shown)
{
    /// <summary>Of another node.</summary>
    public static ShownConsumer Of(JsonElement shown)
    {
        var queue = shown.GetProperty("queue");
        return new ShownConsumer(queue.GetProperty("vhost").GetString()!, queue.GetProperty("name").GetString()!, shown);
    }
}
