using System.Collections.Concurrent;
using Amqp.Cluster.Etcd;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Tests.Etcd;

/// <summary>What a person would find in the broker's log.</summary>
internal sealed class LogLines : ILogger<EtcdServer>
{
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyList<string> All => [.. _lines];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue(formatter(state, exception));
}
