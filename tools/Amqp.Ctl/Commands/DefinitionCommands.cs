using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Ctl.Control;
using Amqp.Ctl.Output;

namespace Amqp.Ctl.Commands;

/// <summary>All that is declared, to and from a file.</summary>
internal static class DefinitionCommands
{
    private const string Standard = "-";

    private static readonly Option<string> Format = new("--format") { Description = "json", DefaultValueFactory = _ => "json" };

    public static CommandGroup Group { get; } = new("Definitions",
    [
        new("export_definitions", "export_definitions <file_path | \"-\"> [--format <json>]", "Exports definitions in JSON.")
        {
            Arguments = 1,
            Options = [Format],
            Validate = invocation =>
            {
                CheckFormat(invocation);
                if (invocation[0] != Standard && Path.GetDirectoryName(Path.GetFullPath(invocation[0])) is { } directory && !Directory.Exists(directory))
                    throw BadArguments.Argument($"Directory {directory} does not exist");
            },
            Banner = invocation => invocation[0] == Standard ? null : $"Exporting definitions in JSON to a file at \"{invocation[0]}\" ...",
            Run = Export,
        },
        new("import_definitions", "import_definitions [<file_path | \"-\">] [--format <json>]", "Imports definitions in JSON.")
        {
            ArgumentsMax = 1,
            Options = [Format],
            Validate = invocation =>
            {
                CheckFormat(invocation);
                if (IsOfFile(invocation) && !File.Exists(invocation[0])) throw BadArguments.Argument($"File {invocation[0]} does not exist");
            },
            Banner = invocation => IsOfFile(invocation) ? $"Importing definitions in JSON from a file at \"{invocation[0]}\" ..." : "Importing definitions in JSON from standard input ...",
            Run = Import,
        },
    ]);

    private static void CheckFormat(Invocation invocation)
    {
        if (!string.Equals(invocation.Get(Format), "json", StringComparison.OrdinalIgnoreCase)) throw BadArguments.Argument("Format should be json: Erlang's term format is not read or written here");
    }

    private static bool IsOfFile(Invocation invocation) => invocation.Arguments is [var file] && file != Standard;

    private static async Task<Result> Export(Invocation invocation)
    {
        var definitions = (await invocation.Client.Get(ControlClient.Path("definitions"), invocation.Cancel)).Good().GetRawText();
        if (invocation[0] == Standard) return new Result.Value(definitions);
        try
        {
            await File.WriteAllTextAsync(invocation[0], definitions, invocation.Cancel);
            return Result.Done;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failure.Error(ExitCode.Data, $"Could not write to file {invocation[0]}: {exception.Message}");
        }
    }

    private static async Task<Result> Import(Invocation invocation)
    {
        var text = await Read(invocation);
        if (text.Length == 0) throw IsOfFile(invocation) ? Failure.Error(ExitCode.Data, $"File {invocation[0]} is zero-sized") : BadArguments.NotEnough();
        JsonNode definitions;
        try
        {
            definitions = JsonNode.Parse(text) ?? new JsonObject();
        }
        catch (JsonException exception)
        {
            throw Failure.Error(ExitCode.Data, $"Failed to deserialise input (format: JSON) (error: {exception.Message})");
        }
        (await invocation.Client.Post(ControlClient.Path("definitions"), definitions, invocation.Cancel)).Good();
        return invocation.IsQuiet ? Result.Done : new Result.Message("All definitions have been imported.");
    }

    private static async Task<string> Read(Invocation invocation)
    {
        if (!IsOfFile(invocation)) return await Console.In.ReadToEndAsync(invocation.Cancel);
        try
        {
            return await File.ReadAllTextAsync(invocation[0], invocation.Cancel);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failure.Error(ExitCode.Data, $"Could not read from file {invocation[0]}: {exception.Message}");
        }
    }
}
