using System.CommandLine;
using Amqp.Ctl.Commands;

namespace Amqp.Ctl;

internal static class Program
{
    private const string Arguments = "arguments";

    /// <summary>What the program was started as; as rabbitmqctl it calls itself so. Started by dotnet, it is amqpctl.</summary>
    public static readonly string Name = Path.GetFileNameWithoutExtension(Environment.ProcessPath) is { } name and not "dotnet" and not "testhost" ? name : "amqpctl";

    public static IReadOnlyList<CommandGroup> Groups { get; } =
    [
        HelpCommands.Group,
        NodeCommands.Group,
        UserCommands.Group,
        PermissionCommands.Group,
        LimitCommands.Group,
        PolicyCommands.Group,
        ParameterCommands.Group,
        DefinitionCommands.Group,
        ListCommands.Group,
        ProbeCommands.Group,
        DiagnosticsCommands.Group,
        VirtualHostCommands.Group,
        AlarmCommands.Group,
        ConnectionCommands.Group,
        QueueCommands.Group,
        ClusterCommands.Group,
        FeatureFlagCommands.Group,
        ReplicationCommands.Group,
        QuorumCommands.Group,
        MaintenanceCommands.Group,
        .. Name == PluginCommands.ProgramName ? [PluginCommands.Group] : Array.Empty<CommandGroup>(),
    ];

    /// <returns>Null: there is none of that name.</returns>
    public static CtlCommand? CommandOf(string name) => Groups.SelectMany(group => group.Commands).FirstOrDefault(command => command.Name == name);

    public static async Task<int> Main(string[] args)
    {
        if (args is [Completion.Asked, _, .. var words]) return await Complete(words);
        var root = new RootCommand("Operates an AMQP broker.");
        root.Options.Clear(); // System.CommandLine's help would take /h, which may be a virtual host
        foreach (var option in GlobalOptions.All) root.Options.Add(option);
        var all = Groups.SelectMany(group => group.Commands).ToDictionary(command => (Command)Parseable(command, args));
        foreach (var command in all.Keys.Append(StoreCommands.Store())) root.Subcommands.Add(command);

        // A password may begin with @ or -s: no argument is the name of a file with more of them, or several options in one.
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        if (parsed.CommandResult.Command == root) return await WithoutCommand(args, parsed);
        if (parsed.Errors.Count > 0) return all.TryGetValue(parsed.CommandResult.Command, out var wrong) ? await Run(wrong, parsed, args, CancellationToken.None) : Refuse(parsed);
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Interrupted;
        }
        catch (Exception e)
        {
            Fail($"unexpected: {e}");
            return ExitCode.Software;
        }
    }

    public static void Fail(string message) => Console.Error.WriteLine($"Error: {message}");

    private static async Task<int> Complete(string[] words)
    {
        foreach (var word in Completion.Of(words)) await Console.Out.WriteLineAsync(word);
        return ExitCode.Ok;
    }

    /// <summary>Takes all words as arguments, so that our own checks and words, which are RabbitMQ's, come to them.</summary>
    private static Command Parseable(CtlCommand command, string[] line)
    {
        var parseable = new Command(command.Name, command.Description) { new Argument<string[]>(Arguments) { Arity = ArgumentArity.ZeroOrMore } };
        foreach (var option in command.Options.Concat(GlobalOptions.All)) parseable.Options.Add(option);
        parseable.SetAction((parsed, cancel) => Run(command, parsed, line, cancel));
        return parseable;
    }

    private static Task<int> Run(CtlCommand command, ParseResult parsed, string[] line, CancellationToken cancel) =>
        Runner.Run(command, parsed, line, parsed.GetValue<string[]>(Arguments) ?? [], cancel);

    private static int Refuse(ParseResult parsed)
    {
        foreach (var error in parsed.Errors) Fail(error.Message);
        var path = parsed.CommandResult.Command.Parents.OfType<Command>().Append(parsed.CommandResult.Command).Where(command => command is not RootCommand);
        Console.Error.WriteLine($"See `{Name} {string.Concat(path.Select(command => $"{command.Name} "))}--help`.");
        return ExitCode.Usage;
    }

    private static async Task<int> WithoutCommand(string[] args, ParseResult parsed)
    {
        if (args is ["--version"]) return await Main(["version"]);
        if (parsed.GetValue(GlobalOptions.Help))
        {
            await Console.Out.WriteLineAsync(Help.OfAll());
            return ExitCode.Ok;
        }
        var name = parsed.UnmatchedTokens.FirstOrDefault(token => !token.StartsWith('-'));
        await Console.Error.WriteLineAsync(name is null ? Help.OfAll() : Help.Unknown(name));
        return ExitCode.Usage;
    }
}
