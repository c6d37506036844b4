using System.Net;
using System.Text.Json;

namespace Amqp.Ctl.Output;

/// <summary>
/// A value as rabbitmqctl has it, an Erlang term: formatters print these, so that each value looks like RabbitMQ's in every format.
/// The HTTP API's JSON knows fewer kinds, and <see cref="Column"/> says which one a value of it was.
/// </summary>
internal abstract record Term
{
    /// <summary>What RabbitMQ has where there is nothing: the atom ''.</summary>
    public static readonly Term Nothing = new Atom("");

    /// <summary>What one JSON value is if nothing more is known of it.</summary>
    public static Term Of(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => new Text(value.GetString()!),
        JsonValueKind.Number => new Number(value.GetRawText()),
        JsonValueKind.True => new Atom("true"),
        JsonValueKind.False => new Atom("false"),
        JsonValueKind.Array => new Sequence([.. value.EnumerateArray().Select(Of)]),
        JsonValueKind.Object => new Pairs([.. value.EnumerateObject().Select(member => (member.Name, Of(member.Value)))]),
        _ => Nothing,
    };
}

/// <summary>A binary.</summary>
internal sealed record Text(string Value) : Term;

/// <summary>A name: true, false, running, a tag.</summary>
internal sealed record Atom(string Value) : Term;

/// <summary>A number, in the digits it came with.</summary>
internal sealed record Number(string Digits) : Term;

/// <summary>The id of a process: a queue, a connection, a channel.</summary>
internal sealed record Pid(string Value) : Term;

/// <summary>An IP address, which Erlang has as a tuple of numbers.</summary>
internal sealed record Address(IPAddress Value) : Term;

/// <summary>A tuple of numbers: the protocol version {0,9,1}.</summary>
internal sealed record Numbers(IReadOnlyList<int> Values) : Term;

internal sealed record Sequence(IReadOnlyList<Term> Items) : Term;

/// <summary>A property list, whose keys are atoms.</summary>
internal sealed record Pairs(IReadOnlyList<(string Key, Term Value)> Items) : Term;

/// <summary>A list of pairs whose keys are binaries, which is no property list and has another form: the keys of a policy.</summary>
internal sealed record BinaryPairs(IReadOnlyList<(string Key, Term Value)> Items) : Term;

/// <summary>An AMQP field table, whose values carry their types.</summary>
internal sealed record Table(IReadOnlyList<(string Key, Field Value)> Fields) : Term
{
    public static new Table Of(JsonElement value) =>
        new(value.ValueKind == JsonValueKind.Object ? [.. value.EnumerateObject().Select(member => (member.Name, Field.Of(member.Value)))] : []);
}

/// <summary>A value of an AMQP field table, or the items of an array.</summary>
/// <param name="Type">The type by RabbitMQ's name.</param>
/// <param name="Items">Only of an array.</param>
internal sealed record Field(string Type, Term Value, IReadOnlyList<Field> Items)
{
    /// <summary>JSON has lost the type on the wire; the usual one for such a value stands for it.</summary>
    public static Field Of(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => new("longstr", Term.Of(value), []),
        JsonValueKind.Number when value.TryGetInt32(out _) => new("signedint", Term.Of(value), []),
        JsonValueKind.Number when value.TryGetInt64(out _) => new("long", Term.Of(value), []),
        JsonValueKind.Number => new("double", Term.Of(value), []),
        JsonValueKind.True or JsonValueKind.False => new("bool", Term.Of(value), []),
        JsonValueKind.Array => new("array", Term.Nothing, [.. value.EnumerateArray().Select(Of)]),
        JsonValueKind.Object => new("table", Table.Of(value), []),
        _ => new("void", new Atom("undefined"), []),
    };
}
