using Amqp.Broker.Connections;
using Amqp.Broker.Queues;
using Amqp.Core.Errors;
using Amqp.Core.Routing;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Publishing;

/// <summary>Where a message goes: queues on this node, and direct replies by address.</summary>
internal sealed record Route(QueueActor[] Queues, string[] DirectReplies)
{
    public bool IsEmpty => Queues.Length == 0 && DirectReplies.Length == 0;

    /// <summary>Several queues store the message if it is persistent: its body is to be stored once.</summary>
    public bool SharesBody { get; } = Queues.Count(queue => queue.Definition.Durable) > 1;
}

/// <summary>
/// The exchanges a channel has published to, with its user's permission, and the routes it has used, by exchange and routing key, for
/// as long as the topology stays the same: a change of permissions is one of the topology. Messages of one exchange and key in a row
/// find theirs with two comparisons of references, because the connection's pool of strings gives the same name the same object.
/// </summary>
internal sealed class RouteCache(AmqpConnection connection)
{
    private readonly Dictionary<string, Exchange> _exchanges = [];
    private readonly Dictionary<(string Exchange, string RoutingKey), Route> _routes = [];
    private readonly RouteResult _result = new();
    private TopologySnapshot? _topology;
    private VirtualHost? _virtualHost;
    private Exchange? _exchange;
    private string? _exchangeName;
    private TopicPermissions? _topicPermissions;
    private string? _lastRoutingKey;
    private Route? _lastRoute;

    /// <summary>The exchange, which the user may publish to with this routing key.</summary>
    /// <exception cref="BrokerException">403: the user may not; 404: there is no such exchange; 403: it is internal.</exception>
    public Exchange FindExchange(string name, string routingKey)
    {
        var topology = connection.Services.Topology.Current;
        if (topology != _topology) Follow(topology);
        if (_exchange is null || !ReferenceEquals(_exchangeName, name)) Use(name);
        if (_topicPermissions is not null) CheckTopic(routingKey);
        return _exchange!;
    }

    /// <summary>The route of a message to an exchange that <see cref="FindExchange"/> just returned.</summary>
    /// <param name="properties">Of the message, whose headers may decide.</param>
    /// <param name="addsKeys">The headers name further routing keys (CC, BCC), so that this route is the message's own.</param>
    /// <exception cref="BrokerException">406: a CC or BCC header that is no array.</exception>
    public Route Find(Exchange exchange, string routingKey, BasicProperties properties, bool addsKeys)
    {
        if (addsKeys) return Resolve(exchange, routingKey, properties.Headers);
        if (_lastRoute is not null && ReferenceEquals(routingKey, _lastRoutingKey)) return _lastRoute;
        if (!_routes.TryGetValue((exchange.Name, routingKey), out var route))
        {
            route = Resolve(exchange, routingKey, properties.Headers);
            if (!_result.Cacheable) return route;
            if (_routes.Count >= connection.Services.Limits.RoutesPerChannel) _routes.Clear();
            _routes.Add((exchange.Name, routingKey), route);
        }
        (_lastRoutingKey, _lastRoute) = (routingKey, route);
        return route;
    }

    private void Use(string name)
    {
        if (!_exchanges.TryGetValue(name, out var exchange))
        {
            exchange = FindWritable(name);
            if (_exchanges.Count >= connection.Services.Limits.RoutesPerChannel) _exchanges.Clear();
            _exchanges.Add(name, exchange);
        }
        if (exchange != _exchange) _lastRoute = null;
        (_exchange, _exchangeName) = (exchange, name);
        _topicPermissions = _virtualHost!.FindTopicPermissions(connection.User, exchange);
    }

    private Exchange FindWritable(string name)
    {
        if (_virtualHost!.CheckAccess(connection.User, Access.Write, Resource.Exchange(connection.Vhost, name)) is { } refused)
            throw new BrokerException(refused);
        var exchange = _virtualHost.FindExchange(name)
            ?? throw new BrokerException(BrokerError.ExchangeNotFound(connection.Vhost, name));
        return exchange.Internal ? throw new BrokerException(BrokerError.PublishToInternalExchange(connection.Vhost, name)) : exchange;
    }

    /// <summary>A routing key that has a route was allowed when it was found.</summary>
    private void CheckTopic(string routingKey)
    {
        if (_routes.ContainsKey((_exchange!.Name, routingKey))) return;
        if (_virtualHost!.CheckTopicAccess(connection.User, Access.Write, _exchange, routingKey) is { } refused) throw new BrokerException(refused);
    }

    private Route Resolve(Exchange exchange, string routingKey, FieldTable? headers)
    {
        if (RouteResolver.Resolve(_virtualHost!, exchange, routingKey, headers, _result) is { } error) throw new BrokerException(error);
        var queues = new List<QueueActor>(_result.Queues.Count);
        foreach (var definition in _result.Queues)
        {
            if (connection.Services.Queues.TryFind(definition, out var queue)) queues.Add(queue);
        }
        return new Route(queues.ToArray(), _result.DirectReplies.ToArray());
    }

    private void Follow(TopologySnapshot topology)
    {
        _virtualHost = topology.Find(connection.Vhost) ?? throw new BrokerException(BrokerError.VhostDeleted(connection.Vhost));
        _topology = topology;
        _exchange = null;
        _topicPermissions = null;
        _lastRoute = null;
        _exchanges.Clear();
        _routes.Clear();
    }
}
