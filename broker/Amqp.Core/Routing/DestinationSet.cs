using System.Collections.Immutable;
using Amqp.Core.Topology;

namespace Amqp.Core.Routing;

/// <summary>
/// The destinations bound in one place of a router, each with the number of its bindings there, because two bindings may
/// differ in their arguments only. Persistent. A short list while they are few, which is nearly always and quickest to walk
/// through; a tree beyond, so that the hundred thousandth binding of a fanout exchange does not copy the others.
/// </summary>
internal sealed class DestinationSet
{
    public static readonly DestinationSet Empty = new([], many: null);

    private const int FewMax = 16;

    private readonly KeyValuePair<Destination, int>[] _few;
    private readonly ImmutableDictionary<Destination, int>? _many;

    private DestinationSet(KeyValuePair<Destination, int>[] few, ImmutableDictionary<Destination, int>? many)
    {
        _few = few;
        _many = many;
    }

    public bool IsEmpty => _many is null ? _few.Length == 0 : _many.IsEmpty;

    public DestinationSet Add(Destination destination)
    {
        if (_many is not null) return new([], _many.SetItem(destination, _many.GetValueOrDefault(destination) + 1));
        var index = IndexOf(destination);
        if (index >= 0) return With(index, _few[index].Value + 1);
        KeyValuePair<Destination, int>[] more = [.. _few, KeyValuePair.Create(destination, 1)];
        return more.Length <= FewMax ? new(more, many: null) : new([], ImmutableDictionary.CreateRange(more));
    }

    /// <param name="destination">One that is in the set.</param>
    public DestinationSet Remove(Destination destination)
    {
        if (_many is not null)
        {
            var left = _many[destination] - 1;
            var rest = left == 0 ? _many.Remove(destination) : _many.SetItem(destination, left);
            return rest.Count > FewMax / 2 ? new([], rest) : new(rest.ToArray(), many: null);
        }
        var index = IndexOf(destination);
        var count = _few[index].Value;
        return count > 1 ? With(index, count - 1) : new([.. _few[..index], .. _few[(index + 1)..]], many: null);
    }

    public void AddTo(List<Destination> destinations)
    {
        foreach (var (destination, _) in _few) destinations.Add(destination);
        if (_many is null) return;
        foreach (var (destination, _) in _many) destinations.Add(destination);
    }

    private DestinationSet With(int index, int count)
    {
        var changed = _few.AsSpan().ToArray();
        changed[index] = KeyValuePair.Create(_few[index].Key, count);
        return new(changed, many: null);
    }

    private int IndexOf(Destination destination) => Array.FindIndex(_few, entry => entry.Key == destination);
}
