using Amqp.Broker.Queues;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Routing;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Events;

/// <summary>What the broker itself publishes: events, and copies of messages that are traced. At most once, as in RabbitMQ: no publisher or command waits until a queue has one.</summary>
internal sealed class OwnMessages(QueueDirectory queues)
{
    [ThreadStatic]
    private static RouteResult? _routesOfThisThread;

    /// <summary>Publishes a message; from any thread.</summary>
    public void Publish(VirtualHost vhost, Exchange exchange, string routingKey, Content content)
    {
        var routes = _routesOfThisThread ??= new RouteResult();
        if (RouteResolver.Resolve(vhost, exchange, routingKey, content.Properties, content.Properties.Headers, routes) is not null) return;
        if (routes.Queues.Count == 0) return;
        var message = new Message(exchange.Name, routingKey, content) { IsShared = routes.Queues.Count > 1 };
        foreach (var definition in routes.Queues)
        {
            if (queues.TryFind(definition, out var queue)) queue.Post(QueueOperation.Publish(message, publisher: null, number: 0));
        }
    }
}
