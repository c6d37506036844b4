using System.Text.Json;

namespace Amqp.Ctl.Output;

/// <summary>One term, which Erlang can read again. The lines are broken after rows, where Erlang counts to eighty.</summary>
internal sealed class ErlangFormatter : Formatter
{
    protected override IEnumerable<string> Rows(IReadOnlyList<Row> rows, bool withHeader) =>
        [$"[{string.Join(",\n ", rows.Select(row => Erlang.Of(new Pairs(row.Cells))))}]"];

    protected override IEnumerable<string> NoRows(bool isStream) => ["[]"];

    protected override string Message(string text) => Erlang.Of(new Text(text));

    protected override string Document(Result.Document document)
    {
        using var json = JsonDocument.Parse(document.Json.ToJsonString());
        return Erlang.Of(Term.Of(json.RootElement));
    }
}
