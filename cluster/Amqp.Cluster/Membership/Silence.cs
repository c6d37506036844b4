using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Amqp.Cluster.Forwarding;
using Amqp.Cluster.Links;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>
/// Which nodes a majority of those that run does not hear: they stand still, or are cut off. Their leases run for seconds yet; the queues that they lead need not wait for that, since who leads is decided by
/// the record of a queue and not by a lease. Nodes tell each other whom they have lost:
/// <code>
/// n1 -- "not n3" --> n2        n1 and n2 have lost n3, and both know it: 2 of 3, n3 is silent
/// n2 -- "not n3" --> n1        n3 has lost n1 and n2: it is in doubt, and leads nothing until it hears them again
/// </code>
/// Half of the nodes are no majority: of two nodes that lose each other neither is silent, and leases tell. A node that has lost the others for the time of a lease, and whose own was renewed meanwhile, is in
/// doubt no longer: it reaches etcd, and would have heard of another leader.
/// </summary>
/// <param name="tell">Posts to a node, on the lane on which links are watched; false: it is not sent, and is said again when the link is there.</param>
/// <param name="changed">Another node is silent, or this one is in doubt, or not any more. Called by one thread at a time; it must neither block nor throw.</param>
internal sealed partial class Silence(IClusterView view, Func<string, LinkMessage, bool> tell, TimeProvider time, Action changed, ILogger logger) : Owner<SilenceMail>, IDisposable
{
    public const byte KindOfFrame = LinkFrame.FirstOfUsers + 36;

    /// <summary>What a node says takes no more, in any cluster that there is.</summary>
    private const int BytesMax = 65_536;

    /// <summary>A link that breaks and is there again within that time means nothing. It is longer than a heartbeat, so that a node that is cut off knows it before another one leads.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(500);

    private readonly Dictionary<string, (uint Epoch, long Since)> _lost = [];

    // The last word of each node.
    private readonly Dictionary<string, NodeStart[]> _lostByOthers = [];
    private ITimer? _timer;
    private bool _isOver;
    private bool _isLeaseInDoubt;
    private long? _aloneSince;
    private volatile bool _isInDoubt;
    private ImmutableHashSet<NodeStart> _silent = [];

    /// <summary>Others may lead by now what this node led: it has lost most of the nodes that run, or its lease is in doubt.</summary>
    public bool IsInDoubt => _isInDoubt;

    /// <summary>A majority, of which this node is one, does not hear that start of the node.</summary>
    public bool IsSilent(string node, uint epoch) => Volatile.Read(ref _silent).Contains(new NodeStart(node, epoch));

    /// <summary>The link to a node is there, or is not any more.</summary>
    public void LinkChanged(string node, uint epoch, bool isConnected) => PostAndRun(new SilenceMail(isConnected ? SilenceMailKind.Connected : SilenceMailKind.Lost, node, epoch));

    /// <summary>The lease of this node is in doubt, or is not any more.</summary>
    public void LeaseDoubted(bool isInDoubt) => PostAndRun(new SilenceMail(isInDoubt ? SilenceMailKind.LeaseInDoubt : SilenceMailKind.LeaseRenewed));

    /// <summary>Another node says whom it has lost.</summary>
    public void Received(string node, ReadOnlySequence<byte> payload)
    {
        if (Read(payload) is { } lost) PostAndRun(new SilenceMail(SilenceMailKind.Said, node, Starts: lost));
    }

    /// <summary>Counts again: how many nodes run may have changed.</summary>
    public void Look() => PostAndRun(new SilenceMail(SilenceMailKind.Look));

    public void Dispose() => PostAndRun(new SilenceMail(SilenceMailKind.Stop));

