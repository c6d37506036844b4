using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Amqp.Storage.Tests;

/// <summary>Keeps what was logged, for tests that expect it.</summary>
internal sealed class RecordingLogger<T> : ILogger<T>
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _entries = new();

    /// <summary>In the order of logging.</summary>
    public IEnumerable<(LogLevel Level, string Text)> Entries => _entries;

    public IEnumerable<string> Of(LogLevel level) => _entries.Where(entry => entry.Level == level).Select(entry => entry.Text);

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _entries.Enqueue((logLevel, formatter(state, exception)));

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;
}
