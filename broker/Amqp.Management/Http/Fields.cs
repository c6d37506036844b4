using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Amqp.Management.Http;

/// <summary>
/// The fields of what is shown, by their names in JSON, without making JSON of all of it. What is shown may be an object with properties, of which only the one that is asked for is made,
/// a dictionary, or JSON from another node.
/// </summary>
internal static class Fields
{
    /// <summary>By the type of what is shown; null: it does not become a JSON object by its properties.</summary>
    private static readonly ConcurrentDictionary<Type, FrozenDictionary<string, Func<object, object?>>?> Getters = new();

    /// <summary>A field by its path, as in <c>message_stats.publish_details.rate</c>.</summary>
    /// <returns>Null: it is null, or there is none.</returns>
    public static object? Find(object? shown, ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (!TryFind(shown, name, out shown)) return null;
        }
        return shown;
    }

    /// <returns>Null: there is none, or it is no text.</returns>
    public static string? Text(object shown, string name) => Find(shown, [name]) switch
    {
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } json => json.GetString(),
        _ => null,
    };

    /// <returns>False: it is false, or there is none.</returns>
    public static bool Flag(object shown, string name) => Find(shown, [name]) is true or JsonElement { ValueKind: JsonValueKind.True };

    public static bool TryFind(object? shown, string name, out object? value)
    {
        value = null;
        switch (shown)
        {
            case null:
                return false;
            case JsonElement json:
                if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty(name, out var member)) return false;
                value = member;
                return true;
            case IReadOnlyDictionary<string, object?> entries:
                return entries.TryGetValue(name, out value);
            default:
                if (Getters.GetOrAdd(shown.GetType(), GettersOf) is not { } getters) return TryFind(Made(shown), name, out value);
                if (!getters.TryGetValue(name, out var get)) return false;
                value = get(shown);
                return true;
        }
    }

    /// <summary>It becomes a JSON object.</summary>
    public static bool IsObject([NotNullWhen(true)] object? shown) => shown switch
    {
        null => false,
        JsonElement json => json.ValueKind == JsonValueKind.Object,
        IReadOnlyDictionary<string, object?> => true,
        _ => Getters.GetOrAdd(shown.GetType(), GettersOf) is not null || Made(shown).ValueKind == JsonValueKind.Object,
    };

    /// <summary>The items of what becomes a JSON array; null: it does not.</summary>
    public static IEnumerable<object?>? ItemsOf(object? shown) => shown switch
    {
        JsonElement { ValueKind: JsonValueKind.Array } json => json.EnumerateArray().Cast<object?>(),
        IEnumerable list when Answer.Json.GetTypeInfo(list.GetType()).Kind == JsonTypeInfoKind.Enumerable => list.Cast<object?>(),
        _ => null,
    };

    private static JsonElement Made(object shown) => JsonSerializer.SerializeToElement(shown, Answer.Json);

    private static FrozenDictionary<string, Func<object, object?>>? GettersOf(Type type)
    {
        var info = Answer.Json.GetTypeInfo(type);
        return info.Kind == JsonTypeInfoKind.Object ? info.Properties.ToFrozenDictionary(property => property.Name, property => property.Get!) : null;
    }
}
