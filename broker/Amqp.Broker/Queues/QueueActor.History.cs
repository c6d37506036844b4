using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Routing;
using Amqp.Core.Topology;

namespace Amqp.Broker.Queues;

/// <content>
/// The last messages of an exchange of type <c>x-recent-history</c>, which a destination gets that is bound to it. It gets what was kept before its binding
/// could be seen, and from the exchange what came after: no message twice.
/// </content>
internal sealed partial class QueueActor
{
    /// <summary>Messages that are given at a time.</summary>
    private const int GivenAtATime = 256;

    private void GiveHistory(Destination destination, long now) => GiveHistory(destination, from: 0, _state.End, now);

    private void GiveHistory(Destination destination, long from, long end, long now) =>
        Browse(new BrowsedPart(from, GivenAtATime), new HistoryReply(this, destination, end), now);

    private void Give(BrowsedPart part, Destination destination, long end)
    {
        if (_services.Topology.Current.Find(Definition.Vhost) is { } vhost)
        {
            foreach (var browsed in part.Messages)
            {
                if (browsed.Position < end) Give(browsed.Message!, destination, vhost);
            }
        }
        if (!part.IsLast && part.Next < end) GiveHistory(destination, part.Next, end, Now());
    }

    private void Give(Message message, Destination destination, VirtualHost vhost)
    {
        if (destination.Kind == ResourceKind.Queue)
        {
            if (vhost.FindQueue(destination.Name) is { } queue) Give(message, queue);
            return;
        }
        var routes = new RouteResult();
        if (vhost.FindExchange(destination.Name) is not { } exchange
            || RouteResolver.Resolve(vhost, exchange, message.RoutingKey, message.Properties, message.Properties.Headers, routes) is not null) return;
        foreach (var queue in routes.Queues) Give(message, queue);
    }

    private void Give(Message message, QueueDefinition queue)
    {
        if (!_services.Queues.TryFind(queue, out var target)) return;
        var copy = new Message(message.Exchange, message.RoutingKey, message.Content) { ExpirationMs = message.ExpirationMs };
        target.Post(QueueOperation.Publish(copy, publisher: null, number: 0));
    }

    /// <summary>A part of the history, for a destination.</summary>
    private sealed class HistoryReply(QueueActor queue, Destination destination, long end) : IReply<BrowsedPart>
    {
        public void Complete(BrowsedPart part) => queue.Give(part, destination, end);

        /// <summary>The exchange is gone: there is nothing to give any more.</summary>
        public void Fail(BrokerError error)
        {
        }
    }
}
