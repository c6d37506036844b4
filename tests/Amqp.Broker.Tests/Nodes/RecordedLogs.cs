using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Tests.Nodes;

/// <summary>Everything a node logs, and what of it an operator would have to look into.</summary>
internal sealed class RecordedLogs : ILoggerFactory
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _lines = new();

    public IEnumerable<string> Lines => _lines.Select(line => $"{line.Level}: {line.Text}");

    /// <summary>Lines above Information.</summary>
    public IEnumerable<string> Complaints => _lines.Where(line => line.Level > LogLevel.Information).Select(line => $"{line.Level}: {line.Text}");

    public ILogger CreateLogger(string categoryName) => new Logger(this);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    private sealed class Logger(RecordedLogs logs) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            logs._lines.Enqueue((logLevel, exception is null ? formatter(state, exception) : $"{formatter(state, exception)} {exception}"));
    }
}
