using System.Collections.Concurrent;
using System.Collections.Immutable;
using Amqp.Broker.Observability;
using Amqp.Core;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Connections;

/// <summary>The clients of a node, from the moment that their byte streams are there until these have ended. To be shown they are asked by
/// mail, all at once.</summary>
public sealed partial class OpenConnections
{
    private readonly ConcurrentDictionary<ConnectionId, (AmqpConnection Connection, Task Served)> _connections = new();
    private readonly BrokerServices _services;
    private readonly string _node;
    private readonly Func<uint> _epoch;
    private readonly ILogger<OpenConnections> _logger;
    private long _last;
    private volatile bool _stopping;

    /// <param name="epoch">Of this start of the node.</param>
    internal OpenConnections(BrokerServices services, string node, Func<uint> epoch, ILogger<OpenConnections> logger) =>
        (_services, _node, _epoch, _logger) = (services, node, epoch, logger);

    public int Count => _connections.Count;

    /// <summary>Serves one client; completes when it is gone. Never throws.</summary>
    public async Task Serve(Transport transport)
    {
        var id = new ConnectionId(_node, _epoch(), Interlocked.Increment(ref _last));
        var connection = new AmqpConnection(id, transport, _services);
        var served = connection.Run();
        _connections[id] = (connection, served);
        if (_stopping) connection.PostClose(BrokerError.ForcedClosure("shutdown"));
        await served;
        _connections.TryRemove(id, out _);
    }

    /// <summary>Every one with its channels and consumers, in the order in which they came.</summary>
    public async Task<ImmutableArray<ConnectionInfo>> List()
    {
        // An array first: sorted as it is, a dictionary that shrinks meanwhile yields entries that are none.
        var asked = _connections.ToArray().OrderBy(entry => entry.Key.Number).Select(entry => Describe(entry.Value.Connection, entry.Value.Served)).ToArray();
        return [.. (await Task.WhenAll(asked)).OfType<ConnectionInfo>()];
    }

    /// <summary>The client of a connection.</summary>
    /// <returns>Null: there is no such connection on this node.</returns>
    public Transport? Find(ConnectionId id) => _connections.TryGetValue(id, out var open) ? open.Connection.Transport : null;

    /// <summary>Closes some with 320.</summary>
    /// <param name="reason">What their clients are told; empty for RabbitMQ's words.</param>
    public void Close(IReadOnlySet<ConnectionId> ids, string reason) =>
        Close(connection => ids.Contains(connection.Id), BrokerError.ClosedByOperator(reason));

    /// <summary>Closes all with 320, and waits until their clients have answered or <see cref="Limits.CloseMs"/> is over.
    /// From then on, new ones are closed at once.</summary>
    public async Task CloseAll()
    {
        _stopping = true;
        var open = _connections.Values.ToArray();
        if (open.Length > 0) LogClosing(_logger, open.Length);
        foreach (var (connection, _) in open) connection.PostClose(BrokerError.ForcedClosure("shutdown"));
        foreach (var (_, served) in open) await served;
    }

    /// <summary>After <see cref="CloseAll"/>: clients are served again.</summary>
    public void Reopen() => _stopping = false;

    /// <returns>How many.</returns>
    internal int Close(Func<AmqpConnection, bool> which, BrokerError reason)
    {
        var count = 0;
        foreach (var (connection, _) in _connections.Values)
        {
            if (!which(connection)) continue;
            connection.PostClose(reason);
            count++;
        }
        return count;
    }

    /// <returns>Null: it ended meanwhile.</returns>
    private static async Task<ConnectionInfo?> Describe(AmqpConnection connection, Task served)
    {
        var told = new TaskCompletionSource<ConnectionInfo>(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.PostDescribe(info => told.TrySetResult(info));
        return await Task.WhenAny(told.Task, served) == told.Task ? await told.Task : null;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Closing {Count} connections")]
    private static partial void LogClosing(ILogger logger, int count);
}
