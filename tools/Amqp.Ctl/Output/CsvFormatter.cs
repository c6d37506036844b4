namespace Amqp.Ctl.Output;

/// <summary>Comma-separated values, all of them quoted, as rabbitmqctl does. There is no way to leave out the header.</summary>
internal sealed class CsvFormatter : Formatter
{
    public override bool IsForPrograms => true;

    protected override IEnumerable<string> Rows(IReadOnlyList<Row> rows, bool withHeader)
    {
        yield return Line(rows[0].Cells.Select(cell => cell.Column));
        foreach (var row in rows) yield return Line(row.Cells.Select(cell => TableFormatter.Cell(cell.Value)));
    }

    protected override IEnumerable<string> NoRows(bool isStream) => [];

    protected override string Message(string text) => Line([text]);

    private static string Line(IEnumerable<string> values) =>
        string.Join(',', values.Select(value => $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\""));
}
