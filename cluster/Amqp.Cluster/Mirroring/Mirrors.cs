using System.Buffers;
using System.Collections.Concurrent;
using AMQP.Net;
using Amqp.Cluster.Links;
using Amqp.Core.Messages;
using Amqp.Core.Policies;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Amqp.Replication;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Mirroring;

/// <summary>
/// The mirrored queues of the cluster as this node sees them: who has which, the copies that are here, and what they say to those on other nodes.
/// <code>
///   etcd: queues/17  --watch-->  records  --+--> the copy of 17 on this node, by its actor's mailbox
///                                           +--> where the users of 17 on this node turn
///                                           +--> is its leader's node gone?  (QueueController)
/// </code>
/// What has to wait for etcd is done by one loop; everything else happens on the thread that brings it.
/// </summary>
internal sealed partial class Mirrors : IAsyncDisposable
{
    private static readonly TimeSpan TickEvery = TimeSpan.FromMilliseconds(100);

    // Names that come again and again, of what a thread reads.
    [ThreadStatic]
    private static ShortStringPool? _strings;

    private readonly ConcurrentDictionary<QueueId, MirroredQueue> _copies = new();
    private readonly ConcurrentDictionary<QueueId, QueueConfiguration> _records = new();

    // Copies that are wanted here, and whose record came while their queue was being added to the definitions of this node.
    private readonly ConcurrentDictionary<QueueId, ValueTuple> _notOpened = new();

    // Queues whose copy here has failed: of no use until the process is started again.
    private readonly ConcurrentDictionary<QueueId, ValueTuple> _failed = new();
    private readonly ReplicaOptions _options;
    private readonly NodeLinks _links;
    private readonly ILeaders _leaders;
    private readonly ILogger _logger;
    private readonly RecordKeeper _keeper;
    private readonly ITimer _ticking;
    private ILocalQueues? _local;
    private long _sessions;
    private volatile bool _isInDoubt;

    /// <param name="self">This start of this node.</param>
    /// <param name="leaders">Is told which node leads which queue.</param>
    /// <param name="failed">Called once, when this node cannot follow who leads any more: the process must end, and start again.</param>
    public Mirrors(Member self, NodeLinks links, QueueRecords records, IMessageStore store, ILeaders leaders, ReplicaOptions options, TimeProvider time, ILogger logger, Action<Exception> failed)
    {
        (Self, _links, Store, _leaders, _options, _logger) = (self, links, store, leaders, options, logger);
        _keeper = new RecordKeeper(records, RevisionOf, Stored, Asked, failed, time, logger);
        _ticking = time.CreateTimer(_ => Tick(), state: null, TickEvery, TickEvery);
    }

    public Member Self { get; }

    public IMessageStore Store { get; }

    /// <summary>All records, as this node has last heard of them.</summary>
    public IEnumerable<KeyValuePair<QueueId, QueueConfiguration>> Records => _records;

    /// <summary>Queues that this node leads by their records, and cannot lead: their copy here has failed.</summary>
    public IEnumerable<KeyValuePair<QueueId, QueueConfiguration>> FailedLeads
    {
        get
        {
            foreach (var (queue, _) in _failed)
            {
                if (RecordOf(queue) is { } configuration && configuration.Leader == Self) yield return KeyValuePair.Create(queue, configuration);
            }
        }
    }

    /// <summary>Loads who has what. Before the topology is loaded: a queue that has a record and is not in it was deleted.</summary>
    public async Task Load(CancellationToken cancellation)
    {
        foreach (var (queue, configuration) in await _keeper.Load(cancellation)) _records[queue] = configuration;
    }

    /// <summary>What was loaded of queues that are not among the definitions, which were loaded later, is removed: they were deleted.</summary>
    public void RemoveDeleted(Func<QueueId, bool> exists)
    {
        foreach (var (queue, _) in _records)
        {
            if (exists(queue)) continue;
            _records.TryRemove(queue, out _);
            _keeper.Remove(queue);
        }
    }

    /// <summary>The queues of this node can be found, and what was loaded and what comes is told to them.</summary>
    public void Serve(ILocalQueues local)
    {
        _local = local;
        // Copies that were opened with the topology could not be found until now, and what Begin told them went nowhere.
        foreach (var (_, copy) in _copies) Begin(copy.Definition);
        _keeper.Start();
    }

