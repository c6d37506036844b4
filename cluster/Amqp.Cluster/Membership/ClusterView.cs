using System.Collections.Immutable;
using System.Threading.Channels;
using Amqp.Cluster.Etcd;
using Amqp.Cluster.Links;
using Amqp.Core.Ports;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>
/// The members of the cluster and which of them run, as etcd tells it and as the links do. One loop owns the state; the watches and the links post to it.
/// <code>
/// lease    link to it           counts as
/// there    any                  running, unless its process is seen to be gone: its port refuses connections
/// ended    connected            running: etcd was away for longer than a lease, and the node registers anew
/// ended    broken               ended
/// </code>
/// This node itself always counts as running. A node without a lease may lead mirrored queues for the time of another lease only (<see cref="Running"/>): perhaps it does not reach etcd.
/// </summary>
public sealed partial class ClusterView : IClusterView, IAsyncDisposable
{
    private readonly Registry _registry;
    private readonly Func<ImmutableArray<MemberRecord>, Task> _membersChanged;
    private readonly Action<Exception> _failed;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _ended = new();
    private readonly Channel<Mail> _mail = Channel.CreateUnbounded<Mail>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource _isFilled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _running = Task.CompletedTask;
    private Shown _shown = new([], [], []);

    // The loop's.
    private readonly Dictionary<string, NodeRecord> _nodes = [];
    private readonly Dictionary<string, uint> _gone = [];
    private readonly Dictionary<string, uint> _linked = [];
    private readonly Dictionary<string, long> _lapsed = [];
    private SortedDictionary<string, MemberRecord> _members = new(StringComparer.Ordinal);
    private int _lists;

    /// <param name="membersChanged">Called by the loop with all members whenever one joins, leaves or has moved.</param>
    /// <param name="failed">Called once, when the view cannot be kept.</param>
    internal ClusterView(string self, Registry registry, Func<ImmutableArray<MemberRecord>, Task> membersChanged, Action<Exception> failed, TimeProvider time, ILogger logger) =>
        (Self, _registry, _membersChanged, _failed, _time, _logger) = (self, registry, membersChanged, failed, time, logger);

    /// <summary>Which node joined, started, ended or left; called by one loop, in order, after <see cref="Nodes"/> shows it. It must neither block nor throw.</summary>
    public Action<ClusterChange> Changed { get; set; } = _ => { };

    /// <inheritdoc/>
    public string Self { get; }

    /// <inheritdoc/>
    public ImmutableArray<ClusterNode> Nodes => Volatile.Read(ref _shown).Nodes;

    /// <summary>What the members that may lead mirrored queues say of themselves, in the order of their names: those that run, and have had a lease a short while ago.</summary>
    internal ImmutableArray<NodeRecord> Running =>
        [.. Volatile.Read(ref _shown).Running.Where(node => node.LapsedAt is not { } since || _time.GetElapsedTime(since) < NodeLease.TimeToLive).Select(node => node.Node)];

    internal ImmutableArray<MemberRecord> Members => Volatile.Read(ref _shown).Members;

