using System.Collections.Immutable;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Routing;

/// <summary>
/// One of the bound destinations gets a message, always the same one for the same key, header or property; of all that comes, each gets as much as its
/// binding keys, which are weights, say. When one comes or goes, only what it gets changes its place.
/// <para>
/// Each destination makes a number of what the message is hashed to and of itself, and the one with the best wins (rendezvous hashing). So the answer depends on
/// what is bound alone, and not on the order in which that was bound, on the node or on its last start.
/// </para>
/// </summary>
internal sealed class ConsistentHashRouter : IRouter
{
    private readonly HashInput _input;
    private readonly ImmutableDictionary<Destination, ImmutableList<long>> _weights;

    /// <summary>The same in a row, made for the first message.</summary>
    private Candidate[]? _row;

    private ConsistentHashRouter(HashInput input, ImmutableDictionary<Destination, ImmutableList<long>> weights) => (_input, _weights) = (input, weights);

    public ConsistentHashRouter(FieldTable arguments)
        : this(HashInput.Of(arguments), ImmutableDictionary<Destination, ImmutableList<long>>.Empty)
    {
    }

    public bool DependsOnMoreThanKey => !_input.IsByKey;

    public BrokerError? Validate(Binding binding)
    {
        var key = binding.RoutingKey.AsSpan();
        var isNegative = key.StartsWith('-');
        if (!DecimalDigits.TryParse(isNegative ? key[1..] : key, out var weight)) return BrokerError.HashWeightNotInteger(binding.RoutingKey);
        return isNegative || weight == 0 ? BrokerError.HashWeightTooSmall : null;
    }

    public IRouter Bind(Binding binding) => new ConsistentHashRouter(
        _input, _weights.SetItem(binding.Destination, _weights.GetValueOrDefault(binding.Destination, []).Add(WeightOf(binding))));

    public IRouter Unbind(Binding binding)
    {
        var rest = _weights[binding.Destination].Remove(WeightOf(binding));
        return new ConsistentHashRouter(_input, rest.IsEmpty ? _weights.Remove(binding.Destination) : _weights.SetItem(binding.Destination, rest));
    }

    public void Route(RoutingInput input, RouteMatches matches)
    {
        _row ??= [.. _weights.Select(entry => new Candidate(entry.Key, HashOf(entry.Key), entry.Value.Max()))];
        if (_row.Length == 0) return;
        var hash = _input.HashOf(input);
        var (best, bestScore) = (0, double.NegativeInfinity);
        for (var index = 0; index < _row.Length; index++)
        {
            var candidate = _row[index];
            // Evenly between 0 and 1, both left out. The logarithm gives each its share by weight.
            var chance = ((StableHash.Mix(hash ^ candidate.Hash) >> 11) + 0.5) / (1L << 53);
            var score = candidate.Weight / -Math.Log(chance);
            if (score > bestScore) (best, bestScore) = (index, score);
        }
        matches.Add(_row[best].Destination);
    }

    private static ulong HashOf(Destination destination) => StableHash.Of(destination.Name, StableHash.Start + (ulong)destination.Kind);

    private static long WeightOf(Binding binding) => DecimalDigits.TryParse(binding.RoutingKey, out var weight) ? weight : 0;

    private readonly record struct Candidate(Destination Destination, ulong Hash, long Weight);
}
