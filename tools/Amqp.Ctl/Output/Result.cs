using System.Text.Json.Nodes;

namespace Amqp.Ctl.Output;

/// <summary>What a command has to say when it has done its work.</summary>
internal abstract record Result
{
    /// <summary>It is done; only JSON has a word for that.</summary>
    public static readonly Result Done = new DoneResult();

    public sealed record DoneResult : Result;

    /// <summary>There is nothing to say.</summary>
    public static readonly Result Nothing = new Rows([], IsStream: true);

    /// <summary>One sentence.</summary>
    public sealed record Message(string Text) : Result;

    /// <summary>One text that is a value.</summary>
    public sealed record Value(string Text) : Result;

    /// <summary>A table.</summary>
    /// <param name="IsStream">
    /// RabbitMQ sends long lists row by row and short ones whole. It shows when there are none: nothing, or an empty line.
    /// </param>
    /// <param name="HasHeader">False: a header has to be asked for.</param>
    public sealed record Rows(IReadOnlyList<Row> Items, bool IsStream = true, bool HasHeader = true) : Result;

    /// <summary>A text for people, and for programs the same as JSON.</summary>
    public sealed record Document(string Text, JsonNode Json) : Result;
}

/// <summary>One row of a table: its columns in order, with their values.</summary>
internal sealed record Row(IReadOnlyList<(string Column, Term Value)> Cells);
