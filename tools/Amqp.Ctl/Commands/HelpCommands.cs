using System.Reflection;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;

namespace Amqp.Ctl.Commands;

/// <summary>What can be said without a broker.</summary>
internal static class HelpCommands
{
    public static CommandGroup Group { get; } = new("Help",
    [
        new("help", "help (<command>)", "Displays usage information for a command")
        {
            ArgumentsMax = 1,
            Needs = _ => Needs.Nothing,
            Run = invocation => Task.FromResult<Result>(new Result.Message(invocation.Arguments.Count == 0 ? Help.OfAll() : OfOne(invocation[0]))),
        },
        new("version", "version", "Displays CLI tools version")
        {
            Needs = _ => Needs.Nothing,
            Run = _ => Task.FromResult<Result>(new Result.Document(Version, new JsonObject { ["version"] = Version })),
        },
        new("autocomplete", "autocomplete [prefix]", "Provides command name autocomplete variants")
        {
            ArgumentsMax = 1,
            Needs = _ => Needs.Nothing,
            Run = invocation => Task.FromResult<Result>(new Result.Message(string.Join('\n', Completion.Of([.. invocation.Arguments.DefaultIfEmpty("")])))),
        },
        new("completion", "completion <bash|zsh>", "Prints what has the shell complete commands: source <(amqpctl completion bash)")
        {
            Arguments = 1,
            Needs = _ => Needs.Nothing,
            Validate = invocation =>
            {
                if (!Completion.Scripts.ContainsKey(invocation[0])) throw BadArguments.Argument($"there is no completion for {invocation[0]}, but for {string.Join(" and ", Completion.Scripts.Keys)}");
            },
            Run = invocation => Task.FromResult<Result>(new Result.Message(Completion.Scripts[invocation[0]])),
        },
    ]);

    private static string Version => typeof(HelpCommands).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    private static string OfOne(string name) =>
        Program.Groups.SelectMany(group => group.Commands).FirstOrDefault(command => command.Name == name) is { } command
            ? Help.Of(command)
            : throw new Failure(ExitCode.Usage, Help.Unknown(name));
}
