namespace Amqp.Ctl.Output;

/// <summary>A tab between columns, values in Erlang's way: rabbitmqctl's own form.</summary>
internal sealed class TableFormatter : Formatter
{
    protected override IEnumerable<string> Rows(IReadOnlyList<Row> rows, bool withHeader)
    {
        if (withHeader) yield return string.Join('\t', rows[0].Cells.Select(cell => cell.Column));
        foreach (var row in rows) yield return string.Join('\t', row.Cells.Select(cell => Cell(cell.Value)));
    }

    /// <summary>One value as it stands in a cell: texts bare, everything else nearly as in Erlang.</summary>
    public static string Cell(Term value) => value switch
    {
        Text text => text.Value,
        Atom atom => atom.Value,
        Number number => number.Digits,
        Pid pid => pid.Value,
        Address address => address.Value.ToString(),
        Sequence list => $"[{string.Join(", ", list.Items.Select(Cell))}]",
        Pairs pairs => $"[{string.Join(", ", pairs.Items.Select(pair => $"{{{Erlang.Atom(pair.Key)}, {Cell(pair.Value)}}}"))}]",
        BinaryPairs pairs => $"[{string.Join(", ", pairs.Items.Select(pair => $"{{{Erlang.Binary(pair.Key)}, {Cell(pair.Value)}}}"))}]",
        Table table => Erlang.Prettified(table),
        _ => Erlang.Of(value),
    };
}
