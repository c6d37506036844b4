namespace Amqp.Ctl.Output;

/// <summary>One of the forms of <c>--formatter</c>: lines out of results.</summary>
internal abstract class Formatter
{
    /// <summary>By the name on the command line. Without one, a table.</summary>
    public static readonly IReadOnlyDictionary<string, Formatter> All = new Dictionary<string, Formatter>
    {
        ["table"] = new TableFormatter(),
        ["pretty_table"] = new PrettyTableFormatter(),
        ["csv"] = new CsvFormatter(),
        ["json"] = new JsonFormatter(),
        ["erlang"] = new ErlangFormatter(),
    };

    /// <summary>Programs read it: no line that is not part of the result.</summary>
    public virtual bool IsForPrograms => false;

    /// <param name="node">The node that did it, which JSON names.</param>
    /// <param name="withHeader">Whether a table has its line of column names.</param>
    public IEnumerable<string> Lines(Result result, string node, bool withHeader) => result switch
    {
        Result.Rows rows => rows.Items.Count > 0 ? Rows(rows.Items, withHeader) : NoRows(rows.IsStream),
        Result.Message message => [Message(message.Text)],
        Result.Value value => [Value(value.Text, node)],
        Result.Document document => [Document(document)],
        _ => Done(node),
    };

    protected abstract IEnumerable<string> Rows(IReadOnlyList<Row> rows, bool withHeader);

    protected virtual IEnumerable<string> NoRows(bool isStream) => isStream ? [] : [""];

    protected virtual string Message(string text) => text;

    protected virtual string Value(string text, string node) => Message(text);

    protected virtual string Document(Result.Document document) => document.Text;

    protected virtual IEnumerable<string> Done(string node) => [];
}
