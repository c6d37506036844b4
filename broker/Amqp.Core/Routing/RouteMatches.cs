using Amqp.Core.Topology;

namespace Amqp.Core.Routing;

/// <summary>What a router found, in lists that are used again for every message so that routing allocates nothing.</summary>
public sealed class RouteMatches
{
    /// <summary>What was found, in no particular order.</summary>
    public List<Destination> Destinations { get; } = [];

    /// <summary>Where a topic router stands in its trie.</summary>
    internal TopicWalk TopicWalk { get; } = new();

    public void Add(Destination destination) => Destinations.Add(destination);

    internal void Add(DestinationSet destinations) => destinations.AddTo(Destinations);
}