    /// <summary>Who has a queue; null: it never had mirrors.</summary>
    public QueueConfiguration? RecordOf(QueueId queue) => _records.GetValueOrDefault(queue);

    /// <summary>How far the mirrors of a queue are that this node leads.</summary>
    public MirrorProgressList ProgressOf(QueueId queue) => _copies.TryGetValue(queue, out var copy) ? copy.Progress : MirrorProgressList.None;

    /// <summary>A queue that this node leads is to be led by another node, if that is in sync.</summary>
    public void HandOver(QueueId queue, string node)
    {
        if (_copies.TryGetValue(queue, out var copy)) copy.HandOver(node);
    }

    /// <summary>The queue was deleted because no node is left that has it.</summary>
    public void RemoveRecord(QueueId queue) => _keeper.Remove(queue);

    /// <summary>This node is to have a copy of the queue; its actor is not there yet.</summary>
    /// <param name="elsewhere">Reaches the leader wherever it is.</param>
    public void Add(QueueDefinition queue, IQueueEndpoint elsewhere) => _copies.TryAdd(queue.Id, new MirroredQueue(queue, elsewhere, this));

    /// <summary>The copy's actor is there.</summary>
    public void Begin(QueueDefinition queue)
    {
        if (_copies.TryGetValue(queue.Id, out var copy) && RecordOf(queue.Id) is { } configuration) copy.Configured(configuration);
    }

    /// <summary>A queue that has no record gets one, by which this node leads it.</summary>
    /// <param name="replicas">Nodes that are to have it, this one among them.</param>
    public void Found(QueueId queue, IReadOnlyList<string> replicas, int minInSync) => Propose(new QueueChange(queue, Revision: 0, new QueueConfiguration
    {
        Revision = 0,
        // Above every epoch that the queue has had on this node.
        Epoch = (uint)Self.Boot + 1,
        Leader = Self,
        Replicas = [.. replicas],
        InSync = [Self],
        MinInSync = minInSync,
    }));

    /// <summary>Other nodes are to have the queue, if its leader is here.</summary>
    public void Follow(QueueDefinition queue, IReadOnlyList<string> replicas, int minInSync)
    {
        if (!_copies.TryGetValue(queue.Id, out var copy)) return;
        copy.Follow(queue);
        copy.Post((replica, _) => replica.Want([.. replicas], minInSync));
    }

    /// <summary>The queue was deleted.</summary>
    public void Remove(QueueId queue)
    {
        _copies.TryRemove(queue, out _);
        _failed.TryRemove(queue, out _);
        if (_records.TryRemove(queue, out var configuration) && configuration.Leader.Node == Self.Node) _keeper.Remove(queue);
    }

    /// <summary>Others may lead by now what this node led.</summary>
    public bool IsInDoubt => _isInDoubt;

    /// <summary>Others may lead by now what this node led, or may not any more. Called by one thread at a time.</summary>
    public void Suspend(bool isInDoubt)
    {
        if (_isInDoubt == isInDoubt) return;
        _isInDoubt = isInDoubt;
        foreach (var (_, copy) in _copies) copy.Post((replica, now) => replica.Suspend(isInDoubt, now));
    }

    /// <summary>The link to a node is there, or is not any more.</summary>
    public void LinkChanged(string node, bool isUp)
    {
        foreach (var (queue, copy) in _copies)
        {
            if (RecordOf(queue) is { } configuration && configuration.Concerns(node)) copy.Post((replica, now) => replica.LinkChanged(node, isUp, now));
        }
    }

    /// <summary>The process of a node has ended.</summary>
    public void Ended(string node, uint epoch)
    {
        foreach (var (queue, copy) in _copies)
        {
            if (RecordOf(queue) is { } configuration && configuration.Concerns(node)) copy.Post((replica, now) => replica.NodeEnded(node, epoch, now));
        }
    }

    /// <summary>Another node's copy of a queue says something.</summary>
    public void Received(string node, ReadOnlySequence<byte> payload)
    {
        if (!ReplicaFrame.TryRead(payload, _strings ??= new ShortStringPool(), out var queue, out var message))
        {
            LogNotUnderstood(_logger, node);
            return;
        }
        if (_copies.TryGetValue(queue, out var copy)) copy.Post((replica, now) => replica.Received(node, message!, now));
    }

    /// <summary>Asks for changes of records; what is stored then is told to the copies.</summary>
    public void Propose(QueueChange change) => _keeper.Propose(change);

