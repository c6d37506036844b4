using System.Collections.Immutable;
using System.Threading.Channels;
using Amqp.Cluster.Etcd;
using Amqp.Core.Ports;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>
/// The members of the cluster and which of them run, as etcd tells it and as the links do: a process that is seen to be gone counts as ended although its lease
/// has not. One loop owns the state; the watches and the links post to it.
/// </summary>
public sealed partial class ClusterView : IClusterView, IAsyncDisposable
{
    private readonly Registry _registry;
    private readonly Func<ImmutableArray<MemberRecord>, Task> _membersChanged;
    private readonly Action<Exception> _failed;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _ended = new();
    private readonly Channel<Mail> _mail = Channel.CreateUnbounded<Mail>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource _isFilled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _running = Task.CompletedTask;
    private Shown _shown = new([], [], []);

    // The loop's.
    private readonly Dictionary<string, NodeRecord> _nodes = [];
    private readonly Dictionary<string, uint> _gone = [];
    private SortedDictionary<string, MemberRecord> _members = new(StringComparer.Ordinal);
    private int _lists;

    /// <param name="membersChanged">Called by the loop with all members whenever one joins, leaves or has moved.</param>
    /// <param name="failed">Called once, when the view cannot be kept.</param>
    internal ClusterView(string self, Registry registry, Func<ImmutableArray<MemberRecord>, Task> membersChanged, Action<Exception> failed, ILogger logger) =>
        (Self, _registry, _membersChanged, _failed, _logger) = (self, registry, membersChanged, failed, logger);

    /// <summary>Which node joined, started, ended or left; called by one loop, in order, after <see cref="Nodes"/> shows it. It must neither block nor throw.</summary>
    public Action<ClusterChange> Changed { get; set; } = _ => { };

    /// <inheritdoc/>
    public string Self { get; }

    /// <inheritdoc/>
    public ImmutableArray<ClusterNode> Nodes => Volatile.Read(ref _shown).Nodes;

    /// <summary>What the members that run say of themselves, in the order of their names.</summary>
    internal ImmutableArray<NodeRecord> Running => Volatile.Read(ref _shown).Running;

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

    /// <summary>The process of a node is there: the links are connected to it.</summary>
    internal void There(string node, uint epoch) => _mail.Writer.TryWrite(new Mail(There: (node, epoch)));

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
            _nodes.Clear();
            foreach (var node in nodes) _nodes[node.Name] = node;
        }
        else if (mail.Node is { } node) _nodes[node.Name] = node;
        else if (mail.NodeEnded is { } ended) _nodes.Remove(ended);
        else if (mail.Gone is var (gone, epoch)) _gone[gone] = epoch;
        else if (mail.There is var (there, at) && _gone.TryGetValue(there, out var was) && was == at) _gone.Remove(there);
    }

    private async Task Show()
    {
        var before = _shown;
        var after = new Shown([.. _members.Values.Select(NodeOf)], [.. _members.Values], [.. _members.Keys.Where(name => NodeOf(_members[name]).IsRunning).Select(name => _nodes[name])]);
        var changes = Differences(before.Nodes, after.Nodes).ToList();
        var isMoved = !before.Members.SequenceEqual(after.Members);
        if (changes.Count == 0 && !isMoved) return;
        Volatile.Write(ref _shown, after);
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

    [LoggerMessage(Level = LogLevel.Information, Message = "etcd does not know any more what happened to the members since this node heard of it; all are listed anew")]
    private static partial void LogListsAgain(ILogger logger);

    /// <summary>What other threads see, at one moment.</summary>
    private sealed record Shown(ImmutableArray<ClusterNode> Nodes, ImmutableArray<MemberRecord> Members, ImmutableArray<NodeRecord> Running);

    private readonly record struct Mail(
        List<MemberRecord>? Members = null, MemberRecord? Member = null, string? MemberLeft = null,
        List<NodeRecord>? Nodes = null, NodeRecord? Node = null, string? NodeEnded = null,
        (string Node, uint Epoch)? Gone = null, (string Node, uint Epoch)? There = null);
}
