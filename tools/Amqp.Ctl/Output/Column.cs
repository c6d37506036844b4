using System.Net;
using System.Text.Json;

namespace Amqp.Ctl.Output;

/// <summary>What a value was in RabbitMQ before JSON made a text, a number or an object of it.</summary>
internal enum Kind
{
    /// <summary>What the JSON says.</summary>
    Plain,
    Atom,
    Atoms,

    /// <summary>An object whose values are names, too.</summary>
    AtomPairs,
    Pid,
    Pids,
    Address,
    Table,

    /// <summary>A text with the JSON itself.</summary>
    Json,

    /// <summary>Pairs whose keys are binaries.</summary>
    BinaryPairs,

    /// <summary>RabbitMQ orders the arguments of a binding by their names when it is made.</summary>
    SortedTable,
    Protocol,

    /// <summary>Not set is <c>undefined</c>, an atom, where other columns have ''.</summary>
    MaybeUndefined,
}

/// <summary>A column of a listing and the JSON it comes from.</summary>
/// <param name="Name">Its name on the command line, and in the header.</param>
/// <param name="Key">The member of the HTTP API's object, dots between levels; null: as the column is called.</param>
/// <param name="Fixed">What every row has there, if the API does not say it.</param>
internal sealed record Column(string Name, Kind Kind = Kind.Plain, string? Key = null, Term? Fixed = null)
{
    public Term Of(JsonElement row)
    {
        if (Fixed is not null) return Fixed;
        var value = row;
        foreach (var part in (Key ?? Name).Split('.'))
        {
            if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty(part, out var inner)) value = inner;
            else return Missing();
        }
        return value.ValueKind == JsonValueKind.Null ? Missing() : Present(value);
    }

    private Term Present(JsonElement value) => Kind switch
    {
        Kind.Atom when value.ValueKind == JsonValueKind.String => new Atom(value.GetString()!),
        Kind.Atoms when value.ValueKind == JsonValueKind.Array => new Sequence([.. value.EnumerateArray().Select(item => new Atom(item.GetString()!))]),
        Kind.AtomPairs when value.ValueKind == JsonValueKind.Object => new Pairs([.. value.EnumerateObject().Select(pair => (pair.Name, (Term)new Atom(pair.Value.ToString())))]),
        Kind.Pid when value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text => new Pid(text),
        Kind.Pid => Term.Nothing,
        Kind.Pids when value.ValueKind == JsonValueKind.Array => new Sequence([.. value.EnumerateArray().Select(item => new Pid(item.GetString()!))]),
        Kind.Address when IPAddress.TryParse(value.GetString(), out var address) => new Address(address),
        Kind.Table => Table.Of(value),
        Kind.SortedTable => new Table([.. Table.Of(value).Fields.OrderBy(field => field.Key, StringComparer.Ordinal)]),
        Kind.BinaryPairs when value.ValueKind == JsonValueKind.Object => new BinaryPairs([.. value.EnumerateObject().Select(pair => (pair.Name, Term.Of(pair.Value)))]),
        Kind.Json => new Text(value.GetRawText()),
        Kind.MaybeUndefined when value.GetString() is "undefined" and var undefined => new Atom(undefined),
        Kind.Protocol when value.GetString() == "AMQP 0-9-1" => new Numbers([0, 9, 1]),
        _ => Term.Of(value),
    };

    private Term Missing() => Kind switch
    {
        Kind.Table or Kind.SortedTable => new Table([]),
        _ => Term.Nothing,
    };
}
