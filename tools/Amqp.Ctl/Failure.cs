using System.Text.Json.Nodes;

namespace Amqp.Ctl;

/// <summary>Ends a command with an exit code; the message is what the error stream gets, all of it.</summary>
internal sealed class Failure(int code, string message) : Exception(message)
{
    /// <summary>A node that has not said its name yet.</summary>
    public const string Nameless = "the broker's node";

    public int Code { get; } = code;

    /// <summary>What <c>--formatter json</c> says instead, with code 69, for the failures that RabbitMQ has in JSON.</summary>
    public string? Json { get; private init; }

    /// <summary>The same as a whole.</summary>
    public JsonObject? Document { get; private init; }

    /// <summary>With the heading that rabbitmqctl gives most of its errors.</summary>
    public static Failure Error(int code, string reason, string? json = null) => new(code, $"Error:\n{reason}") { Json = json };

    /// <summary>A check that has failed: told as it is, without a heading.</summary>
    /// <param name="json">What <c>--formatter json</c> says instead, all of it.</param>
    public static Failure Check(string message, JsonObject json) => new(ExitCode.Unavailable, message) { Document = json };

    /// <summary>An error that RabbitMQ prints as a term, <c>{:no_such_user, "nobody"}</c>.</summary>
    public static Failure Term(string atom, string name) =>
        Error(ExitCode.Unavailable, $"{{:{atom}, \"{name.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"}}");

    /// <summary>There is no node to talk to, or another one than was meant.</summary>
    public static Failure Unavailable(string node, string why) => new(
        ExitCode.Unavailable,
        $"Error: unable to perform an operation on {(node.Length > 0 ? $"node '{node}'" : Nameless)}. Please see diagnostics information and suggestions below.\n\nDIAGNOSTICS\n===========\n\n{why}");

    public static Failure NoSuchVirtualHost(string name) => new(ExitCode.Data, $"Virtual host '{name}' does not exist");
}

/// <summary>The command line is wrong: told with the arguments that were given, and with the usage.</summary>
/// <param name="code">64, or 65 for an argument that is there and says nothing sensible.</param>
internal sealed class BadArguments(int code, string reason) : Exception(reason)
{
    public int Code { get; } = code;

    public static BadArguments Usage(string reason) => new(ExitCode.Usage, reason);

    public static BadArguments NotEnough() => Usage("not enough arguments.");

    public static BadArguments TooMany() => Usage("too many arguments.");

    public static BadArguments Argument(string? detail = null) => new(ExitCode.Data, detail is null ? "Bad argument." : $"Bad argument: {detail}");
}
