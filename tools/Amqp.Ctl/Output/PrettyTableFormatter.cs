using Spectre.Console;
using SpectreTable = Spectre.Console.Table;

namespace Amqp.Ctl.Output;

/// <summary>A table with lines around its cells, for eyes.</summary>
internal sealed class PrettyTableFormatter : Formatter
{
    /// <summary>Wide enough for any row when no terminal says how wide it is.</summary>
    private const int UnlimitedWidth = 100_000;

    protected override IEnumerable<string> Rows(IReadOnlyList<Row> rows, bool withHeader)
    {
        var table = new SpectreTable { ShowHeaders = withHeader };
        foreach (var (column, _) in rows[0].Cells) table.AddColumn(new TableColumn(new Spectre.Console.Text(column, new Style(decoration: Decoration.Bold))));
        foreach (var row in rows) table.AddRow(row.Cells.Select(cell => new Spectre.Console.Text(TableFormatter.Cell(cell.Value))));
        return [Drawn(table)];
    }

    protected override IEnumerable<string> NoRows(bool isStream) => [];

    protected override string Message(string text) => Drawn(new SpectreTable().AddColumn("Output").AddRow(new Spectre.Console.Text(text)));

    protected override string Document(Result.Document document) => document.Text;

    private static string Drawn(SpectreTable table)
    {
        using var lines = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(lines),
            Ansi = Console.IsOutputRedirected ? AnsiSupport.No : AnsiSupport.Detect,
        });
        console.Profile.Width = Console.IsOutputRedirected ? UnlimitedWidth : AnsiConsole.Profile.Width;
        console.Write(table);
        return lines.ToString().TrimEnd('\n');
    }
}
