using System.Collections.Concurrent;
using Amqp.Broker.Channels;
using Amqp.Broker.Connections;
using Amqp.Broker.Flow;
using Amqp.Broker.Loops;
using Amqp.Broker.Metrics;
using Amqp.Broker.Queues;
using Amqp.Broker.Security;
using Amqp.Broker.Topology;
using Amqp.Core;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker;

/// <summary>
/// A broker without sockets: give it byte streams and it serves AMQP on them.
/// </summary>
public sealed partial class BrokerNode
{
    private readonly ConcurrentDictionary<ConnectionId, (AmqpConnection Connection, Task Served)> _connections = new();
    private readonly BrokerServices _services;
    private readonly ILogger<BrokerNode> _logger;
    private readonly ISystemResources _resources;
    private readonly DiskWatch _diskWatch;
    private readonly HeapRelease _heapRelease;
    private readonly Sampler _sampler;
    private readonly long _startedAtMs;
    private long _lastConnection;
    private volatile bool _stopping;

    private readonly QueueServices _queueServices;

    private BrokerNode(
        NodeIdentity identity,
        Limits limits,
        IMetadataStore store,
        IMessageStore messages,
        LoginRules logins,
        ISystemResources resources,
        TimeProvider time,
        ILoggerFactory loggers)
    {
        _logger = loggers.CreateLogger<BrokerNode>();
        Identity = identity;
        StartedAt = time.GetUtcNow();
        _resources = resources;
        var clock = new BrokerClock(time);
        _startedAtMs = clock.Now;
        var queues = new LocalQueues();
        var topology = new TopologyService(store, queues.Changed, loggers.CreateLogger<TopologyService>()) { Shown = Follow };
        var metrics = new NodeMetrics(() => topology.Current);
        _sampler = new Sampler(metrics, limits.HistoryBytes, clock);
        var flowLogger = loggers.CreateLogger("Amqp.Broker.Flow");
        var alarms = new Alarms(flowLogger);
        var memory = NewMemoryBudget(limits, resources.MemoryBytes);
        memory.ShortageChanged = isShort => alarms.Set(Shortage.Memory, isShort);
        _queueServices = new QueueServices(topology, messages, memory, metrics, clock, loggers.CreateLogger("Amqp.Broker.Queues"));
        queues.Connect(_queueServices);
        _diskWatch = new DiskWatch(resources, limits.DiskFreeLimit, alarms, clock, flowLogger);
        _heapRelease = new HeapRelease(memory, resources, clock, flowLogger);
        _services = new BrokerServices(
            limits,
            topology,
            messages,
            queues,
            new DirectReplies(),
            logins,
            new Authenticator(topology, logins.LoopbackUsers, new FailedLogins(limits.FailedLoginsPerMinute, clock)),
            new Usage(),
            alarms,
            memory,
            metrics,
            clock,
            new ConnectionLog(loggers.CreateLogger("Amqp.Broker.Connections")),
            ServerProperties.For(identity));
    }

    /// <summary>Starts a node: topology and messages are loaded from their stores.</summary>
    /// <param name="cancellation">Ends the waiting for a metadata store that cannot be reached.</param>
    public static async Task<BrokerNode> Start(
        NodeIdentity identity,
        Limits limits,
        IMetadataStore store,
        IMessageStore messages,
        LoginRules logins,
        ISystemResources resources,
        TimeProvider time,
        ILoggerFactory loggers,
        CancellationToken cancellation = default)
    {
        var node = new BrokerNode(identity, limits, store, messages, logins, resources, time, loggers);
        try
        {
            await node.Start(cancellation);
            return node;
        }
        catch
        {
            node.StopWatching();
            throw;
        }
    }

    public NodeIdentity Identity { get; }

    public DateTimeOffset StartedAt { get; }

    /// <summary>Everything declared, and who may do what, at this moment.</summary>
    public TopologySnapshot Topology => _services.Topology.Current;

    internal BrokerServices Services => _services;

    /// <summary>Changes the topology with the rights of an operator. Completes when that is durable and can be seen, or was refused.</summary>
    public Task<TopologyResult> Change(TopologyCommand command)
    {
        var completed = new TaskCompletionSource<TopologyResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        _services.Topology.Propose(command, completed.SetResult);
        return completed.Task;
    }

