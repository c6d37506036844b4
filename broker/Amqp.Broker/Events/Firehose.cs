using System.Collections.Immutable;
using Amqp.Broker.Channels;
using Amqp.Broker.Publishing;
using Amqp.Broker.Topology;
using Amqp.Core.Messages;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Events;

/// <summary>
/// RabbitMQ's firehose (<c>trace_on</c>): in virtual hosts where it is on, a copy of each message that is published goes to the exchange
/// <c>amq.rabbitmq.trace</c> with the key <c>publish.</c> and its exchange's name, and one for each that is handed out with <c>deliver.</c> and the queue's.
/// What the message was stands in the copy's headers. It is on until it is turned off or the node ends, on this node alone.
/// </summary>
internal sealed class Firehose(TopologyService topology, OwnMessages messages, string node)
{
    private ImmutableHashSet<string> _vhosts = [];
    private volatile bool _isOnAnywhere;

    /// <summary>Asked for each message, and mostly it is on nowhere.</summary>
    public bool IsOn(string vhost) => _isOnAnywhere && Volatile.Read(ref _vhosts).Contains(vhost);

    public bool IsOnAnywhere => _isOnAnywhere;

    /// <summary>From any thread.</summary>
    public void Set(string vhost, bool isOn)
    {
        ImmutableInterlocked.Update(ref _vhosts, vhosts => isOn ? vhosts.Add(vhost) : vhosts.Remove(vhost));
        // Again if another thread has been here meanwhile: the last to look is right.
        do _isOnAnywhere = !Volatile.Read(ref _vhosts).IsEmpty;
        while (_isOnAnywhere == Volatile.Read(ref _vhosts).IsEmpty);
    }

    /// <summary>A message was published, and goes to these queues.</summary>
    public void Published(ChannelSession channel, Message message, Route route)
    {
        var queues = route.Queues.Where(queue => queue.Definition.Exchange is null).Select(queue => queue.Definition.Name).Concat(route.DirectReplies);
        Copy(channel, message, $"publish.{message.Exchange}", ("routed_queues", FieldValue.From([.. queues.Select(FieldValue.From)])));
    }

    /// <summary>A message was handed out.</summary>
    public void Delivered(ChannelSession channel, Message message, string queue, bool redelivered) =>
        Copy(channel, message, $"deliver.{queue}", ("redelivered", FieldValue.From(redelivered ? 1 : 0)));

    private void Copy(ChannelSession channel, Message message, string key, (string, FieldValue) more)
    {
        // Copies are not copied when they are handed out in turn.
        if (message.Exchange == Names.TraceExchange) return;
        var connection = channel.Connection;
        if (topology.Current.Find(connection.Vhost) is not { } vhost || vhost.FindExchange(Names.TraceExchange) is not { } exchange) return;
        var headers = FieldTable.From(
            ("exchange_name", FieldValue.From(message.Exchange)),
            ("routing_keys", FieldValue.From([.. message.RoutingKeys.Select(FieldValue.From)])),
            ("properties", FieldValue.From(PropertyTable.Of(message.Properties))),
            ("node", FieldValue.From(node)),
            ("vhost", FieldValue.From(connection.Vhost)),
            ("connection", FieldValue.From(connection.Name)),
            ("channel", FieldValue.From((int)channel.Number)),
            ("user", FieldValue.From(connection.User)),
            more);
        messages.Publish(vhost, exchange, key, message.Content.With(new MutableProperties { Headers = headers }));
    }
}
