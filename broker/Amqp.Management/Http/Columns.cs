using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Http;

/// <summary>The fields that a client wants of what is shown, from <c>columns=name,message_stats.publish</c>.</summary>
internal sealed class Columns
{
    /// <summary>With those that are wanted of a field's own fields; null: all of them.</summary>
    private readonly Dictionary<string, Columns?> _wanted = [];

    private Columns()
    {
    }

    /// <param name="definition">The fields that are no statistics, written likewise: with <c>disable_stats=true</c> it is these. Null: there are no statistics.</param>
    /// <returns>Null: the client wants all.</returns>
    public static Columns? In(IQueryCollection query, string? definition)
    {
        var text = query["columns"].ToString();
        if (text.Length == 0) text = definition is not null && query["disable_stats"] == "true" ? definition : "";
        return text.Length == 0 ? null : Of(text);
    }

    /// <summary>Those of a text.</summary>
    public static Columns Of(string text)
    {
        var columns = new Columns();
        foreach (var word in text.Split(',', StringSplitOptions.RemoveEmptyEntries)) columns.Add(word.Split('.', StringSplitOptions.RemoveEmptyEntries));
        return columns;
    }

    /// <summary>Of an object the wanted fields that it has, of a list those of its items.</summary>
    public object? Of(object? shown)
    {
        if (Fields.ItemsOf(shown) is { } items) return items.Select(Of);
        if (!Fields.IsObject(shown)) return shown;
        var chosen = new Dictionary<string, object?>();
        foreach (var (name, columns) in _wanted)
        {
            if (Fields.TryFind(shown, name, out var value)) chosen[name] = columns is null ? value : columns.Of(value);
        }
        return chosen;
    }

    private void Add(ReadOnlySpan<string> path)
    {
        if (path.IsEmpty) return;
        if (path.Length == 1) _wanted[path[0]] = null;
        else if (!_wanted.TryGetValue(path[0], out var inner)) (_wanted[path[0]] = new Columns()).Add(path[1..]);
        else inner?.Add(path[1..]);
    }
}
