using System.Collections;
using System.Collections.Immutable;
using System.Text.Json;

namespace Amqp.Core.Policies;

/// <summary>The keys that a policy sets and their values, as JSON has them; in the order of the keys.</summary>
public sealed class PolicyDefinition : IReadOnlyCollection<KeyValuePair<string, JsonElement>>, IEquatable<PolicyDefinition>
{
    public static readonly PolicyDefinition Empty = new(ImmutableSortedDictionary.Create<string, JsonElement>(StringComparer.Ordinal));

    private readonly ImmutableSortedDictionary<string, JsonElement> _values;

    private PolicyDefinition(ImmutableSortedDictionary<string, JsonElement> values) => _values = values;

    public int Count => _values.Count;

    /// <summary>Takes the members of a JSON object. Of a key that is there twice the last one counts, as in RabbitMQ.</summary>
    public static PolicyDefinition Of(JsonElement json)
    {
        var values = Empty._values.ToBuilder();
        foreach (var member in json.EnumerateObject()) values[member.Name] = member.Value.Clone();
        return new(values.ToImmutable());
    }

    public JsonElement? Find(string key) => _values.TryGetValue(key, out var value) ? value : null;

    /// <summary>Null: it is not set, or no whole number.</summary>
    public long? Integer(string key) => Find(key) is { } value && value.TryGetInteger(out var integer) ? integer : null;

    /// <summary>Null: it is not set, or no text.</summary>
    public string? Text(string key) => Find(key) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    internal PolicyDefinition With(string key, JsonElement value) => new(_values.SetItem(key, value));

    public bool Equals(PolicyDefinition? other) => ReferenceEquals(this, other) || (other is not null
        && Count == other.Count
        && _values.All(entry => other.Find(entry.Key) is { } value && JsonElement.DeepEquals(entry.Value, value)));

    public override bool Equals(object? obj) => Equals(obj as PolicyDefinition);

    public override int GetHashCode() => _values.Keys.Aggregate(Count, HashCode.Combine);

    public IEnumerator<KeyValuePair<string, JsonElement>> GetEnumerator() => _values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

internal static class JsonNumbers
{
    /// <summary>False: it is no whole number, or larger than 64 bits hold.</summary>
    public static bool TryGetInteger(this JsonElement value, out long integer)
    {
        integer = 0;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out integer);
    }
}