    public async ValueTask DisposeAsync()
    {
        await _ticking.DisposeAsync();
        await _keeper.DisposeAsync();
    }

    /// <summary>The copy of a queue has heard that this node is to have none any more. Whether that is so now, etcd is asked: it may have been changed again, and the copy may count.</summary>
    internal void MayBeGone(QueueId queue) => _keeper.Ask(queue);

    internal long NewSession() => (Self.Boot << 32) + Interlocked.Increment(ref _sessions);

    internal ReplicaOptions OptionsOf(QueueDefinition queue) => _options with { MaxLagMs = queue.Settings.Mirrors?.MaxLagMs ?? MirrorSettings.MaxLagMsDefault };

    internal void Send(string node, QueueId queue, ReplicaMessage message) => _links.Post(node, LinkLane.Replication, new ReplicaFrame(queue, message));

    /// <summary>Messages that no leader ever knew are kept in a queue of their own.</summary>
    internal void KeepAside(QueueDefinition queue, IReadOnlyList<Message> messages, Action kept)
    {
        LogKeptAside(_logger, messages.Count, queue.Name, queue.Vhost);
        if (messages.Count > 0) _local!.KeepAside(queue, messages, kept);
        else kept();
    }

    internal void Post(QueueId queue, IReplicaEvent what) => _local?.Find(queue)?.Post(QueueOperation.Replicate(what));

    /// <summary>The copy here is of no use any more. In the loop of its actor.</summary>
    internal void Failed(QueueId queue) => _failed.TryAdd(queue, default);

    /// <summary>The copy here leads, or does not any more. In the loop of its actor.</summary>
    internal void LeadChanged(MirroredQueue copy, uint epoch)
    {
        if (epoch == 0) _leaders.LeadsNoMore(copy.Definition.Id);
        else _leaders.LeadsHere(copy.Definition.Id, epoch);
    }

    /// <summary>This is stored of a queue now.</summary>
    private void Stored(QueueId queue, QueueConfiguration configuration)
    {
        if (_records.TryGetValue(queue, out var known) && known.Revision >= configuration.Revision) return;
        _records[queue] = configuration;
        if (configuration.Leader.Node != Self.Node) _leaders.Leads(queue, configuration.Leader.Node, configuration.Epoch);
        if (_copies.TryGetValue(queue, out var copy)) copy.Configured(configuration);
        else if (configuration.Concerns(Self.Node)) OpenCopy(queue);
    }

    private long RevisionOf(QueueId queue) => RecordOf(queue)?.Revision ?? 0;

    private void Asked(QueueId queue, QueueConfiguration configuration)
    {
        if (!configuration.Concerns(Self.Node) && _copies.TryGetValue(queue, out var copy)) copy.GiveUp();
    }

    private void OpenCopy(QueueId queue)
    {
        if (!_leaders.TryOpenCopy(queue)) _notOpened.TryAdd(queue, default);
    }

    private void Tick()
    {
        foreach (var (queue, _) in _notOpened)
        {
            if (_notOpened.TryRemove(queue, out _)) OpenCopy(queue);
        }
        foreach (var (_, copy) in _copies) copy.Tick();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The copy of queue '{Name}' in vhost '{Vhost}' on this node had {Count} messages that its leader never knew; none of them was confirmed. They are moved to a queue of their own, amq.recovered.<name>")]
    private static partial void LogKeptAside(ILogger logger, int count, string name, string vhost);

    [LoggerMessage(Level = LogLevel.Error, Message = "Node {Node} has sent something about a mirrored queue that this version does not understand; it was dropped. If the versions of the nodes differ, finish the upgrade; if not, please report this")]
    private static partial void LogNotUnderstood(ILogger logger, string node);
}

/// <summary>Is told which node leads which mirrored queue; from any thread. It must neither block nor throw.</summary>
internal interface ILeaders
{
    /// <summary>Another node leads.</summary>
    void Leads(QueueId queue, string node, uint epoch);

    /// <summary>The copy on this node leads.</summary>
    void LeadsHere(QueueId queue, uint epoch);

    /// <summary>The copy on this node does not lead any more.</summary>
    void LeadsNoMore(QueueId queue);

    /// <summary>This node is to have a copy, and has none.</summary>
    /// <returns>False: this node is just about to know the queue; to be tried again. By one thread at a time.</returns>
    bool TryOpenCopy(QueueId queue);
}
