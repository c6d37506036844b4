using System.Globalization;
using System.Text.Json;

namespace Amqp.Management.Http;

/// <summary>What a list is sorted by, in Erlang's order: what is not there, with the number 0, then other numbers, true and false, objects and lists, texts.</summary>
internal readonly record struct SortKey(SortKind Kind, double Number, string? Text) : IComparable<SortKey>
{
    public static SortKey Of(object? value) => value switch
    {
        null => new SortKey(SortKind.Number, 0, null),
        string text => new SortKey(SortKind.Text, 0, text),
        bool flag => new SortKey(SortKind.Flag, flag ? 1 : 0, null),
        JsonElement json => Of(json),
        IConvertible number => new SortKey(SortKind.Number, number.ToDouble(CultureInfo.InvariantCulture), null),
        _ => new SortKey(SortKind.Other, 0, null),
    };

    public int CompareTo(SortKey other)
    {
        if (Kind != other.Kind) return Kind.CompareTo(other.Kind);
        return Kind == SortKind.Text ? string.CompareOrdinal(Text, other.Text) : Number.CompareTo(other.Number);
    }

    private static SortKey Of(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Number => Of(json.GetDouble()),
        JsonValueKind.True => Of(true),
        JsonValueKind.False => Of(false),
        JsonValueKind.String => Of(json.GetString()),
        JsonValueKind.Null => Of(value: null),
        _ => new SortKey(SortKind.Other, 0, null),
    };
}

/// <summary>In order.</summary>
internal enum SortKind
{
    Number,
    Flag,
    Other,
    Text,
}
