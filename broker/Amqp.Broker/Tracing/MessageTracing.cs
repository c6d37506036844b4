using Amqp.Broker.Channels;
using Amqp.Broker.Events;
using Amqp.Broker.Loops;
using Amqp.Broker.Observability;
using Amqp.Broker.Publishing;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Tracing;

/// <summary>
/// Has kept what becomes of messages, so that one can be looked up by its message id or correlation id: of all in virtual hosts where the <see cref="Firehose"/> is on, and elsewhere of those
/// that go to queues with the policy key <c>trace</c>. A client's node notes what was published and handed out, the node that leads a queue what happened in it.
/// </summary>
internal sealed class MessageTracing(Firehose firehose, TraceLog log, BrokerClock clock)
{
    private volatile bool _hasPolicies;

    /// <summary>Asked for each message, and mostly it is not.</summary>
    public bool IsOn => log.IsOn && (_hasPolicies || firehose.IsOnAnywhere);

    /// <summary>The policies may be others.</summary>
    public void Follow(TopologySnapshot topology) => _hasPolicies = topology.VirtualHosts.Values.Any(vhost => vhost.Policies.MayTrace);

    /// <summary>What happens in a queue is kept.</summary>
    public bool Follows(QueueDefinition queue) => IsOn && (queue.Settings.IsTraced || firehose.IsOn(queue.Vhost));

    /// <summary>Of all messages with that message id or correlation id.</summary>
    public IReadOnlyList<MessageTrail> Find(string vhost, string id) => log.Find(vhost, id, Now());

    /// <summary>A client published it.</summary>
    public void Published(ChannelSession channel, Message message, Route route)
    {
        if (!firehose.IsOn(channel.Connection.Vhost) && !route.Queues.Any(queue => queue.Definition.Settings.IsTraced)) return;
        var isUnroutable = route.Queues.Length + route.DirectReplies.Length == 0;
        log.Add(TracedId.Of(channel.Connection.Vhost, message), OfClient(channel, isUnroutable ? TraceStep.Unroutable : TraceStep.Published) with
        {
            Exchange = message.Exchange,
            RoutingKey = message.RoutingKey,
            Queues = [.. route.Queues.Where(queue => queue.Definition.Exchange is null).Select(queue => queue.Definition.Name), .. route.DirectReplies],
        });
    }

    /// <summary>A client is sent it.</summary>
    /// <param name="consumerTag">Null: it fetched it.</param>
    public void HandedOut(ChannelSession channel, Message message, QueueDefinition queue, string? consumerTag, bool redelivered)
    {
        if (!Follows(queue)) return;
        log.Add(TracedId.Of(queue.Vhost, message), OfClient(channel, consumerTag is null ? TraceStep.Got : TraceStep.Delivered) with
        {
            Queue = queue.Name,
            ConsumerTag = consumerTag,
            Redelivered = redelivered,
        });
    }

    /// <summary>Something happened to it in a queue.</summary>
    public void InQueue(QueueDefinition queue, TraceStep step, long position, Message? message)
    {
        var happened = OfQueue(queue, step);
        log.Add(message is null ? default : TracedId.Of(queue.Vhost, message), happened, new TracedPlace(queue.Id, position));
    }

    /// <summary>A queue is gone with all that is in it.</summary>
    public void Deleted(QueueDefinition queue)
    {
        if (Follows(queue)) log.Deleted(queue.Id, OfQueue(queue, TraceStep.QueueDeleted));
    }

    private TraceEvent OfClient(ChannelSession channel, TraceStep step) => new(Now(), step)
    {
        User = channel.Connection.User,
        Connection = channel.Connection.Name,
        Channel = channel.Number,
    };

    private TraceEvent OfQueue(QueueDefinition queue, TraceStep step) => new(Now(), step)
    {
        // Of messages that wait in an exchange people do not know the queue.
        Queue = queue.Exchange is null ? queue.Name : null,
        Exchange = queue.Exchange,
        DeadLetterExchange = step is TraceStep.Rejected or TraceStep.Expired or TraceStep.BeyondLength or TraceStep.DeliveryLimit ? queue.Settings.DeadLetterExchange : null,
    };

    private long Now() => clock.WallClock.ToUnixTimeMilliseconds();
}
