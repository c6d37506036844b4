using System.Buffers;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Amqp.Cluster.Forwarding;
using Amqp.Cluster.Links;
using Amqp.Cluster.Membership;
using Amqp.Cluster.Metadata;
using Amqp.Cluster.Mirroring;
using Amqp.Cluster.Operations;
using Amqp.Cluster.Security;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Amqp.Replication;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster;

/// <summary>
/// The cluster that this node is in, as its host puts it together with the broker:
/// <code>
/// Join    this node is a member: etcd answers, and the links can be opened
/// Open    this node counts as running; the broker is given Metadata, View, Queues and Placement, and starts
/// Serve   what the broker has is there for the other nodes, and what they do is told to it
/// </code>
/// </summary>
public sealed partial class JoinedCluster : ILinkUser, IAsyncDisposable
{
    private readonly ClusterMembership _membership;
    private readonly EtcdMetadataStore _metadata;
    private readonly ClusterQueues _queues;
    private readonly Forwarder _forwarder;
    private readonly Mirrors _mirrors;
    private readonly QueueController _controller;
    private readonly SharedAlarms _alarms;
    private readonly Reports _reports;
    private readonly LeaderMoves _moves;
    private readonly Questions _questions;
    private readonly IMessageStore _messages;
    private readonly string _locator;
    private readonly ILogger _logger;
    private readonly ITimer _looking;
    private Func<TopologyCommand, Task<TopologyResult>>? _change;

