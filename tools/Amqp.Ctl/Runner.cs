using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Amqp.Ctl.Control;
using Amqp.Ctl.Output;

namespace Amqp.Ctl;

/// <summary>Runs a command in rabbitmqctl's order: arguments checked, broker looked at, banner, work, result; and words its failures.</summary>
internal static partial class Runner
{
    /// <param name="line">The command line as it was given, for the words about what is wrong with it.</param>
    public static async Task<int> Run(CtlCommand command, ParseResult parsed, IReadOnlyList<string> line, IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        if (parsed.GetValue(GlobalOptions.Help))
        {
            Console.WriteLine(Help.Of(command));
            return ExitCode.Ok;
        }
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var invocation = new Invocation(command, parsed, arguments, limit.Token) { Interrupt = cancel };
        try
        {
            Check(command, parsed, line, arguments);
            command.Validate(invocation);
            if (invocation.Timeout is { } time) limit.CancelAfter(time);
            await Prepare(command, invocation);
            if (!invocation.IsQuiet && !invocation.Formatter.IsForPrograms && command.Banner(invocation) is { } banner) Console.WriteLine(banner);
            Print(await command.Run(invocation), invocation);
            foreach (var (node, reason) in invocation.MissingNodes) await Console.Error.WriteLineAsync($"Warning: what is on node {node} is not included: {reason}");
            return ExitCode.Ok;
        }
        catch (BadArguments wrong)
        {
            return Fail(wrong.Code, $"Error (argument validation): {Given(command, line, arguments, wrong.Message)}");
        }
        catch (WrongAppException wrong)
        {
            return Fail(ExitCode.Usage, $"Error: {Given(command, line, arguments, wrong.Message)}");
        }
        catch (Failure failure)
        {
            if (failure.Document is { } document && invocation.Formatter is JsonFormatter) return Fail(failure.Code, JsonFormatter.Text(document));
            return failure.Json is { } json && invocation.Formatter is JsonFormatter
                ? Fail(ExitCode.Unavailable, JsonFormatter.Failure(json, invocation.Node))
                : Fail(failure.Code, failure.Message);
        }
        catch (UnreachableException e)
        {
            var failure = Failure.Unavailable(invocation.Node, $"{e.Message}.");
            return Fail(failure.Code, failure.Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return Fail(ExitCode.Timeout, $"Error: operation {command.Name} on {(invocation.Node.Length > 0 ? $"node {invocation.Node}" : Failure.Nameless)} timed out. Timeout value used: {invocation.TimeoutText}{command.TimeoutHint}");
        }
    }

    /// <summary>Stands for a password.</summary>
    private const string Hidden = "***";

    private static string AppIsRunning => $"this command requires the 'rabbit' app to be stopped on the target node. Stop it with '{Program.Name} stop_app'.";

    private static string AppIsStopped => $"this command requires the 'rabbit' app to be running on the target node. Start it with '{Program.Name} start_app'.";

    /// <summary>Words what the parser of the command line could not take.</summary>
    public static string BadOption(ParseError error) =>
        error.SymbolResult is OptionResult { IdentifierToken: { } option } result ? $"{option.Value} : {string.Join(' ', result.Tokens.Select(token => token.Value))}" : error.Message;

    private static int Fail(int code, string message)
    {
        if (message.Length > 0) Console.Error.WriteLine(message);
        return code;
    }

    private static void Check(CtlCommand command, ParseResult parsed, IReadOnlyList<string> line, IReadOnlyList<string> arguments)
    {
        // What stands behind a lone -- is an argument, whatever it looks like.
        var separator = line.ToList().IndexOf("--");
        var wrong = parsed.Errors.Select(BadOption).ToList();
        foreach (var (index, argument) in arguments.Take(separator < 0 ? arguments.Count : arguments.Count - (line.Count - separator - 1)).Index())
            if (LikeOption().IsMatch(argument)) wrong.Add(index < command.SecretsFrom ? $"{argument} : " : $"{Hidden} : a password that begins with - stands behind --");
        if (wrong.Count > 0) throw BadArguments.Usage($"Invalid options for this command:\n{string.Join('\n', wrong.Distinct())}");

        if (arguments.Count < command.ArgumentsMin) throw BadArguments.NotEnough();
        if (arguments.Count > command.ArgumentsMax) throw BadArguments.TooMany();
        if (parsed.GetValue(GlobalOptions.Node) is { } node && !NodeName().IsMatch(node))
            throw new Failure(ExitCode.Data, "Unsupported node name: node name head (the part before the @) is invalid. Only alphanumerics, _ and - characters are allowed.\nIf using FQDN node names, use the -l / --longnames argument");
    }

    private static async Task Prepare(CtlCommand command, Invocation invocation)
    {
        var needs = command.Needs(invocation);
        if (needs == Needs.Nothing) return;
        var node = await invocation.Connect();
        var isRunning = node.GetProperty("running").GetBoolean();
        if (needs == Needs.App && !isRunning) throw new WrongAppException(AppIsStopped);
        if (needs == Needs.StoppedApp && isRunning) throw new WrongAppException(AppIsRunning);
    }

    private static void Print(Result result, Invocation invocation)
    {
        var withHeader = invocation.WithHeader(result is not Result.Rows { HasHeader: false });
        foreach (var line in invocation.Formatter.Lines(result, invocation.Node, withHeader)) Console.WriteLine(line);
    }

    /// <summary>Repeats what was given, without its secrets, and says what should have been.</summary>
    private static string Given(CtlCommand command, IReadOnlyList<string> line, IReadOnlyList<string> arguments, string reason)
    {
        var secrets = arguments.Skip(command.SecretsFrom).ToHashSet();
        return $"{reason}\nArguments given:\n\t{string.Join(' ', line.Select(word => secrets.Contains(word) ? Hidden : word))}\n{Help.Usage(command)}";
    }

    [GeneratedRegex(@"^-[^-0-9.]|^--.", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LikeOption();

    [GeneratedRegex(@"^[A-Za-z0-9_-]+(@.*)?\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NodeName();

    /// <summary>The broker is there and was told to serve no client, or was not.</summary>
    private sealed class WrongAppException(string message) : Exception(message);
}
