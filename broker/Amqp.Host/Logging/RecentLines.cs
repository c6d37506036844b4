using System.Collections.Concurrent;
using Amqp.Management;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Logging;

/// <summary>The last lines of the log, for operators who ask for them (<c>log_tail</c>); those that the log itself has, whatever its form.</summary>
internal sealed class RecentLines : ILoggerProvider
{
    /// <summary>Lines that are kept.</summary>
    public const int LinesMax = 1_000;

    /// <summary>Characters of one: names that clients choose stand in them.</summary>
    private const int LineMax = 4_096;

    private readonly ConcurrentQueue<(long Number, string Text)> _lines = new();
    private long _last;

    /// <summary>The last ones behind a line, the oldest first.</summary>
    /// <param name="number">Of that line; 0: from the first one that is kept.</param>
    public LogPart After(long number, int count)
    {
        var lines = _lines.ToArray().Where(line => line.Number > number).OrderBy(line => line.Number).ToArray();
        // One that has its number and is not here yet comes first, the next time.
        var whole = lines.TakeWhile((line, index) => line.Number == lines[0].Number + index).ToArray();
        return new LogPart([.. whole.TakeLast(count).Select(line => line.Text)], whole.Length > 0 ? whole[^1].Number : number);
    }

    public ILogger CreateLogger(string categoryName) => new Keeper(this, categoryName);

    public void Dispose()
    {
    }

    private void Keep(string line)
    {
        _lines.Enqueue((Interlocked.Increment(ref _last), line.Length <= LineMax ? line : line[..LineMax] + "..."));
        while (_lines.Count > LinesMax) _lines.TryDequeue(out _);
    }

    private sealed class Keeper(RecentLines lines, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lines.Keep(LineFormatter.LineOf(logLevel, category, formatter(state, exception)));
            if (exception is not null) lines.Keep(exception.ToString());
        }
    }
}
