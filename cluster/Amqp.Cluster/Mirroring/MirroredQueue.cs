using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using Amqp.Replication;

namespace Amqp.Cluster.Mirroring;

/// <summary>
/// The copy of a mirrored queue on this node: the driver of a <see cref="QueueReplica"/> in the loop of the queue's actor. What happens outside comes as an event; what was decided
/// goes to the links, to etcd and to the store.
/// </summary>
internal sealed class MirroredQueue(QueueDefinition queue, IQueueEndpoint elsewhere, Mirrors mirrors) : IQueueReplica
{
    /// <summary>A new leader whose mirrors have not come yet lets publishers wait for so many milliseconds before it refuses them.</summary>
    private const long PatienceMs = 5_000;

    /// <summary>After something has happened so many ticks are all taken: ten seconds. Then one in <see cref="IdleTicks"/>, so that ten thousand idle queues cost next to nothing.</summary>
    private const int BusyTicks = 100;
    private const int IdleTicks = 50;

    /// <summary>Messages that go at once with a copy that is not wanted any more; other work of the node has its turn in between.</summary>
    private const int GivenUpAtOnce = 10_000;

    private QueueReplica? _replica;
    private QueueState? _state;
    private uint _leads;
    private long _leadsSince;
    private bool _mayTooFew;
    private int _ticks;
    private int _busyTicks = BusyTicks;
    private MirrorProgressList _progress = MirrorProgressList.None;
    private volatile bool _isConfigured;
    private volatile bool _hasFailed;

    public QueueDefinition Definition { get; private set; } = queue;

    public IQueueEndpoint Elsewhere { get; } = elsewhere;

    /// <summary>How far the mirrors are, if the copy here leads; from any thread.</summary>
    public MirrorProgressList Progress => Volatile.Read(ref _progress);

    public ReplicaStanding Standing => _leads == 0 ? ReplicaStanding.Elsewhere
        : _replica!.IsFrozen ? ReplicaStanding.Frozen
        : !_replica.HandsOut ? ReplicaStanding.Pauses
        : _replica.AcceptsPublishes ? ReplicaStanding.Leads
        : _mayTooFew ? ReplicaStanding.LeadsWithTooFew : ReplicaStanding.Pauses;

    public uint LeadsInEpoch => _leads;

    public long Completed => _replica!.Completed;

    public long KeptBytes => _replica!.KeptBytes;

    public ReplicaMark Mark
    {
        get
        {
            if (_leads != 0) return new ReplicaMark(_leads, _replica!.LastNumber);
            var (session, mark) = _replica!.Place;
            return mark == 0 ? default : new ReplicaMark(-session, mark);
        }
    }

    public bool Knows(INumberedPublisher publisher, long number) => _replica!.IsDuplicate(new ProducerId(publisher.Node, publisher.Id), number);

    public void Published(INumberedPublisher publisher, long number) => _replica!.Published(new ProducerId(publisher.Node, publisher.Id), number, publisher.Floor);

    public long Append(ReadOnlySpan<StoreRecord> stream, bool isTogether, long now)
    {
        // A mirror that does not answer is to be noticed.
        Volatile.Write(ref _busyTicks, BusyTicks);
        return _replica!.Append(stream, isTogether, now);
    }

    public void Durable(ReplicaMark mark, long now)
    {
        if (mark.Major > 0) _replica!.Durable((uint)mark.Major, mark.Minor, now);
        else _replica!.Flushed(-mark.Major, mark.Minor, now);
    }

    public void CarryOut()
    {
        var effects = _replica!.Effects;
        foreach (var (node, message) in effects.Sends) mirrors.Send(node, Definition.Id, message);
        if (effects.Proposal is var (revision, configuration)) mirrors.Propose(new QueueChange(Definition.Id, revision, configuration));
        foreach (var read in effects.Reads) mirrors.Store.Read(Definition.Id, read.Absent, new WantedMessages(this, read));
        if (effects.Orphans is { } orphans) KeepAside(orphans);
        effects.Clear();
    }

    public void Fail()
    {
        if (_hasFailed) return;
        _hasFailed = true;
        _replica = null;
        Volatile.Write(ref _progress, MirrorProgressList.None);
        if (_leads != 0)
        {
            _leads = 0;
            mirrors.LeadChanged(this, epoch: 0);
        }
        mirrors.Failed(Definition.Id);
    }

    /// <summary>
    /// Posts an event to the queue, if it is here. Before the first record nothing happens: a queue that is to get mirrors works as one that has none until it is said who leads, and
    /// would otherwise send its users, with their acknowledgements, to a leader that there is not.
    /// </summary>
    public void Post(Action<QueueReplica, long> happen)
    {
        if (!_isConfigured || _hasFailed) return;
        Volatile.Write(ref _busyTicks, BusyTicks);
        mirrors.Post(Definition.Id, new Happening(this, happen));
    }

