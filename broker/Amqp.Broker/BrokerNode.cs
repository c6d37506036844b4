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
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker;

/// <summary>
/// A broker without sockets: give it byte streams and it serves AMQP on them.
/// </summary>
public sealed partial class BrokerNode
{
    private readonly BrokerServices _services;
    private readonly ILogger<BrokerNode> _logger;
    private readonly ISystemResources _resources;
    private readonly DiskWatch _diskWatch;
    private readonly HeapRelease _heapRelease;
    private readonly Sampler _sampler;
    private readonly long _startedAtMs;
    private readonly QueueServices _queueServices;

    private BrokerNode(NodeParts parts)
    {
        var (identity, limits, store, messages, logins, resources, time, loggers) = parts;
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
        _queueServices = new QueueServices(topology, queues, messages, memory, metrics, clock, loggers.CreateLogger("Amqp.Broker.Queues"))
        {
            DelayLevels = parts.DelayLevels,
        };
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
        Connections = new OpenConnections(_services, identity.Name, () => _queueServices.Epoch, loggers.CreateLogger<OpenConnections>());
        Queues = new NodeQueues(_services);
    }

    /// <summary>Starts a node: topology and messages are loaded from their stores.</summary>
    /// <param name="cancellation">Ends the waiting for a metadata store that cannot be reached.</param>
    public static async Task<BrokerNode> Start(NodeParts parts, CancellationToken cancellation = default)
    {
        var node = new BrokerNode(parts);
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

    /// <summary>Its clients.</summary>
    public OpenConnections Connections { get; }

    /// <summary>Its queues, as operators see and change them.</summary>
    public NodeQueues Queues { get; }

    /// <summary>What happens on the node, as of the last sample.</summary>
    public Meter Meter => _services.Metrics.Node.Meter;

    /// <summary>What happens in a virtual host, likewise; null when nothing has.</summary>
    public Meter? MeterOf(VirtualHost vhost) => _services.Metrics.MeterOf(vhost);

    /// <summary>What is published to an exchange, likewise.</summary>
    public Meter? MeterOf(Exchange exchange) => _services.Metrics.MeterOf(exchange);

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

    /// <summary>All connections are closed (<see cref="OpenConnections.CloseAll"/>), and then the queues stop: the stores have everything that
    /// they need to be closed in order, and get no more.</summary>
    public async Task Stop()
    {
        await Connections.CloseAll();
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
        foreach (var vhost in result.VhostsRemoved) Connections.Close(connection => connection.Vhost == vhost.Name, BrokerError.VhostDeleted(vhost.Name));
        foreach (var user in result.Changes.OfType<UserRemoved>().Select(change => change.Name))
        {
            // One that has not opened a virtual host yet is refused there.
            Connections.Close(connection => connection.User == user && connection.Vhost.Length > 0, BrokerError.UserDeleted(user));
        }
    }
}