    private async Task Start(CancellationToken cancellation)
    {
        var isWhole = false;
        await _services.Topology.Start(stored => (_queueServices.Epoch, isWhole) = (stored.Epoch, stored.IsWhole), cancellation);
        _services.Messages.Start(isFull => _services.Alarms.Set(Shortage.DiskFull, isFull));
        _services.Queues.Start(isWhole);
    }

    /// <summary>The defaults are RabbitMQ's.</summary>
    private static MemoryBudget NewMemoryBudget(Limits limits, long memoryBytes)
    {
        var watermark = limits.MemoryBytes > 0 ? Watermark.Absolute(limits.MemoryBytes) : Watermark.Relative(0.4);
        var limit = watermark.Of(memoryBytes);
        return new MemoryBudget(limit, limits.PageOutBytes > 0 ? limits.PageOutBytes : limit / 2) { Watermark = watermark };
    }

    /// <summary>Serves one client; completes when it is gone. Never throws.</summary>
    public async Task Serve(Transport transport)
    {
        var id = new ConnectionId(Identity.Name, _queueServices.Epoch, Interlocked.Increment(ref _lastConnection));
        var connection = new AmqpConnection(id, transport, _services);
        var served = connection.Run();
        _connections[id] = (connection, served);
        if (_stopping) connection.PostClose(BrokerError.ForcedClosure("shutdown"));
        await served;
        _connections.TryRemove(id, out _);
    }

    /// <summary>Closes every connection with 320, and waits until their clients have answered or <see cref="Limits.CloseMs"/> is over.
    /// From then on, new connections are closed at once.</summary>
    public async Task CloseAllConnections()
    {
        _stopping = true;
        var open = _connections.Values.ToArray();
        if (open.Length > 0) _logger.LogInformation("Closing {Count} connections", open.Length);
        foreach (var (connection, _) in open) connection.PostClose(BrokerError.ForcedClosure("shutdown"));
        foreach (var (_, served) in open) await served;
    }

    /// <summary><see cref="CloseAllConnections"/>, and then the queues stop: the stores have everything that they need to be closed in order, and
    /// get no more.</summary>
    public async Task Stop()
    {
        await CloseAllConnections();
        await _services.Queues.Stop();
        // What the end of clients deleted is still on its way to the store; one that has failed answers nothing.
        await Task.WhenAny(Change(new Commands([])), Task.Delay(_services.Limits.CloseMs));
        StopWatching();
    }

    private void StopWatching()
    {
        _diskWatch.Dispose();
        _heapRelease.Dispose();
        _sampler.Dispose();
    }

    private void Follow(TopologyResult result)
    {
        _services.Metrics.Changed(result);
        foreach (var vhost in result.VhostsRemoved) Close(connection => connection.Vhost == vhost.Name, BrokerError.VhostDeleted(vhost.Name));
        foreach (var user in result.Changes.OfType<UserRemoved>().Select(change => change.Name))
        {
            // One that has not opened a virtual host yet is refused there.
            Close(connection => connection.User == user && connection.Vhost.Length > 0, BrokerError.UserDeleted(user));
        }
    }

    private void Close(Func<AmqpConnection, bool> which, BrokerError reason)
    {
        foreach (var (connection, _) in _connections.Values)
        {
            if (which(connection)) connection.PostClose(reason);
        }
    }
}

/// <summary>Who a node says it is.</summary>
/// <param name="Name">The node's name, <c>rabbit@host</c>; clients see it as the cluster's name.</param>
/// <param name="Product">What clients see as the server's product: whose behaviour they can count on.</param>
/// <param name="ProductVersion">And as its version: numbers with dots.</param>
public sealed record NodeIdentity(string Name, string Product, string ProductVersion)
{
    /// <summary>What people are told, whatever clients are.</summary>
    public const string OwnName = "Warren";

    public static string OwnVersion { get; } = typeof(NodeIdentity).Assembly.GetName().Version!.ToString(fieldCount: 3);
}
