using Amqp.Ctl.Output;

namespace Amqp.Ctl;

/// <summary>What a shell can put in the place of a word that is being typed: commands, their options and columns.</summary>
internal static class Completion
{
    /// <summary>The first word of a line by which shells ask for it; behind it comes what is typed so far, the program's name included.</summary>
    public const string Asked = "--auto-complete";

    // Under these names the program is started.
    private const string Names = "amqpctl rabbitmqctl rabbitmq-diagnostics rabbitmq-queues rabbitmq-plugins rabbitmq-upgrade";

    /// <summary>What makes a shell ask; by its name.</summary>
    public static readonly IReadOnlyDictionary<string, string> Scripts = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["bash"] =
            $$"""
            _amqpctl() {
                local IFS=$'\n'
                COMPREPLY=($("${COMP_WORDS[0]}" {{Asked}} "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null))
            }
            complete -o default -F _amqpctl {{Names}}
            """,
        ["zsh"] =
            $$"""
            _amqpctl() {
                local -a found
                found=("${(@f)$("${words[1]}" {{Asked}} "${(@)words[1,CURRENT]}" 2>/dev/null)}")
                compadd -a found
            }
            compdef _amqpctl {{Names}}
            """,
    };

    /// <summary>In order.</summary>
    /// <param name="words">Behind the program's name; the last one is being typed, and may be empty.</param>
    public static IEnumerable<string> Of(IReadOnlyList<string> words)
    {
        if (words.Count == 0) return [];
        var (typed, before) = (words[^1], words.Take(words.Count - 1).ToArray());
        return All(typed, before).Where(word => word.StartsWith(typed, StringComparison.Ordinal)).Order(StringComparer.Ordinal);
    }

    private static IEnumerable<string> All(string typed, string[] before)
    {
        if (before.LastOrDefault() == GlobalOptions.Formatter.Name) return Formatter.All.Keys;
        var command = before.Select(Program.CommandOf).FirstOrDefault(command => command is not null);
        if (typed.StartsWith('-')) return (command?.Options ?? []).Concat(GlobalOptions.All).Select(option => option.Name);
        return command?.Columns ?? Program.Groups.SelectMany(group => group.Commands).Select(each => each.Name);
    }
}
