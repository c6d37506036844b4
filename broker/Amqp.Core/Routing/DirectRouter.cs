using System.Collections.Immutable;
using Amqp.Core.Errors;
using Amqp.Core.Topology;

namespace Amqp.Core.Routing;

/// <summary>A binding matches if its key is the routing key.</summary>
internal sealed class DirectRouter : IRouter
{
    public static readonly DirectRouter Empty = new(ImmutableDictionary<string, DestinationSet>.Empty);

    private readonly ImmutableDictionary<string, DestinationSet> _byKey;

    private DirectRouter(ImmutableDictionary<string, DestinationSet> byKey)
    {
        _byKey = byKey;
    }

    public bool DependsOnMoreThanKey => false;

    public BrokerError? Validate(Binding binding) => null;

    public IRouter Bind(Binding binding) => new DirectRouter(
        _byKey.SetItem(binding.RoutingKey, _byKey.GetValueOrDefault(binding.RoutingKey, DestinationSet.Empty).Add(binding.Destination)));

    public IRouter Unbind(Binding binding)
    {
        var rest = _byKey[binding.RoutingKey].Remove(binding.Destination);
        return new DirectRouter(rest.IsEmpty ? _byKey.Remove(binding.RoutingKey) : _byKey.SetItem(binding.RoutingKey, rest));
    }

    public void Route(RoutingInput input, RouteMatches matches)
    {
        foreach (var key in input.Keys)
        {
            if (_byKey.TryGetValue(key, out var destinations)) matches.Add(destinations);
        }
    }
}
