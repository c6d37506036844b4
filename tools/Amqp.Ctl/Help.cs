using System.CommandLine;
using System.Text;

namespace Amqp.Ctl;

/// <summary>The texts of <c>help</c>, laid out as rabbitmqctl's.</summary>
internal static class Help
{
    /// <summary>Two names that are at least so alike (Jaro) are taken for one with a typing error: RabbitMQ's measure.</summary>
    private const double AlikeMin = 0.77;

    public static string Bold(string text) => Console.IsOutputRedirected || Console.IsErrorRedirected ? text : $"\e[1m{text}\e[0m";

    /// <summary>How a command is used.</summary>
    public static string Usage(CtlCommand command) =>
        $"\n{Bold("Usage")}\n\n{Program.Name} [--node <node>] [--longnames] [--quiet] {command.Usage}{(command.ShowsTimeout ? " [--timeout <timeout>]" : "")}";

    /// <summary>All that there is to say of a command.</summary>
    public static string Of(CtlCommand command)
    {
        var text = new StringBuilder(Usage(command)).Append($"\n\n{command.Description}.\n");
        var details = command.Columns.Count > 0 ? [("<column>", $"must be one of {string.Join(", ", command.Columns.Order(StringComparer.Ordinal))}")] : Array.Empty<(string, string)>();
        if (details.Length + command.Options.Count > 0) text.Append($"\n{Bold("Arguments and Options")}\n");
        foreach (var (name, meaning) in details.Concat(command.Options.Select(option => (Names(option), option.Description ?? "")))) text.Append($"\n{name}\n\t{meaning}\n");
        text.Append($"\n{Bold("General Options")}\n\nThe following options are accepted by all commands, before or behind their name.\n\n");
        foreach (var option in GlobalOptions.All) text.Append($"{Names(option),-22} | {option.Description}\n");
        return text.ToString();
    }

    /// <summary>All commands, with a line each.</summary>
    public static string OfAll()
    {
        var text = new StringBuilder($"\n{Bold("Usage")}\n\n{Program.Name} [--node <node>] [--timeout <timeout>] [--longnames] [--quiet] <command> [<command options>]\n\nAvailable commands:\n");
        var width = Program.Groups.SelectMany(group => group.Commands).Max(command => command.Name.Length);
        foreach (var group in Program.Groups)
        {
            text.Append($"\n{Bold(group.Heading)}:\n\n");
            foreach (var command in group.Commands.OrderBy(command => command.Name, StringComparer.Ordinal))
                text.Append($"   {command.Name.PadRight(width)}  {command.Description}\n");
        }
        text.Append($"\n{Bold("Data directories")}:\n\n   {"store".PadRight(width)}  {Commands.StoreCommands.Description} (see '{Program.Name} store --help')\n");
        return text.Append($"\nUse '{Program.Name} help <command>' to learn more about a specific command").ToString();
    }

    /// <summary>What to say to a name that is no command.</summary>
    public static string Unknown(string name)
    {
        var nearest = Program.Groups.SelectMany(group => group.Commands).MaxBy(command => Likeness(command.Name, name))!;
        return Likeness(nearest.Name, name) >= AlikeMin
            ? $"\nCommand '{name}' not found. \nDid you mean '{nearest.Name}'? \n"
            : $"\nCommand '{name}' not found. \n{OfAll()}";
    }

    private static string Names(Option option) => string.Join(", ", option.Aliases.Append(option.Name).OrderBy(name => name.Length));

    /// <summary>The Jaro similarity: 1 for equal texts, 0 for such that share nothing.</summary>
    private static double Likeness(string one, string other)
    {
        var reach = Math.Max(0, (Math.Max(one.Length, other.Length) / 2) - 1);
        var taken = new bool[other.Length];
        var matches = new List<char>();
        for (var index = 0; index < one.Length; index++)
        {
            var end = Math.Min(other.Length, index + reach + 1);
            for (var place = Math.Max(0, index - reach); place < end; place++)
            {
                if (taken[place] || other[place] != one[index]) continue;
                taken[place] = true;
                matches.Add(one[index]);
                break;
            }
        }
        if (matches.Count == 0) return 0;
        var swapped = other.Where((_, place) => taken[place]).Zip(matches).Count(pair => pair.First != pair.Second) / 2;
        double count = matches.Count;
        return ((count / one.Length) + (count / other.Length) + ((count - swapped) / count)) / 3;
    }
}
