using Amqp.Core.Errors;
using Amqp.Core.Topology;

namespace Amqp.Core.Routing;

/// <summary>One of all that are bound gets a message, whatever the binding keys are.</summary>
internal abstract class OneOfAllRouter(DestinationSet destinations) : IRouter
{
    /// <summary>In a row, always in the same order; made for the first message.</summary>
    private Destination[]? _row;

    public abstract bool DependsOnMoreThanKey { get; }

    public virtual BrokerError? Validate(Binding binding) => null;

    public IRouter Bind(Binding binding) => With(destinations.Add(binding.Destination));

    public IRouter Unbind(Binding binding) => With(destinations.Remove(binding.Destination));

    public void Route(RoutingInput input, RouteMatches matches)
    {
        var row = _row ??= MakeRow();
        if (row.Length > 0) matches.Add(row[Choose(input, row.Length)]);
    }

    protected abstract IRouter With(DestinationSet destinations);

    protected abstract int Choose(RoutingInput input, int count);

    private Destination[] MakeRow()
    {
        var row = new List<Destination>();
        destinations.AddTo(row);
        return [.. row.OrderBy(destination => destination.Kind).ThenBy(destination => destination.Name, StringComparer.Ordinal)];
    }
}

/// <summary>By chance: the hash of how many there were.</summary>
internal class RandomRouter(DestinationSet destinations) : OneOfAllRouter(destinations)
{
    private long _count;

    public override bool DependsOnMoreThanKey => true;

    protected override IRouter With(DestinationSet destinations) => new RandomRouter(destinations);

    protected override int Choose(RoutingInput input, int count) =>
        (int)(StableHash.Mix((ulong)Interlocked.Increment(ref _count)) % (uint)count);
}

/// <summary>By chance, and of the queues on this node. They are bound without a key.</summary>
internal sealed class LocalRandomRouter(DestinationSet destinations) : RandomRouter(destinations)
{
    public override BrokerError? Validate(Binding binding)
    {
        if (binding.RoutingKey.Length > 0) return BrokerError.LocalRandomBindingKey(binding.RoutingKey);
        return binding.Destination.Kind == ResourceKind.Queue ? null : BrokerError.LocalRandomDestination;
    }

    protected override IRouter With(DestinationSet destinations) => new LocalRandomRouter(destinations);
}

/// <summary>By the routing key: always the same one for the same key, as long as the same are bound.</summary>
internal sealed class ModulusHashRouter(DestinationSet destinations) : OneOfAllRouter(destinations)
{
    public override bool DependsOnMoreThanKey => false;

    protected override IRouter With(DestinationSet destinations) => new ModulusHashRouter(destinations);

    protected override int Choose(RoutingInput input, int count)
    {
        var hash = StableHash.Start;
        foreach (var key in input.Keys) hash = StableHash.Of(key, hash);
        return (int)(hash % (uint)count);
    }
}
