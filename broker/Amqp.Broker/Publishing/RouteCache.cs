using Amqp.Broker.Connections;
using Amqp.Broker.Metrics;
using Amqp.Core.Errors;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Routing;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Publishing;

/// <summary>
/// The exchanges that a connection has published to, with its user's permission, and the routes it has used, by exchange and routing
/// key. A change of the topology does not empty it, since topologies change all the time: what was found before a change is
/// held against it when it is asked for next, which costs a few comparisons of references.
/// <para>Bounded by the number of routes and of exchanges (<see cref="Core.Limits.RoutesPerConnection"/>) and by the queues in all routes.</para>
/// </summary>
internal sealed class RouteCache(AmqpConnection connection)
{
    /// <summary>Queues in all remembered routes, for each route that may be remembered; 8 bytes each.</summary>
    private const int QueuesPerRoute = 64;

    // Names of exchanges that the user may write to, and which permissions say so.
    private readonly Dictionary<string, Permissions> _writable = [];
    private readonly Dictionary<(string Exchange, string RoutingKey), KnownRoute> _routes = [];
    private readonly Dictionary<string, MeasuredPublishes> _publishes = [];
    private readonly RouteResult _result = new();
    private TopologySnapshot? _topology;
    private VirtualHost? _virtualHost;
    private int _queuesInRoutes;

    private int RoutesMax => connection.Services.Limits.RoutesPerConnection;

    /// <summary>Changes when routes that were found before must not be used any more, whatever the topology.</summary>
    public int Generation { get; private set; }

    /// <summary>What was published is sampled for the last time.</summary>
    public void End()
    {
        foreach (var publishes in _publishes.Values) connection.Services.Metrics.Remove(publishes);
        _publishes.Clear();
        Generation++;
    }

    /// <summary>The exchange, which the user may publish to with this routing key.</summary>
    /// <exception cref="BrokerException">403: the user may not; 404: there is no such exchange; 403: it is internal.</exception>
    public Exchange FindExchange(TopologySnapshot topology, string name, string routingKey)
    {
        var vhost = Follow(topology);
        CheckWritable(vhost, name);
        var exchange = vhost.FindExchange(name) ?? throw new BrokerException(BrokerError.ExchangeNotFound(connection.Vhost, name));
        if (exchange.Internal) throw new BrokerException(BrokerError.PublishToInternalExchange(connection.Vhost, name));
        CheckTopic(vhost, exchange, routingKey);
        return exchange;
    }

    /// <summary>The route of a message to an exchange that <see cref="FindExchange"/> just returned.</summary>
    /// <param name="properties">Of the message, whose headers may decide.</param>
    /// <param name="addsKeys">The headers name further routing keys (CC, BCC), so that this route is the message's own.</param>
    /// <param name="isForAll">Messages with the same exchange and routing key go the same way, as long as the topology is the same.</param>
    /// <exception cref="BrokerException">406: a CC or BCC header that is no array.</exception>
    public Route Find(Exchange exchange, string routingKey, BasicProperties properties, bool addsKeys, out bool isForAll)
    {
        isForAll = false;
        if (addsKeys) return Resolve(exchange, routingKey, properties);
        isForAll = true;
        if (_routes.TryGetValue((exchange.Name, routingKey), out var known) && known.HoldsIn(_virtualHost!, routingKey)) return known.Route;
        var route = Resolve(exchange, routingKey, properties);
        // A queue that was not found is being deleted.
        isForAll = _result.Cacheable && route.Queues.Length == _result.Queues.Count;
        if (isForAll) Keep(exchange, routingKey, route);
        else Forget(exchange, routingKey);
        return route;
    }

    private void Keep(Exchange exchange, string routingKey, Route route)
    {
        Forget(exchange, routingKey);
        if (_routes.Count >= RoutesMax || _queuesInRoutes + route.Queues.Length > (long)RoutesMax * QueuesPerRoute)
            ForgetRoutes();
        var topicPermissions = _virtualHost!.FindTopicPermissions(connection.User, exchange);
        _routes.Add((exchange.Name, routingKey), new KnownRoute(route, [.. _result.Exchanges], topicPermissions, _virtualHost));
        _queuesInRoutes += route.Queues.Length;
    }