    private JoinedCluster(ClusterMembership membership, IMessageStore messages, TopologySnapshot alone, string locator, TimeProvider time, ILoggerFactory loggers, Action<Exception> failed)
    {
        (_membership, _messages, _locator) = (membership, messages, locator);
        _logger = loggers.CreateLogger<JoinedCluster>();
        var first = membership.BeginsDefinitions ? alone.At(membership.Self) : null;
        _metadata = new EtcdMetadataStore(membership.Client, first, loggers.CreateLogger<EtcdMetadataStore>(), failed) { Epoch = membership.Epoch };
        _forwarder = new Forwarder(membership.View, new ForwardingOptions(), time, loggers.CreateLogger<Forwarder>());
        _forwarder.Connect(membership.Links);
        _queues = new ClusterQueues(membership.View, _forwarder.Remote);
        var self = new Member(membership.Self, membership.Directory, membership.Epoch);
        _mirrors = new Mirrors(self, membership.Links, new QueueRecords(membership.Client), messages, _queues, new ReplicaOptions(), time, loggers.CreateLogger<Mirrors>(), failed);
        _queues.Mirrors = _mirrors;
        _controller = new QueueController(membership.Self, _mirrors.Records, _mirrors.Propose, _queues.PromotionOf, WasStoppedInOrder, loggers.CreateLogger<QueueController>());
        _alarms = new SharedAlarms(membership.Links);
        _reports = new Reports(
            membership.View, membership.Links, new LedQueues(_queues.LeadsHere, Complete, _queues.Exists), time, loggers.CreateLogger<Reports>());
        _queues.Reports = _reports;
        _moves = new LeaderMoves(membership.View, membership.Links, _mirrors, _reports.IsDrainedNode, queue => _queues.PromotionOf(queue).OnShutdown, time, loggers.CreateLogger<LeaderMoves>());
        _questions = new Questions(membership.View, membership.Links, time, loggers.CreateLogger<Questions>());
        _looking = time.CreateTimer(_ => Look(), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        membership.View.Changed = Changed;
        membership.LeaseDoubted = _mirrors.Suspend;
    }

    /// <summary>Where the other nodes reach this one.</summary>
    public IPEndPoint Listener => _membership.Listener;

    /// <summary>The definitions that the nodes share.</summary>
    public IMetadataStore Metadata => _metadata;

    public IClusterView View => _membership.View;

    /// <summary>Queues wherever they are.</summary>
    public IRemoteQueues Queues => _queues;

    /// <summary>This node becomes a member, or is one. That takes as long as it takes until a majority of the members is there.</summary>
    /// <param name="certificates">Of this node; they stay the caller's.</param>
    /// <param name="version">Of the broker.</param>
    /// <param name="messages">The node's message store, not started yet.</param>
    /// <param name="alone">What the node had as long as it was alone: with that the cluster begins, if this node begins it.</param>
    /// <param name="locator">Where queues are that do not say: see <see cref="QueuePlacement"/>.</param>
    /// <param name="failed">Called when this node cannot stay in the cluster: the process must end.</param>
    /// <exception cref="ClusterException">It cannot become a member; the message says what to do.</exception>
    public static async Task<JoinedCluster> Join(
        ClusterOptions options, ClusterCertificates certificates, string version, IMessageStore messages, TopologySnapshot alone, string locator, Action<Exception> failed, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellation)
    {
        var membership = await ClusterMembership.Start(options, certificates, new LinkOptions(), version, failed, time, loggers, cancellation);
        try
        {
            return new JoinedCluster(membership, messages, alone, locator, time, loggers, failed);
        }
        catch
        {
            await membership.DisposeAsync();
            throw;
        }
    }

    /// <summary>This node counts as running, and others can reach it.</summary>
    public async Task Open(CancellationToken cancellation)
    {
        // Before the definitions: a queue that has a record and is not among them was deleted.
        await _mirrors.Load(cancellation);
        await _membership.Open(this, cancellation);
    }

    /// <summary>The broker runs: its queues are there for other nodes.</summary>
    /// <param name="change">Changes the topology.</param>
    /// <param name="startedAt">When the broker was started.</param>
    public async Task Serve(ILocalQueues local, INodeAlarms alarms, Func<TopologyCommand, Task<TopologyResult>> change, DateTimeOffset startedAt)
    {
        _change = change;
        _queues.Serve(local);
        _mirrors.RemoveDeleted(_queues.Exists);
        _mirrors.Serve(local);
        _forwarder.Served.Connect(local, _messages);
        _alarms.Serve(alarms, () => View.Nodes.Where(node => node.Name != View.Self).Select(node => node.Name));
        _reports.Serve(local, startedAt);
        await EndWhatIsGone(change);
        // As with RabbitMQ it is the first node's, for good: nodes that join later, whatever they are called, change nothing.
        await change(new SetGlobalParameter(TopologySnapshot.ClusterNameParameter, JsonSerializer.SerializeToElement(View.Nodes[0].Name), IfMissing: true));
        _looking.Change(TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    /// <summary>The node ends because something of it has failed: for its queues that counts as a failure, in whatever order it ends.</summary>
    public void HasFailed() => _membership.HasFailed();

    /// <summary>Where a new queue is to be.</summary>
    public QueuePlacement Placement()
    {
        var nodes = View.Nodes;
        var self = nodes.FirstOrDefault(node => node.Name == View.Self);
        return new QueuePlacement(self, [.. nodes.Where(node => node.IsRunning && !_reports.IsDrainedNode(node.Name))], _locator, RandomNumberGenerator.GetInt32(int.MaxValue));
    }

    /// <inheritdoc/>
    void ILinkUser.Changed(string node, uint epoch, LinkLane lane, bool isConnected)
    {
        _forwarder.Changed(node, epoch, lane, isConnected);
        if (lane == LinkLane.Replication) _mirrors.LinkChanged(node, isConnected);
        if (lane == LinkLane.Control && !isConnected) _questions.Lost(node);
        if (lane != LinkLane.Control || !isConnected) return;
        _alarms.Tell(node);
        _reports.Connected(node);
    }

    /// <inheritdoc/>
    void ILinkUser.PeerChanged(string node, uint epoch, LinkLane lane, bool isConnected) => _forwarder.PeerChanged(node, epoch, lane, isConnected);

    /// <inheritdoc/>
    void ILinkUser.Received(string node, uint epoch, LinkLane lane, byte kind, ReadOnlySequence<byte> payload)
    {
        if (lane == LinkLane.Clients) _forwarder.Received(node, epoch, lane, kind, payload);
        else if (kind == ReplicaFrame.KindOfFrame) _mirrors.Received(node, payload);
        else if (kind == SharedAlarms.KindOfFrame) _alarms.Received(node, payload);
        else if (kind == ReportFrame.KindOfFrame) _reports.Received(node, payload);
        else if (kind == MoveFrame.KindOfFrame && MoveFrame.TryRead(payload, out var queue, out var next)) _mirrors.HandOver(queue, next);
        else if (kind == QuestionFrame.KindOfFrame) _questions.Received(node, payload);
    }

    public async ValueTask DisposeAsync()
    {
        await _looking.DisposeAsync();
        _questions.Dispose();
        await _reports.DisposeAsync();
        _forwarder.Dispose();
        await _mirrors.DisposeAsync();
        await _metadata.DisposeAsync();
        await _membership.DisposeAsync();
    }

    /// <summary>What ended with earlier starts of nodes, this one among them, and was not taken away then.</summary>
    private async Task EndWhatIsGone(Func<TopologyCommand, Task<TopologyResult>> change)
    {
        var nodes = View.Nodes;
        if (nodes.All(node => !node.IsRunning || node.Name == View.Self)) await change(new EndAllTransient());
        else await change(new Commands([.. nodes.Where(node => !node.IsRunning || node.Name == View.Self).Select(node => new EndNode(node.Name, _membership.Epoch - 1))]));
    }

    private void Changed(ClusterChange change)
    {
        if (change.Kind == ClusterChangeKind.Ended)
        {
            _reports.Ended(change.Node);
            _questions.Lost(change.Node);
        }
        if (_change is null) return;
        if (change.Kind == ClusterChangeKind.Ended)
        {
            _alarms.Ended(change.Node);
            _ = _change(new EndNode(change.Node, change.Epoch));
        }
        if (change.Kind is ClusterChangeKind.Joined or ClusterChangeKind.Left or ClusterChangeKind.Started) _queues.MembersChanged();
        Look();
    }

    private LeaderReport Complete(LeaderReport report) =>
        _mirrors.RecordOf(report.Queue) is { } record ? report with { Epoch = record.Epoch, Mirrors = _mirrors.ProgressOf(report.Queue) } : report;

    private Task<bool> WasStoppedInOrder(Member leader) => _membership.WasStoppedInOrder(leader.Node, leader.Directory, leader.Boot, CancellationToken.None);

    private void Look()
    {
        if (_change is not null) _controller.Look([.. _membership.View.Running.Select(node => new Member(node.Name, node.Directory, node.Epoch))]);
    }
}
