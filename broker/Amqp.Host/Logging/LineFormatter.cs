using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Amqp.Host.Logging;

/// <summary>
/// A line an event, for people and for grep:
/// <code>2026-11-21T09:44:29.123Z warn: Amqp.Broker.Connections: missed heartbeats from client ...</code>
/// An exception follows on lines of its own.
/// </summary>
internal sealed class LineFormatter() : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "line";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        textWriter.WriteLine(LineOf(logEntry.LogLevel, logEntry.Category, logEntry.Formatter(logEntry.State, logEntry.Exception)));
        if (logEntry.Exception is not null) textWriter.WriteLine(logEntry.Exception);
    }

    /// <summary>Names that clients choose stand in messages: none of them begins a line that looks like the broker's own.</summary>
    public static string LineOf(LogLevel level, string category, string message)
    {
        var time = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture);
        return $"{time}{Level(level)}{category}: {message.Replace("\r", "\\r", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}";
    }

    private static string Level(LogLevel level) => level switch
    {
        LogLevel.Trace => " trce: ",
        LogLevel.Debug => " dbug: ",
        LogLevel.Information => " info: ",
        LogLevel.Warning => " warn: ",
        LogLevel.Error => " fail: ",
        _ => " crit: ",
    };
}
