using System.Collections.Immutable;

namespace Amqp.Core.Topology;

/// <summary>
/// All bindings of a virtual host, found from either end. Persistent: a new table shares all but a few nodes with the old
/// one, so that a bind among a hundred thousand costs microseconds and routing by the old table is not disturbed.
/// </summary>
public sealed class BindingTable
{
    public static readonly BindingTable Empty = new(
        ImmutableDictionary<string, ImmutableHashSet<Binding>>.Empty, ImmutableDictionary<Destination, ImmutableHashSet<Binding>>.Empty, 0);

    private readonly ImmutableDictionary<string, ImmutableHashSet<Binding>> _bySource;
    private readonly ImmutableDictionary<Destination, ImmutableHashSet<Binding>> _byDestination;

    private BindingTable(
        ImmutableDictionary<string, ImmutableHashSet<Binding>> bySource,
        ImmutableDictionary<Destination, ImmutableHashSet<Binding>> byDestination,
        int count)
    {
        _bySource = bySource;
        _byDestination = byDestination;
        Count = count;
    }

    public int Count { get; }

    public IEnumerable<Binding> All => _bySource.Values.SelectMany(bindings => bindings);

    /// <summary>The bindings of an exchange, in no particular order.</summary>
    public ImmutableHashSet<Binding> OfSource(string exchange) => _bySource.GetValueOrDefault(exchange, []);

    /// <summary>The bindings that lead to a queue or exchange, in no particular order.</summary>
    public ImmutableHashSet<Binding> OfDestination(Destination destination) => _byDestination.GetValueOrDefault(destination, []);

    public bool Contains(Binding binding) => OfSource(binding.Source).Contains(binding);

    /// <param name="binding">Not in the table yet.</param>
    internal BindingTable Add(Binding binding) => new(
        _bySource.SetItem(binding.Source, OfSource(binding.Source).Add(binding)),
        _byDestination.SetItem(binding.Destination, OfDestination(binding.Destination).Add(binding)),
        Count + 1);

    /// <param name="binding">One that is in the table.</param>
    internal BindingTable Remove(Binding binding) => new(
        Without(_bySource, binding.Source, binding), Without(_byDestination, binding.Destination, binding), Count - 1);

    private static ImmutableDictionary<TKey, ImmutableHashSet<Binding>> Without<TKey>(
        ImmutableDictionary<TKey, ImmutableHashSet<Binding>> index, TKey key, Binding binding)
        where TKey : notnull
    {
        var rest = index[key].Remove(binding);
        return rest.IsEmpty ? index.Remove(key) : index.SetItem(key, rest);
    }
}
