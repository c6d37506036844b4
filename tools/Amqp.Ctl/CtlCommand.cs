using System.CommandLine;
using Amqp.Ctl.Output;

namespace Amqp.Ctl;

/// <summary>What has to be there before a command can run.</summary>
internal enum Needs
{
    Nothing,

    /// <summary>A broker that answers on its control socket.</summary>
    Node,

    /// <summary>One that serves clients: <c>stop_app</c> was not called.</summary>
    App,

    /// <summary>One that does not: <c>stop_app</c> was called.</summary>
    StoppedApp,
}

/// <summary>A heading of the help and the commands under it.</summary>
internal sealed record CommandGroup(string Heading, IReadOnlyList<CtlCommand> Commands);

/// <summary>
/// A command of rabbitmqctl: its words, what it accepts, and what it does. How it is parsed, refused, timed and printed is the
/// same for all of them (<see cref="Runner"/>).
/// </summary>
/// <param name="Usage">Name and arguments as the usage shows them.</param>
internal sealed record CtlCommand(string Name, string Usage, string Description)
{
    public int ArgumentsMin { get; init; }

    public int ArgumentsMax { get; init; }

    /// <summary>How many arguments there are, if it is always that many.</summary>
    public int Arguments
    {
        init => (ArgumentsMin, ArgumentsMax) = (value, value);
    }

    /// <summary>Options beside those that every command has.</summary>
    public IReadOnlyList<Option> Options { get; init; } = [];

    /// <summary>The names that arguments may have, for the help and against typing errors.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];

    /// <summary>From which argument on they are secrets, which no error repeats.</summary>
    public int SecretsFrom { get; init; } = int.MaxValue;

    /// <summary>Throws <see cref="BadArguments"/>. Their number was checked before.</summary>
    public Action<Invocation> Validate { get; init; } = _ => { };

    public Func<Invocation, Needs> Needs { get; init; } = _ => Ctl.Needs.App;

    /// <summary>How long it takes at most when nothing is said. None: as long as it takes.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Whether the usage mentions the timeout.</summary>
    public bool ShowsTimeout { get; init; }

    /// <summary>Whether RabbitMQ names a time that was too short in seconds, and not in milliseconds.</summary>
    public bool CountsSeconds { get; init; }

    /// <summary>Added to the words about a time that was too short.</summary>
    public string TimeoutHint { get; init; } = "";

    /// <summary>The lines for people ahead of the result.</summary>
    public Func<Invocation, string?> Banner { get; init; } = _ => null;

    public required Func<Invocation, Task<Result>> Run { get; init; }
}
