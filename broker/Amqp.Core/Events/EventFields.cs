using System.Text.Json;
using AMQP.Net;
using Amqp.Core.Errors;

namespace Amqp.Core.Events;

/// <summary>
/// The headers of an event, in the types that RabbitMQ's event exchange gives them: texts, booleans, 64-bit integers; arguments as texts, one for each,
/// as Erlang writes them; what a policy sets as a table.
/// </summary>
public sealed class EventFields
{
    private readonly List<(string Name, FieldValue Value)> _fields = [];

    public FieldTable Table => FieldTable.From([.. _fields]);

    public EventFields Add(string name, string? text) => Add(name, FieldValue.From(text ?? ""));

    public EventFields Add(string name, bool flag) => Add(name, FieldValue.From(flag));

    public EventFields Add(string name, long number) => Add(name, FieldValue.From(number));

    /// <summary>Arguments, or a client's properties.</summary>
    public EventFields Add(string name, FieldTable table) => Add(name, FieldValue.From([.. table.Select(ErlangTerm.Field).Select(FieldValue.From)]));

    public EventFields Add(string name, IEnumerable<string> words) => Add(name, FieldValue.From([.. words.Select(FieldValue.From)]));

    public EventFields Add(string name, IEnumerable<KeyValuePair<string, JsonElement>> members) => Add(name, TableOf(members));

    public EventFields Add(string name, JsonElement json) => Add(name, Value(json));

    private EventFields Add(string name, FieldValue value)
    {
        _fields.Add((name, value));
        return this;
    }

    private static FieldValue TableOf(IEnumerable<KeyValuePair<string, JsonElement>> members) =>
        FieldValue.From(FieldTable.From(members.Select(member => KeyValuePair.Create(member.Key, Value(member.Value)))));

    private static FieldValue Value(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => FieldValue.From(json.GetString()!),
        JsonValueKind.Number => json.TryGetInt64(out var integer) ? FieldValue.From(integer) : FieldValue.From(json.GetDouble()),
        JsonValueKind.True or JsonValueKind.False => FieldValue.From(json.GetBoolean()),
        JsonValueKind.Array => FieldValue.From([.. json.EnumerateArray().Select(Value)]),
        JsonValueKind.Object => TableOf(json.EnumerateObject().Select(member => KeyValuePair.Create(member.Name, member.Value))),
        _ => FieldValue.From("undefined"),
    };
}