    /// <summary>The store has this.</summary>
    public void Configured(QueueConfiguration configuration)
    {
        _isConfigured = true;
        Post((replica, now) =>
        {
            // It may have come to be before there was a copy to tell.
            replica.Suspend(mirrors.IsInDoubt, now);
            replica.Configured(configuration, now);
            if (!replica.Configuration!.Concerns(mirrors.Self.Node)) mirrors.MayBeGone(Definition.Id);
        });
    }

    /// <summary>This node is to have no copy any more, by what was stored after this one has heard so and has left its leader: what it has goes. If it is to have the queue again, it begins with nothing.</summary>
    public void GiveUp() => Post((replica, now) =>
    {
        if (replica.Configuration is not { } known || known.Concerns(mirrors.Self.Node)) return;
        var some = new List<LiveMessage>();
        var next = _state!.Describe(from: 0, GivenUpAtOnce, some, now);
        if (some.Count == 0) return;
        _state.Replay(StoreRecord.Settle(Definition.Id, position: 0, count: next), now);
        GiveUp();
    });

    /// <summary>A tenth of a second has passed. Called by one timer.</summary>
    public void Tick()
    {
        if (!_isConfigured || _hasFailed) return;
        var busy = Volatile.Read(ref _busyTicks);
        if (busy > 0) Interlocked.CompareExchange(ref _busyTicks, busy - 1, busy);
        else if (++_ticks % IdleTicks != 0) return;
        mirrors.Post(Definition.Id, new Happening(this, Tick));
    }

    private void Tick(QueueReplica replica, long now)
    {
        replica.Tick(now);
        if (_leads != 0 && !_mayTooFew) _mayTooFew = now - _leadsSince >= PatienceMs;
        if (replica.Successor is { } next) HandOver(next);
        Volatile.Write(ref _progress, replica.Progress(_progress));
    }

    /// <summary>The queue is to be led by another node, which is in sync.</summary>
    public void HandOver(string node) => Post((replica, now) =>
    {
        if (replica is { HandsOut: true, Configuration: { } stored }) replica.HandOver(node, stored.Epoch + 1, now);
    });

    /// <summary>The queue goes by other policies now.</summary>
    public void Follow(QueueDefinition queue) => Definition = queue;

    private MirroredQueue Happen(Action<QueueReplica, long> happen, QueueState state, long now)
    {
        _state = state;
        _replica ??= new QueueReplica(mirrors.Self, state, mirrors.OptionsOf(Definition), mirrors.NewSession);
        happen(_replica, now);
        var leads = _replica.Role == ReplicaRole.Leader ? _replica.Configuration!.Epoch : 0;
        if (leads == _leads) return this;
        (_leads, _leadsSince, _mayTooFew) = (leads, now, false);
        mirrors.LeadChanged(this, leads);
        return this;
    }

    /// <summary>Messages that are here, that no leader ever knew, are kept elsewhere before they go.</summary>
    private void KeepAside(Orphans orphans)
    {
        Message?[] found = [.. orphans.Positions.Select(_state!.MessageAt)];
        long[] absent = [.. orphans.Positions.Where((position, index) => found[index] is null && _state!.Contains(position))];
        if (absent.Length == 0) KeepAside(orphans, found, []);
        else mirrors.Store.Read(Definition.Id, absent, new OrphanedMessages(this, orphans, found));
    }

    private void KeepAside(Orphans orphans, Message?[] found, Message?[] read) =>
        mirrors.KeepAside(Definition, [.. found.Concat(read).OfType<Message>()], () => Post((replica, now) => replica.KeptAside(orphans, now)));

    private sealed class Happening(MirroredQueue queue, Action<QueueReplica, long> happen) : IReplicaEvent
    {
        public IQueueReplica Apply(QueueState state, long now) => queue.Happen(happen, state, now);

        public void Refused() => queue.Fail();
    }

    private sealed class OrphanedMessages(MirroredQueue queue, Orphans orphans, Message?[] found) : IMessageReader
    {
        public void Loaded(long[] positions, Message?[] messages) => queue.KeepAside(orphans, found, messages);
    }

    /// <summary>Messages that a mirror waits for, on their way from the store.</summary>
    private sealed class WantedMessages(MirroredQueue queue, WantedRead read) : IMessageReader
    {
        public void Loaded(long[] positions, Message?[] messages) => queue.Post((replica, now) => replica.Read(read, messages, now));
    }
}