    /// <summary>Tells nothing any more.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_ended.IsCancellationRequested) await _ended.CancelAsync();
        await _running;
    }

    /// <summary>Begins, and returns when all members are known. Called once.</summary>
    internal async Task Begin(CancellationToken cancellation)
    {
        _running = Task.WhenAll(Guarded(FollowMembers), Guarded(FollowNodes), Guarded(Work));
        await _isFilled.Task.WaitAsync(cancellation);
    }

    /// <summary>The process of a node has ended: the links have seen it.</summary>
    internal void Gone(string node, uint epoch) => _mail.Writer.TryWrite(new Mail(Gone: (node, epoch)));

    /// <summary>A link to a node is connected, or is not any more.</summary>
    internal void LinkChanged(string node, uint epoch, LinkLane lane, bool isConnected) => _mail.Writer.TryWrite(new Mail(Link: new LinkChange(node, epoch, lane, isConnected)));

    private async Task Guarded(Func<Task> loop)
    {
        try
        {
            await loop();
        }
        catch (Exception exception) when (_ended.IsCancellationRequested && exception is OperationCanceledException or RpcException or ObjectDisposedException)
        {
            // It is over.
        }
#pragma warning disable CA1031 // Whatever ended it, the process must learn of it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            _failed(exception);
        }
    }

    private Task FollowMembers() => Follow(
        _registry.Members,
        async () =>
        {
            var (revision, members) = await _registry.ListMembers(_ended.Token);
            return (revision, new Mail(Members: members));
        },
        value => MemberRecord.Read(value.Value.Span) is { } member ? new Mail(Member: member) : null,
        name => new Mail(MemberLeft: name));

    private Task FollowNodes() => Follow(
        _registry.Nodes,
        async () =>
        {
            var (revision, nodes) = await _registry.ListNodes(_ended.Token);
            return (revision, new Mail(Nodes: nodes));
        },
        value => NodeRecord.Read(value.Value.Span) is { } node ? new Mail(Node: node) : null,
        name => new Mail(NodeEnded: name));

    private async Task Follow(string prefix, Func<Task<(long Revision, Mail All)>> list, Func<EtcdValue, Mail?> changed, Func<string, Mail> removed)
    {
        while (!_ended.IsCancellationRequested)
        {
            var (revision, all) = await list();
            _mail.Writer.TryWrite(all);
            try
            {
                await _registry.Watch(prefix, revision + 1, value => Post(changed(value)), name => Post(removed(name)), _logger).Run(_ended.Token);
            }
            catch (EtcdCompactedException)
            {
                LogListsAgain(_logger);
            }
        }

        void Post(Mail? mail)
        {
            if (mail is { } known) _mail.Writer.TryWrite(known);
        }
    }

    private async Task Work()
    {
        await foreach (var mail in _mail.Reader.ReadAllAsync(_ended.Token))
        {
            Take(mail);
            await Show();
            if (mail.Members is not null || mail.Nodes is not null) _lists++;
            if (_lists == 2) _isFilled.TrySetResult();
        }
    }

    private void Take(Mail mail)
    {
        if (mail.Members is { } members) _members = new SortedDictionary<string, MemberRecord>(members.ToDictionary(each => each.Name), StringComparer.Ordinal);
        else if (mail.Member is { } member) _members[member.Name] = member;
        else if (mail.MemberLeft is { } left) _members.Remove(left);
        else if (mail.Nodes is { } nodes)
        {
            foreach (var gone in _nodes.Keys.Except(nodes.Select(node => node.Name)).ToList()) TakeLapsed(gone);
            foreach (var node in nodes) TakeRegistered(node);
        }
        else if (mail.Node is { } node) TakeRegistered(node);
        else if (mail.NodeEnded is { } ended) TakeLapsed(ended);
        else if (mail.Gone is var (gone, epoch)) _gone[gone] = epoch;
        else if (mail.Link is { } link) TakeLink(link);
    }

    private void TakeRegistered(NodeRecord node)
    {
        _nodes[node.Name] = node;
        if (_lapsed.Remove(node.Name) && node.Name != Self) LogRegisteredAnew(_logger, node.Name);
    }

    /// <summary>A node has no lease any more.</summary>
    private void TakeLapsed(string name)
    {
        if (!_nodes.TryGetValue(name, out var node)) return;
        if (name != Self && (!_linked.TryGetValue(name, out var epoch) || epoch != node.Epoch)) Drop(name);
        else if (_lapsed.TryAdd(name, _time.GetTimestamp()) && name != Self) LogLapsed(_logger, name);
    }

    private void TakeLink(LinkChange link)
    {
        if (link.IsConnected && _gone.TryGetValue(link.Node, out var was) && was == link.Epoch) _gone.Remove(link.Node);
        if (link.Lane != LinkLane.Control) return;
        if (link.IsConnected) _linked[link.Node] = link.Epoch;
        else
        {
            _linked.Remove(link.Node);
            if (_lapsed.ContainsKey(link.Node)) Drop(link.Node);
        }
    }

    private void Drop(string node)
    {
        _nodes.Remove(node);
        _lapsed.Remove(node);
    }

    private async Task Show()
    {
        var before = _shown;
        var after = new Shown([.. _members.Values.Select(NodeOf)], [.. _members.Values], [.. _members.Values.Where(member => NodeOf(member).IsRunning).Select(Registered)]);
        var changes = Differences(before.Nodes, after.Nodes).ToList();
        var isMoved = !before.Members.SequenceEqual(after.Members);
        Volatile.Write(ref _shown, changes.Count == 0 && !isMoved ? before with { Running = after.Running } : after);
        if (isMoved) await _membersChanged(after.Members);
        foreach (var change in changes)
        {
            LogChange(_logger, change.Node, change.Kind, change.Epoch);
            Changed(change);
        }
    }

    private ClusterNode NodeOf(MemberRecord member) =>
        _nodes.TryGetValue(member.Name, out var node) && !(_gone.TryGetValue(member.Name, out var gone) && gone >= node.Epoch)
            ? new ClusterNode(member.Name, IsRunning: true, node.Epoch)
            : new ClusterNode(member.Name, IsRunning: false, Epoch: 0);

    private RegisteredNode Registered(MemberRecord member) => new(_nodes[member.Name], _lapsed.TryGetValue(member.Name, out var since) ? since : null);

    private static IEnumerable<ClusterChange> Differences(ImmutableArray<ClusterNode> before, ImmutableArray<ClusterNode> after)
    {
        var (was, now) = (before.ToDictionary(node => node.Name), after.ToDictionary(node => node.Name));
        foreach (var name in was.Keys.Union(now.Keys))
        {
            was.TryGetValue(name, out var old);
            now.TryGetValue(name, out var current);
            if (!was.ContainsKey(name)) yield return new ClusterChange(name, Epoch: 0, ClusterChangeKind.Joined);
            if (old.IsRunning && old.Epoch != current.Epoch) yield return new ClusterChange(name, old.Epoch, ClusterChangeKind.Ended);
            if (current.IsRunning && old.Epoch != current.Epoch) yield return new ClusterChange(name, current.Epoch, ClusterChangeKind.Started);
            if (!now.ContainsKey(name)) yield return new ClusterChange(name, Epoch: 0, ClusterChangeKind.Left);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node}: {Kind} (epoch {Epoch})")]
    private static partial void LogChange(ILogger logger, string node, ClusterChangeKind kind, uint epoch);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The lease of node {Node} has ended in etcd, and its process answers: it counts as running, and is to register anew. So it is when etcd had no majority for longer than a lease")]
    private static partial void LogLapsed(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} has registered anew")]
    private static partial void LogRegisteredAnew(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Information, Message = "etcd does not know any more what happened to the members since this node heard of it; all are listed anew")]
    private static partial void LogListsAgain(ILogger logger);

    /// <summary>What other threads see, at one moment.</summary>
    private sealed record Shown(ImmutableArray<ClusterNode> Nodes, ImmutableArray<MemberRecord> Members, ImmutableArray<RegisteredNode> Running);

    /// <param name="LapsedAt">When its lease was seen to have ended; null: it has one.</param>
    private readonly record struct RegisteredNode(NodeRecord Node, long? LapsedAt);

    private readonly record struct LinkChange(string Node, uint Epoch, LinkLane Lane, bool IsConnected);

    private readonly record struct Mail(
        List<MemberRecord>? Members = null, MemberRecord? Member = null, string? MemberLeft = null,
        List<NodeRecord>? Nodes = null, NodeRecord? Node = null, string? NodeEnded = null,
        (string Node, uint Epoch)? Gone = null, LinkChange? Link = null);
}