    private void ForgetRoutes()
    {
        _routes.Clear();
        _queuesInRoutes = 0;
    }

    private void Forget(Exchange exchange, string routingKey)
    {
        if (_routes.Remove((exchange.Name, routingKey), out var known)) _queuesInRoutes -= known.Route.Queues.Length;
    }

    private void CheckWritable(VirtualHost vhost, string name)
    {
        var permissions = vhost.Permissions.GetValueOrDefault(connection.User);
        if (permissions is not null && _writable.TryGetValue(name, out var known) && ReferenceEquals(known, permissions)) return;
        if (vhost.CheckAccess(connection.User, Access.Write, Resource.Exchange(connection.Vhost, name)) is { } refused)
            throw new BrokerException(refused);
        // One that is not there is answered anew each time.
        if (permissions is null || vhost.FindExchange(name) is null) return;
        if (_writable.Count >= RoutesMax) _writable.Clear();
        _writable[name] = permissions;
    }

    /// <summary>A routing key that has a route was allowed when it was found.</summary>
    private void CheckTopic(VirtualHost vhost, Exchange exchange, string routingKey)
    {
        if (vhost.FindTopicPermissions(connection.User, exchange) is not { } permissions) return;
        if (_routes.TryGetValue((exchange.Name, routingKey), out var known) && ReferenceEquals(known.TopicPermissions, permissions)) return;
        if (vhost.CheckTopicAccess(connection.User, Access.Write, exchange, routingKey) is { } refused) throw new BrokerException(refused);
    }

    private Route Resolve(Exchange exchange, string routingKey, BasicProperties properties)
    {
        if (RouteResolver.Resolve(_virtualHost!, exchange, routingKey, properties, properties.Headers, _result) is { } error) throw new BrokerException(error);
        var queues = new List<IQueueEndpoint>(_result.Queues.Count);
        foreach (var definition in _result.Queues)
        {
            if (connection.Services.Queues.TryFind(definition, out var queue)) queues.Add(queue);
        }
        return new Route(queues.ToArray(), _result.DirectReplies.ToArray(), _result.Absent.ToArray(), CountersOf(exchange));
    }

    private Counters CountersOf(Exchange exchange)
    {
        if (_publishes.TryGetValue(exchange.Name, out var publishes))
        {
            if (!publishes.IsOver) return publishes.Counters;
            _publishes.Remove(exchange.Name);
            connection.Services.Metrics.Remove(publishes);
        }
        if (_publishes.Count >= RoutesMax)
        {
            End();
            ForgetRoutes();
        }
        publishes = connection.Services.Metrics.AddPublishes(exchange.Vhost, exchange.Name);
        _publishes.Add(exchange.Name, publishes);
        return publishes.Counters;
    }

    private VirtualHost Follow(TopologySnapshot topology)
    {
        if (topology == _topology) return _virtualHost!;
        _virtualHost = topology.Find(connection.Vhost) ?? throw new BrokerException(BrokerError.VhostDeleted(connection.Vhost));
        _topology = topology;
        return _virtualHost;
    }

    /// <param name="exchanges">All that were asked. Each bind gives a new exchange, so that what is still the same leads where it led.</param>
    private sealed class KnownRoute(Route route, Exchange[] exchanges, TopicPermissions? topicPermissions, VirtualHost vhost)
    {
        private VirtualHost _vhost = vhost;

        public Route Route { get; } = route;

        /// <summary>What allowed the routing key, or null if nothing had to.</summary>
        public TopicPermissions? TopicPermissions { get; } = topicPermissions;

        public bool HoldsIn(VirtualHost vhost, string routingKey)
        {
            if (vhost == _vhost) return true;
            foreach (var exchange in exchanges)
            {
                if (vhost.FindExchange(exchange.Name) != exchange) return false;
                // Its bindings follow from the names of the queues, so that it is always the same.
                if (exchange.IsDefault && vhost.FindQueue(routingKey)?.Id != (Route.Queues is [var queue] ? queue.Definition.Id : (QueueId?)null)) return false;
            }
            _vhost = vhost;
            return true;
        }
    }
}
