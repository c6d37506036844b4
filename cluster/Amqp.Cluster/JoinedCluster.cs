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
    private static readonly TimeSpan PauseBetweenLooks = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromSeconds(1);

    private readonly ClusterMembership _membership;
    private readonly Followers _followers;
    private readonly EtcdMetadataStore _metadata;
    private readonly ClusterQueues _queues;
    private readonly Forwarder _forwarder;
    private readonly Mirrors _mirrors;
    private readonly QueueController _controller;
    private readonly SharedAlarms _alarms;
    private readonly SharedUsage _usage;
    private readonly Reports _reports;
    private readonly LeaderMoves _moves;
    private readonly Questions _questions;
    private readonly Silence _silence;
    private readonly IMessageStore _messages;
    private readonly string _locator;
    private readonly ILogger _logger;
    private readonly ITimer _looking;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _ended = new();
    private Func<TopologyCommand, Task<TopologyResult>>? _change;

    private JoinedCluster(ClusterMembership membership, IMessageStore messages, TopologySnapshot alone, string locator, TimeProvider time, ILoggerFactory loggers, Action<Exception> failed)
    {
        (_membership, _messages, _locator, _time) = (membership, messages, locator, time);
        _logger = loggers.CreateLogger<JoinedCluster>();
        var first = membership.BeginsDefinitions ? alone.At(membership.Self) : null;
        _followers = new Followers(Tell, time, loggers.CreateLogger<Followers>());
        _metadata = new EtcdMetadataStore(membership.Client, first, loggers.CreateLogger<EtcdMetadataStore>(), failed) { Epoch = membership.Epoch, Followers = _followers };
        _forwarder = new Forwarder(membership.View, new ForwardingOptions(), time, loggers.CreateLogger<Forwarder>());
        _forwarder.Connect(membership.Links);
        _queues = new ClusterQueues(membership.View, _forwarder.Remote);
        var self = new Member(membership.Self, membership.Directory, membership.Epoch);
        _mirrors = new Mirrors(self, membership.Links, new QueueRecords(membership.Client), messages, _queues, new ReplicaOptions(), time, loggers.CreateLogger<Mirrors>(), failed);
        _queues.Mirrors = _mirrors;
        _controller = new QueueController(membership.Self, _mirrors.Records, _mirrors.FailedLeads, _mirrors.Propose, _queues.PromotionOf, WasStoppedInOrder, time, loggers.CreateLogger<QueueController>());
        _alarms = new SharedAlarms(membership.Links);
        _usage = new SharedUsage((node, message) => membership.Links.WaitingBytes(node, LinkLane.Control) <= SharedUsage.WaitingBytesMax && Tell(node, message), loggers.CreateLogger<SharedUsage>());
        _reports = new Reports(
            membership.View, membership.Links, new LedQueues(_queues.LeadsHere, Complete, _queues.Exists), time, loggers.CreateLogger<Reports>());
        _queues.Reports = _reports;
        _moves = new LeaderMoves(membership.View, membership.Links, _mirrors, _reports.IsDrainedNode, queue => _queues.PromotionOf(queue).OnShutdown, time, loggers.CreateLogger<LeaderMoves>());
        _questions = new Questions(membership.View, membership.Links, time, loggers.CreateLogger<Questions>());
        _looking = time.CreateTimer(_ => Look(), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _silence = new Silence(membership.View, Tell, time, SilenceChanged, loggers.CreateLogger<Silence>());
        membership.View.Changed = Changed;
        membership.LeaseDoubted = _silence.LeaseDoubted;
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
    /// <param name="failed">Called when this node cannot stay in the cluster: it must end.</param>
    /// <exception cref="RemovedException">It was a member, and the others have removed it.</exception>
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
    public async Task Serve(ILocalQueues local, INodeAlarms alarms, INodeUsage usage, Func<TopologyCommand, Task<TopologyResult>> change, DateTimeOffset startedAt)
    {
        _change = change;
        _queues.Serve(local);
        _mirrors.RemoveDeleted(_queues.Exists);
        _mirrors.Serve(local);
        _forwarder.Served.Connect(local, _messages);
        _alarms.Serve(alarms, () => View.Nodes.Where(node => node.Name != View.Self).Select(node => node.Name));
        _usage.Serve(usage);
        _reports.Serve(local, startedAt);
        await EndWhatIsGone(change);
        await EndWhatWasGivenUp();
        // As with RabbitMQ it is the first node's, for good: nodes that join later, whatever they are called, change nothing.
        await change(new SetGlobalParameter(TopologySnapshot.ClusterNameParameter, JsonSerializer.SerializeToElement(View.Nodes[0].Name), IfMissing: true));
        _looking.Change(TimeSpan.Zero, LookEvery);
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
        if (lane != LinkLane.Control) return;
        _silence.LinkChanged(node, epoch, isConnected);
        _followers.LinkChanged(node, isConnected);
        _usage.LinkChanged(node, isConnected);
        if (!isConnected)
        {
            _questions.Lost(node);
            return;
        }
        _alarms.Tell(node);
        _reports.Connected(node);
    }

    /// <inheritdoc/>
    void ILinkUser.PeerChanged(string node, uint epoch, LinkLane lane, bool isConnected)
    {
        _forwarder.PeerChanged(node, epoch, lane, isConnected);
        if (lane == LinkLane.Control) _usage.PeerChanged(node, isConnected);
    }

    /// <inheritdoc/>
    void ILinkUser.Received(string node, uint epoch, LinkLane lane, byte kind, ReadOnlySequence<byte> payload)
    {
        if (lane == LinkLane.Clients) _forwarder.Received(node, epoch, lane, kind, payload);
        else if (kind == ReplicaFrame.KindOfFrame) _mirrors.Received(node, payload);
        else if (kind == SharedAlarms.KindOfFrame) _alarms.Received(node, payload);
        else if (kind == UsageFrame.KindOfFrame) _usage.Received(node, payload);
        else if (kind == ReportFrame.KindOfFrame) _reports.Received(node, payload);
        else if (kind == MoveFrame.KindOfFrame && MoveFrame.TryRead(payload, out var queue, out var next)) _mirrors.HandOver(queue, next);
        else if (kind == Followers.KindOfFrame) _followers.Received(node, payload);
        else if (kind == Silence.KindOfFrame) _silence.Received(node, payload);
        else if (kind == QuestionFrame.KindOfFrame) _questions.Received(node, payload);
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _looking.DisposeAsync();
        _silence.Dispose();
        _questions.Dispose();
        await _reports.DisposeAsync();
        _forwarder.Dispose();
        await _mirrors.DisposeAsync();
        _followers.Dispose();
        await _metadata.DisposeAsync();
        await _membership.DisposeAsync();
    }

    /// <summary>What ended with earlier starts of nodes, this one among them, and was not taken away then.</summary>
    private async Task EndWhatIsGone(Func<TopologyCommand, Task<TopologyResult>> change)
    {
        var unregistered = await WaitForUnregistered();
        var nodes = View.Nodes;
        if (unregistered.Count == 0 && nodes.All(node => !node.IsRunning || node.Name == View.Self)) await change(new EndAllTransient());
        else await change(new Commands([.. nodes.Where(node => !node.IsRunning || node.Name == View.Self).Select(node => Ending(node.Name, unregistered.GetValueOrDefault(node.Name, _membership.Epoch) - 1))]));
    }

    private async Task EndWhatWasGivenUp()
    {
        if (_membership.LeftBehind is not { Length: > 0 } nodes) return;
        foreach (var node in nodes)
        {
            // If not, the next start tries again.
            if (await RemoveQueuesOf(node) is { } error) throw new ClusterException($"Node {node} is out of the cluster, but its queues could not be deleted: {error.Text}");
        }
        _membership.LeftBehindIsDone();
    }

    /// <summary>Nodes that live and have lost their leases, with etcd, register within seconds of its return; until then they look as if they had ended.</summary>
    /// <returns>Those that have not, with the epochs of their starts.</returns>
    private async Task<IReadOnlyDictionary<string, uint>> WaitForUnregistered()
    {
        var began = _time.GetTimestamp();
        while (true)
        {
            var unregistered = await _membership.Unregistered(_ended.Token);
            if (unregistered.Count == 0 || _time.GetElapsedTime(began) > NodeLease.TimeToLive) return unregistered;
            LogUnregistered(_logger, string.Join(", ", unregistered.Keys));
            await Task.Delay(PauseBetweenLooks, _time, _ended.Token);
        }
    }

    /// <summary>Deletes what ended with a start of another node: again, if etcd does not say that it has happened.</summary>
    private async Task End(Func<TopologyCommand, Task<TopologyResult>> change, string node, uint epoch)
    {
        while (!_ended.IsCancellationRequested && !View.Nodes.Any(each => each.Name == node && each.Epoch == epoch) && (await change(Ending(node, epoch))).Error is { } error)
        {
            LogNotEnded(_logger, node, error.Text);
            await Task.Delay(PauseBetweenTries, _time, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>A node has ended, and with it its queues that are not durable; but not those of which a node that never went away has a copy in sync.</summary>
    private EndNode Ending(string node, uint epoch)
    {
        var running = _membership.View.Running.Where(each => each.Name != node || each.Epoch > epoch).Select(each => (each.Name, (long)each.Epoch)).ToHashSet();
        var mirrored = _mirrors.Records.Where(each => each.Value.Concerns(node) && _queues.IsTransient(each.Key))
            .ToLookup(each => each.Value.InSync.Any(member => running.Contains((member.Node, member.Boot))), each => each.Key);
        return new EndNode(node, epoch) { Kept = [.. mirrored[true]], Lost = [.. mirrored[false]] };
    }

    private void Changed(ClusterChange change)
    {
        if (change.Kind == ClusterChangeKind.Ended)
        {
            _reports.Ended(change.Node);
            _questions.Lost(change.Node);
            _mirrors.Ended(change.Node, change.Epoch);
            _usage.Ended(change.Node);
        }
        _silence.Look();
        if (_change is null) return;
        if (change.Kind == ClusterChangeKind.Ended)
        {
            _alarms.Ended(change.Node);
            _ = End(_change, change.Node, change.Epoch);
        }
        // It has left by itself (`reset`), or was forgotten at another node, which does the same.
        if (change.Kind == ClusterChangeKind.Left && View.Nodes.FirstOrDefault(node => node.IsRunning).Name == View.Self) _ = RemoveQueuesOf(change.Node);
        if (change.Kind is ClusterChangeKind.Joined or ClusterChangeKind.Left or ClusterChangeKind.Started) _queues.MembersChanged();
        Look();
    }

    private LeaderReport Complete(LeaderReport report) =>
        _mirrors.RecordOf(report.Queue) is { } record ? report with { Epoch = record.Epoch, Mirrors = _mirrors.ProgressOf(report.Queue) } : report;

    private Task<bool> WasStoppedInOrder(Member leader) => _membership.WasStoppedInOrder(leader.Node, leader.Directory, leader.Boot, CancellationToken.None);

    private bool Tell(string node, LinkMessage message) => _membership.Links.Post(node, LinkLane.Control, message);

    private void SilenceChanged()
    {
        _mirrors.Suspend(_silence.IsInDoubt);
        if (_change is not null) _looking.Change(TimeSpan.Zero, LookEvery);
    }

    private void Look()
    {
        if (_change is null) return;
        _controller.Look([.. _membership.View.Running.Where(node => !_silence.IsSilent(node.Name, node.Epoch)).Select(node => new Member(node.Name, node.Directory, node.Epoch))]);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "These nodes run and have no lease in etcd; waiting until they have registered anew: {Nodes}")]
    private static partial void LogUnregistered(ILogger logger, string nodes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The exclusive and transient queues of node {Node}, which has ended, could not be deleted ({Reason}); that is tried again")]
    private static partial void LogNotEnded(ILogger logger, string node, string reason);
}
