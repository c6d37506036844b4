using System.Buffers;
using System.Collections.Concurrent;
using Amqp.Cluster.Links;
using Amqp.Cluster.Membership;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Operations;

/// <summary>
/// What the nodes tell each other for their operators: each of them, once a second, how those queues are that it leads and that changed, and what it says of itself.
/// <code>
/// this node's queues --each second--> what changed --to each node--> control lane      all of them, when that lane was connected anew
/// control lane --> the last report of each queue, the card of each node
/// </code>
/// Nothing waits for it, and it may be late or lost: the next round says it again. A round that takes long is followed by a longer pause, so that it never takes more than
/// a part of the time.
/// </summary>
internal sealed partial class Reports : IAsyncDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>Of the time, a round takes one part in so many.</summary>
    private const int ShareOfTime = 20;

    /// <summary>The card is sent with every so many rounds.</summary>
    private const int RoundsBetweenCards = 5;

    /// <summary>Reports of queues that this node does not know are dropped when it still does not after so many rounds.</summary>
    private const int RoundsBetweenLooks = 30;

    /// <summary>For one node in one round; the others follow in the next.</summary>
    private const int ReportsMax = 20_000;

    private const int ReportsInFrame = 500;

    /// <summary>A node that takes nothing is told nothing more.</summary>
    private const long WaitingBytesMax = 8 << 20;

    private readonly ClusterView _view;
    private readonly NodeLinks _links;
    private readonly LedQueues _led;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<QueueId, Told> _told = new();
    private readonly ConcurrentDictionary<string, NodeCard> _cards = new();
    private readonly ConcurrentDictionary<string, bool> _connected = new();
    private readonly ITimer _timer;
    private long _startedAt;
    private volatile bool _isDrained;
    private ILocalQueues? _local;

    // The round's: one at a time.
    private readonly Dictionary<QueueId, (LeaderReport Report, long Round)> _own = [];
    private readonly Dictionary<string, HashSet<QueueId>> _due = [];
    private HashSet<QueueId> _unknown = [];
    private long _round;
    private bool _wasDrained;

    /// <param name="led">The queues that this node leads.</param>
    public Reports(ClusterView view, NodeLinks links, LedQueues led, TimeProvider time, ILogger logger)
    {
        (_view, _links, _led, _time, _logger) = (view, links, led, time, logger);
        _timer = time.CreateTimer(_ => Tick(), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Makes what this node says of itself.</summary>
    public Func<ReadOnlyMemory<byte>> Card { private get; set; } = () => ReadOnlyMemory<byte>.Empty;

    public bool IsDrained
    {
        get => _isDrained;
        set => _isDrained = value;
    }

    /// <summary>The queues of this node can be found.</summary>
    /// <param name="startedAt">When it was started, as it tells its own clients.</param>
    public void Serve(ILocalQueues local, DateTimeOffset startedAt)
    {
        (_local, _startedAt) = (local, startedAt.ToUnixTimeSeconds());
        _timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Null: no node has told anything of it.</summary>
    public LeaderReport? Of(QueueId queue) => _told.TryGetValue(queue, out var told) ? told.Report : null;

    /// <summary>Null: it has not told anything since it runs.</summary>
    public NodeCard? CardOf(string node) => _cards.GetValueOrDefault(node);

    /// <summary>Whether a node takes new queues.</summary>
    public bool IsDrainedNode(string node) => node == _view.Self ? _isDrained : CardOf(node) is { IsDrained: true };

    /// <summary>The queue was deleted.</summary>
    public void Forget(QueueId queue) => _told.TryRemove(queue, out _);

    /// <summary>A node has ended.</summary>
    public void Ended(string node) => _cards.TryRemove(node, out _);

    /// <summary>The control lane to a node is there.</summary>
    public void Connected(string node) => _connected[node] = true;

    /// <summary>Another node tells.</summary>
    public void Received(string node, ReadOnlySequence<byte> payload)
    {
        if (ReportCodec.Read(payload.ToArray()) is not { } reports)
        {
            LogNotUnderstood(_logger, node);
            return;
        }
        var card = reports.Card;
        if (card.Json.IsEmpty && _cards.TryGetValue(node, out var known)) card = card with { Json = known.Json };
        _cards[node] = card;
        foreach (var report in reports.Reports)
        {
            // Two nodes may tell of a queue, when the leader changes: the later one is right.
            _told.AddOrUpdate(
                report.Queue,
                static (_, told) => told,
                static (_, before, told) => before.Node != told.Node && before.Report.Epoch > told.Report.Epoch ? before : told,
                new Told(node, report));
        }
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void Tick()
    {
        var began = _time.GetTimestamp();
        Round();
        var pause = _time.GetElapsedTime(began) * ShareOfTime;
        _timer.Change(pause > Every ? pause : Every, Timeout.InfiniteTimeSpan);
    }

    private void Round()
    {
        _round++;
        Collect();
        var isDrained = _isDrained;
        var card = new NodeCard(_startedAt, isDrained, _round % RoundsBetweenCards == 1 || isDrained != _wasDrained ? Card() : default);
        _wasDrained = isDrained;
        foreach (var node in _view.Nodes.Where(node => node.IsRunning && node.Name != _view.Self)) Tell(node.Name, card);
        foreach (var gone in _due.Keys.Except(_view.Nodes.Where(node => node.IsRunning).Select(node => node.Name)).ToArray()) _due.Remove(gone);
        if (_round % RoundsBetweenLooks == 0) DropUnknown();
    }

    /// <summary>What changed is due for every node.</summary>
    private void Collect()
    {
        var seen = 0;
        foreach (var told in _local!.Reports(_led.Leads))
        {
            seen++;
            var report = _led.Complete(told);
            var isSame = _own.TryGetValue(report.Queue, out var before) && before.Report == report;
            _own[report.Queue] = (isSame ? before.Report : report, _round);
            if (isSame) continue;
            foreach (var due in _due.Values) due.Add(report.Queue);
        }
        if (seen == _own.Count) return;
        foreach (var gone in _own.Where(each => each.Value.Round != _round).Select(each => each.Key).ToArray()) _own.Remove(gone);
    }

    private void Tell(string node, NodeCard card)
    {
        var isNew = _connected.TryRemove(node, out _);
        if (isNew || !_due.TryGetValue(node, out var due))
        {
            _due[node] = due = [.. _own.Keys];
            if (card.Json.IsEmpty) card = card with { Json = Card() };
        }
        if (_links.WaitingBytes(node, LinkLane.Control) > WaitingBytesMax) return;
        var isFirst = true;
        foreach (var some in due.Take(ReportsMax).Chunk(ReportsInFrame).DefaultIfEmpty([]).ToArray())
        {
            LeaderReport[] reports = [.. some.Where(_own.ContainsKey).Select(queue => _own[queue].Report)];
            if (!_links.Post(node, LinkLane.Control, new ReportFrame(ReportCodec.Write(isFirst ? card : card with { Json = default }, reports)))) return;
            due.ExceptWith(some);
            isFirst = false;
        }
    }

    private void DropUnknown()
    {
        HashSet<QueueId> unknown = [.. _told.Keys.Where(queue => !_led.Exists(queue))];
        foreach (var queue in unknown.Where(_unknown.Contains)) Forget(queue);
        _unknown = unknown;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} tells of its queues in a way that this version does not understand: they are shown without their numbers. Finish the upgrade of the nodes")]
    private static partial void LogNotUnderstood(ILogger logger, string node);

    private sealed record Told(string Node, LeaderReport Report);
}
