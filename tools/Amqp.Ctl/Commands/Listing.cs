using System.Text.Json;
using Amqp.Ctl.Output;

namespace Amqp.Ctl.Commands;

/// <summary>Tables out of the lists that the HTTP API answers with.</summary>
internal static class Listing
{
    public static Result.Rows Of(JsonElement list, IReadOnlyList<Column> columns, bool isStream = true, bool hasHeader = true) =>
        new([.. list.EnumerateArray().Select(item => Row(item, columns))], isStream, hasHeader);

    public static Row Row(JsonElement item, IReadOnlyList<Column> columns) => new([.. columns.Select(column => (column.Name, column.Of(item)))]);

    /// <summary>The names that were asked for, once each; commas separate them as well as blanks.</summary>
    public static IReadOnlyList<string> Names(Invocation invocation, IReadOnlyList<string> byDefault)
    {
        var names = invocation.Arguments.SelectMany(argument => argument.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Distinct().ToList();
        return names.Count > 0 ? names : byDefault;
    }

    /// <exception cref="BadArguments">One is not a column of this listing.</exception>
    public static void Check(Invocation invocation)
    {
        var unknown = Names(invocation, []).Except(invocation.Command.Columns).Order(StringComparer.Ordinal).ToList();
        if (unknown.Count > 0) throw BadArguments.Usage($"Info key(s) {string.Join(',', unknown)} are not supported");
    }
}
