using System.Net;
using Amqp.Broker.Channels;
using Amqp.Broker.Connections;
using Amqp.Broker.Events;
using Amqp.Broker.Flow;
using Amqp.Broker.Loops;
using Amqp.Broker.Metrics;
using Amqp.Broker.Observability;
using Amqp.Broker.Queues;
using Amqp.Broker.Security;
using Amqp.Broker.Topology;
using Amqp.Broker.Tracing;
using Amqp.Core;
using Amqp.Core.Errors;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using AMQP.Net;
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
    private readonly NodeEvents _events;

    private BrokerNode(NodeParts parts)
    {
        var (identity, limits, store, messages, logins, resources, time, loggers) = parts;
        _logger = loggers.CreateLogger<BrokerNode>();
        Identity = identity;
        StartedAt = time.GetUtcNow();
        _resources = resources;
        var clock = new BrokerClock(time);
        _startedAtMs = clock.Now;
        var queues = new QueueDirectory(parts.RemoteQueues);
        Cluster = parts.Cluster;
        var topology = new TopologyService(store, queues.Changed, loggers.CreateLogger<TopologyService>()) { Shown = Follow, Placement = parts.Placement };
        var metrics = new NodeMetrics(() => topology.Current);
        _sampler = new Sampler(metrics, limits.HistoryBytes, clock);
        var ownMessages = new OwnMessages(queues);
        Pids = new Pids(identity.Name, StartedAt, node => parts.Operations.CardOf(node)?.StartedAt ?? 0);
        _events = new NodeEvents(topology, ownMessages, clock, identity.Name, Pids);
        var flowLogger = loggers.CreateLogger("Amqp.Broker.Flow");
        var alarms = new Alarms(flowLogger) { Changed = _events.Alarm };
        var memory = NewMemoryBudget(limits, resources.MemoryBytes);
        memory.ShortageChanged = isShort => alarms.Set(Shortage.Memory, isShort);
        var firehose = new Firehose(topology, ownMessages, identity.Name);
        var tracing = new MessageTracing(firehose, new TraceLog(limits.TraceBytes, limits.TraceMs), clock);
        _queueServices = new QueueServices(topology, queues, messages, memory, metrics, tracing, clock, loggers.CreateLogger("Amqp.Broker.Queues"))
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
            _events,
            firehose,
            tracing,
            new ConnectionLog(loggers.CreateLogger("Amqp.Broker.Connections")),
            new ServerProperties(identity, () => ClusterName));
        Connections = new OpenConnections(_services, identity.Name, () => _queueServices.Epoch, loggers.CreateLogger<OpenConnections>());
        Operations = parts.Operations;
        Queues = new NodeQueues(_services, parts.Operations, identity.Name);
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

    /// <summary>Names of what is on it.</summary>
    public Pids Pids { get; }

    /// <summary>The nodes that it is in a cluster with; itself alone, if it is in none.</summary>
    public IClusterView Cluster { get; }

    /// <summary>What operators ask of that cluster.</summary>
    public IClusterOperations Operations { get; }

    /// <summary>Its queues, for users of other nodes.</summary>
    public ILocalQueues LocalQueues => _services.Queues;

    /// <summary>What it runs short of, for the cluster.</summary>
    public INodeAlarms Alarms => _services.Alarms;

    /// <summary>How many connections and channels it has, likewise.</summary>
    public INodeUsage Usage => _services.Usage;

    /// <summary>Its clients.</summary>
    public OpenConnections Connections { get; }

    /// <summary>Its queues, as operators see and change them.</summary>
    public NodeQueues Queues { get; }

    /// <summary>What happens on the node, as of the last sample.</summary>
    public Meter Meter => _services.Metrics.Node.Meter;

    /// <summary>What came and went since the node started.</summary>
    public Churn Churn => _services.Metrics.Churn;

    /// <summary>What its queues did, by their kind, as of the last sample.</summary>
    public QueueTotals QueueTotals => _services.Metrics.Totals;

    /// <summary>Sizes of the messages that its clients have published, bytes of bodies, as of the last sample.</summary>
    public Histogram MessageSizes => _services.Metrics.MessageSizes;

    /// <summary>What its store of messages did.</summary>
    public StoreCounters StoreCounters => _services.Messages.Counters;

    /// <summary>What happens in a virtual host, likewise; null when nothing has.</summary>
    public Meter? MeterOf(VirtualHost vhost) => _services.Metrics.MeterOf(vhost);

    /// <summary>What is published to an exchange, likewise.</summary>
    public Meter? MeterOf(Exchange exchange) => _services.Metrics.MeterOf(exchange);

    /// <summary>The SASL mechanisms that are switched on.</summary>
    public IReadOnlySet<string> AuthMechanisms => _services.Logins.Mechanisms;

    /// <summary>What the cluster is called: what an operator has set (the global parameter <c>cluster_name</c>), what is configured, or the first of its nodes.</summary>
    public string ClusterName => Topology.ClusterName ?? (Identity.ClusterName is { Length: > 0 } configured ? configured : Cluster.Nodes is [var first, ..] ? first.Name : Identity.Name);

    /// <summary>Everything declared, and who may do what, at this moment.</summary>
    public TopologySnapshot Topology => _services.Topology.Current;

    internal BrokerServices Services => _services;

    /// <summary>Whether a user of the management may log in from there with that password.</summary>
    /// <returns>Null: yes. Or the reason of the refusal, for the log: the client is not to learn it.</returns>
    public string? RefuseLogin(string name, string password, IPAddress from)
    {
        var reason = _services.Authenticator.Refuse(name, password, $"{from}", IPAddress.IsLoopback(from));
        Churn.HttpLogins.Add(hasSucceeded: reason is null);
        return reason;
    }

    /// <summary>Changes the topology with the rights of an operator. Completes when that is durable and can be seen, or was refused.</summary>
    public Task<TopologyResult> Change(TopologyCommand command)
    {
        var completed = new TaskCompletionSource<TopologyResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        _services.Topology.Propose(command, completed.SetResult);
        return completed.Task;
    }

    /// <summary>Whether messages of a virtual host are copied to its exchange <c>amq.rabbitmq.trace</c>.</summary>
    public bool IsTraced(string vhost) => _services.Firehose.IsOn(vhost);

    /// <inheritdoc cref="NodeEvents.Watch"/>
    public IDisposable WatchEvents(Action<string, FieldTable> heard) => _events.Watch(heard);

    /// <summary>What became of the last hundred messages with that message id or correlation id, as far as it was traced on this node; the oldest first.</summary>
    public IReadOnlyList<MessageTrail> Trails(string vhost, string id) => _services.Tracing.Find(vhost, id);

    /// <summary>Has them copied, or not any more; until the node ends.</summary>
    public void Trace(string vhost, bool isOn)
    {
        _services.Firehose.Set(vhost, isOn);
        LogTraced(_logger, isOn ? "Enabling" : "Disabling", vhost);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{What} tracing for vhost '{Vhost}'")]
    private static partial void LogTraced(ILogger logger, string what, string vhost);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The other nodes had taken {Node} for ended, since it stood still or could not be reached for longer than a lease, and deleted exclusive queues: {Count} connections that had some are closed, so that their clients declare them anew")]
    private static partial void LogTakenForEnded(ILogger logger, string node, int count);

    private async Task Start(CancellationToken cancellation)
    {
        var isWhole = false;
        await _services.Topology.Start(stored => (_queueServices.Epoch, isWhole) = (stored.Epoch, stored.IsWhole), cancellation);
        _events.Begin(_services.Topology.Current);
        _services.Tracing.Follow(_services.Topology.Current);
        _services.Messages.Start(isFull => _services.Alarms.Set(Shortage.DiskFull, isFull));
        _services.Queues.Start(isWhole);
    }

    /// <summary>The defaults are RabbitMQ's.</summary>
    private static MemoryBudget NewMemoryBudget(Limits limits, long memoryBytes)
    {
        var watermark = limits.MemoryBytes > 0 ? Watermark.Absolute(limits.MemoryBytes) : Watermark.Relative(limits.MemoryShare);
        var limit = watermark.Of(memoryBytes);
        return new MemoryBudget(limit, limits.PageOutBytes > 0 ? limits.PageOutBytes : (long)(limit * limits.PageOutShare)) { Watermark = watermark };
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
        _events.Changed(result);
        if (result.Changes.Any(change => change is PolicyChanged or VhostRemoved)) _services.Tracing.Follow(result.Topology);
        foreach (var vhost in result.VhostsRemoved) _services.Firehose.Set(vhost.Name, isOn: false);
        foreach (var vhost in result.VhostsRemoved) Connections.Close(connection => connection.Vhost == vhost.Name, BrokerError.VhostDeleted(vhost.Name));
        foreach (var user in result.Changes.OfType<UserRemoved>().Select(change => change.Name))
        {
            // One that has not opened a virtual host yet is refused there.
            Connections.Close(connection => connection.User == user && connection.Vhost.Length > 0, BrokerError.UserDeleted(user));
        }
        if (result.IsFromOutside) CloseOwners(result);
    }

    /// <summary>Another node deletes exclusive queues of connections here only if it has taken this node for ended.</summary>
    private void CloseOwners(TopologyResult result)
    {
        var owners = result.QueuesRemoved.Select(queue => queue.Owner).OfType<ConnectionId>().Where(owner => owner.Node == Identity.Name && owner.Epoch == _queueServices.Epoch).ToHashSet();
        if (owners.Count == 0) return;
        var closed = Connections.Close(connection => owners.Contains(connection.Id), BrokerError.ExclusiveQueuesDeleted(Identity.Name));
        if (closed > 0) LogTakenForEnded(_logger, Identity.Name, closed);
    }
}
