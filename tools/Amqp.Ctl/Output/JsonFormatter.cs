using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Amqp.Ctl.Output;

/// <summary>JSON in rabbitmqctl's shape: an array with an object a line, or one object.</summary>
internal sealed class JsonFormatter : Formatter
{
    private static readonly JsonSerializerOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public override bool IsForPrograms => true;

    /// <summary>What a command that failed has to say.</summary>
    public static string Failure(string message, string node) =>
        Text(new JsonObject { ["message"] = message, ["node"] = node, ["result"] = "error" });

    public static string Text(JsonNode json) => json.ToJsonString(Options);

    protected override IEnumerable<string> Rows(IReadOnlyList<Row> rows, bool withHeader)
    {
        yield return "[";
        foreach (var (index, row) in rows.Index()) yield return $"{(index > 0 ? "," : "")}{Text(Object(row.Cells))}";
        yield return "]";
    }

    protected override IEnumerable<string> NoRows(bool isStream) => isStream ? ["[", "]"] : ["[]"];

    protected override string Message(string text) => Text(new JsonObject { ["message"] = text });

    protected override string Value(string text, string node) => Text(new JsonObject { ["node"] = node, ["result"] = "ok", ["value"] = text });

    protected override string Document(Result.Document document) => Text(document.Json);

    protected override IEnumerable<string> Done(string node) => [Text(new JsonObject { ["node"] = node, ["result"] = "ok" })];

    private static JsonObject Object(IReadOnlyList<(string Key, Term Value)> members) =>
        new(members.Select(member => KeyValuePair.Create(member.Key, (JsonNode?)Of(member.Value))));

    private static JsonNode Of(Term value) => value switch
    {
        Text text => JsonValue.Create(text.Value),
        Atom { Value: "true" or "false" } atom => JsonValue.Create(atom.Value == "true"),
        Atom atom => JsonValue.Create(atom.Value),
        Number number => JsonNode.Parse(number.Digits)!,
        Pid pid => JsonValue.Create(pid.Value),
        Address address => new JsonArray([.. Erlang.Parts(address).Select(part => JsonValue.Create(part))]),
        Numbers numbers => new JsonArray([.. numbers.Values.Select(number => JsonValue.Create(number))]),
        Sequence list => new JsonArray([.. list.Items.Select(Of)]),
        Pairs pairs => Object(pairs.Items),
        BinaryPairs pairs => new JsonArray([.. pairs.Items.Select(pair => new JsonArray(pair.Key, Of(pair.Value)))]),
        Table table => new JsonArray([.. table.Fields.Select(field => new JsonArray(field.Key, field.Value.Type, Of(field.Value)))]),
        _ => throw new InvalidOperationException($"no JSON for {value.GetType().Name}"),
    };

    private static JsonNode Of(Field field) => field.Type == "array"
        ? new JsonArray([.. field.Items.Select(item => new JsonArray(item.Type, Of(item)))])
        : Of(field.Value);
}