    protected override void Apply(in SilenceMail mail)
    {
        switch (mail.Kind)
        {
            case SilenceMailKind.Connected:
                _lost.Remove(mail.Node);
                TellOthers();
                break;
            case SilenceMailKind.Lost:
                _lost[mail.Node] = (mail.Epoch, time.GetTimestamp());
                _lostByOthers.Remove(mail.Node);
                TellOthers();
                break;
            case SilenceMailKind.Said:
                if (!_lost.ContainsKey(mail.Node)) _lostByOthers[mail.Node] = mail.Starts!;
                break;
            case SilenceMailKind.LeaseInDoubt or SilenceMailKind.LeaseRenewed:
                _isLeaseInDoubt = mail.Kind == SilenceMailKind.LeaseInDoubt;
                break;
            case SilenceMailKind.Stop:
                _isOver = true;
                _timer?.Dispose();
                break;
        }
    }

    protected override void CarryOut()
    {
        if (_isOver) return;
        var running = view.Nodes.Where(node => node.IsRunning).Select(node => new NodeStart(node.Name, node.Epoch)).ToList();
        var lost = running.Where(node => _lost.TryGetValue(node.Node, out var known) && known.Epoch == node.Epoch).ToList();
        var isAlone = lost.Count * 2 > running.Count;
        ImmutableHashSet<NodeStart> silent = [.. lost.Where(node => IsOverdue(node) && (1 + _lostByOthers.Values.Count(others => others.Contains(node))) * 2 > running.Count)];
        foreach (var node in silent.Except(_silent)) LogSilent(logger, node.Node);
        if (isAlone && _aloneSince is null) LogAlone(logger, string.Join(", ", lost.Select(node => node.Node)));
        _aloneSince = isAlone ? _aloneSince ?? time.GetTimestamp() : null;
        var mayBeReplaced = _aloneSince is { } since && time.GetElapsedTime(since) < NodeLease.TimeToLive;
        if (mayBeReplaced || lost.Exists(node => !IsOverdue(node))) LookLater();
        var (isInDoubt, isSame) = (mayBeReplaced || _isLeaseInDoubt, silent.SetEquals(_silent));
        if (isSame && isInDoubt == _isInDoubt) return;
        _isInDoubt = isInDoubt;
        Volatile.Write(ref _silent, silent);
        changed();
    }

    protected override void Fail(Exception exception) => LogFailed(logger, exception);

    private void TellOthers()
    {
        var words = new LinkBytes(KindOfFrame, JsonSerializer.SerializeToUtf8Bytes(_lost.Select(each => new NodeStart(each.Key, each.Value.Epoch))));
        foreach (var other in view.Nodes)
        {
            if (other.Name != view.Self && !_lost.ContainsKey(other.Name)) tell(other.Name, words);
        }
    }

    private bool IsOverdue(NodeStart node) => time.GetElapsedTime(_lost[node.Node].Since) >= Grace;

    private void LookLater()
    {
        _timer ??= time.CreateTimer(_ => Look(), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(Grace, Timeout.InfiniteTimeSpan);
    }

    /// <returns>Null: another node has not written that.</returns>
    private static NodeStart[]? Read(ReadOnlySequence<byte> payload)
    {
        if (payload.Length > BytesMax) return null;
        try
        {
            var reader = new Utf8JsonReader(payload);
            return JsonSerializer.Deserialize<NodeStart[]>(ref reader);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Most of the nodes that run do not hear node {Node}: it stands still, or is cut off. Mirrored queues that it leads get other leaders")]
    private static partial void LogSilent(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "This node does not hear most of the nodes that run ({Nodes}): they may lead its mirrored queues by now. Until it hears them again, or knows from etcd that they do not, it hands out nothing of these queues, and confirms nothing")]
    private static partial void LogAlone(ILogger logger, string nodes);

    [LoggerMessage(Level = LogLevel.Critical, Message = "Which nodes are silent is not known because of a defect of the broker, please report this; queues of a node that is silent wait for the end of its lease")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}

/// <summary>One start of a node.</summary>
internal readonly record struct NodeStart(string Node, uint Epoch);

internal enum SilenceMailKind : byte
{
    Connected,
    Lost,
    Said,
    LeaseInDoubt,
    LeaseRenewed,
    Look,
    Stop,
}

/// <summary>A line in the mailbox of a <see cref="Silence"/>.</summary>
internal readonly record struct SilenceMail(SilenceMailKind Kind, string Node = "", uint Epoch = 0, NodeStart[]? Starts = null);
