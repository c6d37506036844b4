using Amqp.Core.Errors;
using Amqp.Core.Topology;

namespace Amqp.Core.Routing;

/// <summary>Every binding matches.</summary>
internal sealed class FanoutRouter : IRouter
{
    public static readonly FanoutRouter Empty = new(DestinationSet.Empty);

    private readonly DestinationSet _destinations;

    private FanoutRouter(DestinationSet destinations)
    {
        _destinations = destinations;
    }

    public bool DependsOnMoreThanKey => false;

    public BrokerError? Validate(Binding binding) => null;

    public IRouter Bind(Binding binding) => new FanoutRouter(_destinations.Add(binding.Destination));

    public IRouter Unbind(Binding binding) => new FanoutRouter(_destinations.Remove(binding.Destination));

    public void Route(RoutingInput input, RouteMatches matches) => matches.Add(_destinations);
}
