using System.Collections.Immutable;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Replication;

/// <summary>What a node is for a queue.</summary>
public enum ReplicaRole
{
    /// <summary>It has no copy, or one that counts for nothing.</summary>
    None,

    Mirror,
    Leader,
}

/// <summary>
/// One copy of a mirrored queue, as a function: events in, effects out. It has no thread, socket, disk or clock; its driver calls it with the time and carries
/// out what it decides. One loop owns it, together with the queue's state.
///
/// <para>The driver, after each event: takes what the state has recorded; gives <see cref="QueueEffects.Stream"/> to <see cref="Append"/> before any other event; gives
/// <see cref="QueueEffects.Records"/> to the store, in order; and when all of that is on the disk says so, by <see cref="Durable"/> with epoch and number of the batch as a leader, by
/// <see cref="Flushed"/> with the <see cref="Place"/> as a mirror. A publish is answered when its batch is <see cref="Completed"/>.</para>
/// </summary>
public sealed class QueueReplica
{
    /// <summary>Leaders that are remembered by how far they knew those before; a copy that was away for more than so many leaders keeps aside whatever is in doubt.</summary>
    private const int EndsMax = 64;

    private readonly Member _self;
    private readonly QueueState _state;
    private readonly ReplicaOptions _options;
    private readonly Func<long> _newSession;
    private readonly ProducerWindows _producers = new();
    private readonly Absences _absences = new();
    private readonly List<ProducerMark> _marks = [];
    private readonly Dictionary<string, long> _linkGoneSince = [];
    private readonly Dictionary<string, long> _endedBoots = [];
    private QueueConfiguration? _configuration;
    private QueueLeader? _leader;
    private QueueMirror? _mirror;

    // Of a copy that neither leads nor follows: what it knew when it did. Null: it never has since its node was started.
    private EpochEnd[]? _known;
    private bool _isSuspended;

    /// <param name="self">This start of this node.</param>
    /// <param name="state">What the node has of the queue: empty, restored from its store, or, of a queue that becomes a mirrored one, in use.</param>
    /// <param name="newSession">Gives numbers that no session of this node ever had, each above those before, also of earlier starts.</param>
    public QueueReplica(Member self, QueueState state, ReplicaOptions options, Func<long> newSession) => (_self, _state, _options, _newSession) = (self, state, options, newSession);

    public ReplicaEffects Effects { get; } = new();

    public ReplicaRole Role => _leader is not null ? ReplicaRole.Leader : _mirror is not null ? ReplicaRole.Mirror : ReplicaRole.None;

    /// <summary>As last seen in the store, or null.</summary>
    public QueueConfiguration? Configuration => _configuration;

    /// <summary>Of a leader: publishes may be taken; others are to be refused.</summary>
    public bool AcceptsPublishes => _leader is { AcceptsPublishes: true };

    /// <summary>Of a leader: messages may be handed out, as the state knows (<see cref="QueueState.HandsOut"/>).</summary>
    public bool HandsOut => _leader is { IsHandingOver: false, IsSuspended: false };

    /// <summary>Of a leader: the next one is about to take over, and until that is decided nothing may happen in the queue.</summary>
    public bool IsFrozen => _leader is { IsFrozen: true };

    /// <summary>Of a leader: the number of the last batch. The first of an epoch is empty, and has to be durable like any other.</summary>
    public long LastNumber => _leader?.LastNumber ?? 0;

    /// <summary>Of a leader: every batch up to that one is on its disk and with every copy in sync.</summary>
    public long Completed => _leader?.Completed ?? 0;

    /// <summary>Of a leader: bytes of what is kept for mirrors until they have taken it.</summary>
    public long KeptBytes => _leader?.KeptBytes ?? 0;

    /// <summary>Of a mirror: the session it is in, and how far it is in that; 0: nothing has happened in it. What happened up to then is to be flushed (<see cref="Flushed"/>).</summary>
    public (long Session, long Mark) Place => _mirror is null ? default : (_mirror.Session, _mirror.Mark);

    /// <summary>Of a mirror: the leader's batch that it is at, if it lacks nothing that the leader had by then; otherwise 0.</summary>
    public long MirroredNumber => _mirror is { IsComplete: true } ? _mirror.Number : 0;

    /// <summary>Of a leader that the policy does not name any more: who is to lead instead, by <see cref="HandOver"/>, as soon as one that it names can.</summary>
    public string? Successor => _leader?.Successor;

    /// <summary>Of a leader: how far its mirrors are.</summary>
    public IEnumerable<(Member Mirror, bool IsComplete, long TakenNumber)> Mirrors =>
        _leader?.Feeds.Select(feed => (feed.Mirror, feed.IsComplete, feed.TakenNumber)) ?? [];

    /// <summary>The same for operators. As long as it does not change, it is the same object.</summary>
    /// <param name="before">What this was the last time.</param>
    public MirrorProgressList Progress(MirrorProgressList before)
    {
        if (_leader is null) return MirrorProgressList.None;
        var (count, isSame) = (0, true);
        foreach (var feed in _leader.Feeds)
        {
            isSame &= count < before.Items.Length && before.Items[count] == ProgressOf(feed);
            count++;
        }
        return isSame && count == before.Items.Length ? before : new MirrorProgressList([.. _leader.Feeds.Select(ProgressOf)]);
    }

    /// <summary>The store has this: told by a watch, read, or as the answer to a proposal. If the store cannot say what became of a proposal there is no answer,
    /// and it is made again.</summary>
    public void Configured(QueueConfiguration configuration, long now)
    {
        if (_configuration is { } known && configuration.Revision <= known.Revision) return;
        var isNewEpoch = _configuration?.Epoch != configuration.Epoch;
        _configuration = configuration;
        if (configuration.Leader == _self)
        {
            if (_leader is null || isNewEpoch) Lead(configuration, now);
            else _leader.Configured(configuration, now);
            return;
        }
        var knowledge = Known;
        if (_leader is not null) Depose();
        _known = knowledge;
        // A start of this node that is over cannot be followed: the next leader is to be elected.
        if (configuration.Leader.Node == _self.Node || !configuration.Concerns(_self.Node)) _mirror = null;
        else if (_mirror is null || isNewEpoch) _mirror = new QueueMirror(_self, _state, Effects, _options, configuration, _producers, _absences, knowledge, _newSession(), now);
    }

    /// <summary>A publish with this number was taken before, and is safe when the batch <see cref="LastNumber"/> is complete.</summary>
    public bool IsDuplicate(ProducerId producer, long number) => _producers.Knows(producer, number);

    /// <summary>A publish was taken. To be called before the batch that it is in is appended.</summary>
    /// <param name="floor">The producer knows what became of all below this one.</param>
    public void Published(ProducerId producer, long number, long floor)
    {
        if (_marks is [.., var last] && last.Producer == producer && last.Last == number - 1) _marks[^1] = last with { Last = number, Floor = floor };
        else _marks.Add(new ProducerMark(producer, number, number, floor));
    }

    /// <summary>What happened in the queue of a leader.</summary>
    /// <param name="isTogether">A transaction is in it: disks are to have all of it or nothing.</param>
    /// <returns>The number of the batch.</returns>
    public long Append(ReadOnlySpan<StoreRecord> records, bool isTogether, long now)
    {
        foreach (var mark in _marks) _producers.Add(mark);
        var number = _leader!.Append(records.ToArray(), [.. _marks], isTogether, now);
        _marks.Clear();
        return number;
    }

    /// <summary>Of a leader: everything up to this batch of this epoch is on its disk.</summary>
    public void Durable(uint epoch, long number, long now)
    {
        if (epoch == _configuration?.Epoch) _leader?.Durable(number, now);
    }

    /// <summary>Of a mirror: everything up to this <see cref="Place"/> is on its disk.</summary>
    public void Flushed(long session, long mark, long now)
    {
        if (_mirror?.Session == session) _mirror.Flushed(mark, now);
    }

    /// <summary>From the replica of another node.</summary>
    public void Received(string from, ReplicaMessage message, long now)
    {
        _linkGoneSince.Remove(from);
        _endedBoots.Remove(from);
        if (message.Epoch != _configuration?.Epoch) return; // one of both does not know yet, and will
        if (_leader is not null) _leader.Received(from, message, now);
        else if (from == _configuration.Leader.Node) _mirror?.Received(message, _newSession, now);
    }

    /// <summary>Messages that a mirror waits for were read.</summary>
    /// <param name="messages">One for each absent position; null: it is gone, or damaged.</param>
    public void Read(WantedRead read, Message?[] messages, long now) => _leader?.Read(read, messages, now);

    /// <summary>What was to be kept aside is.</summary>
    public void KeptAside(Orphans orphans, long now) => _mirror?.KeptAside(orphans.Session, now);

    /// <summary>The link to a node is there, or is closed.</summary>
    public void LinkChanged(string node, bool isUp, long now)
    {
        if (!isUp)
        {
            _linkGoneSince.TryAdd(node, now);
            return;
        }
        _linkGoneSince.Remove(node);
        _leader?.LinkIsNew(node);
    }

    /// <summary>The process of a node has ended, or is taken for that: a leader does not wait for it, as it would for one whose link is closed only, until it hears from it again. One that stood still for
    /// longer than its lease comes back as it was.</summary>
    /// <param name="boot">Of the start that is over.</param>
    public void NodeEnded(string node, long boot, long now)
    {
        _endedBoots[node] = Math.Max(boot, _endedBoots.GetValueOrDefault(node));
        _leader?.Advance(now);
    }

    /// <summary>The lease of this node is in doubt, and another one may lead by now; or it is not any more. As long as it is, a leader confirms nothing and hands out nothing.</summary>
    public void Suspend(bool isInDoubt, long now)
    {
        _isSuspended = isInDoubt;
        if (_leader is not null) _leader.IsSuspended = isInDoubt;
        HandOutOrNot(now);
    }

    /// <summary>Of a leader: other nodes are to have the queue, or more of them.</summary>
    public void Want(ImmutableArray<string> replicas, int minInSync) => _leader?.Want(replicas, minInSync);

    /// <summary>Of a leader: the queue is to be led by another copy in sync. Nothing may be published, and nothing is handed out, from now on, until that one leads or the attempt is
    /// given up (<see cref="ReplicaOptions.HandOverMs"/>); see <see cref="IsFrozen"/>.</summary>
    /// <param name="epoch">Above every one that this queue had.</param>
    public void HandOver(string node, uint epoch, long now)
    {
        _leader?.HandOver(node, epoch, now);
        HandOutOrNot(now);
    }

    /// <summary>False: it is too late.</summary>
    public bool CancelHandOver(long now)
    {
        if (_leader?.CancelHandOver() != true) return false;
        HandOutOrNot(now);
        return true;
    }

    /// <summary>Some time has passed: to be called about ten times a second.</summary>
    public void Tick(long now)
    {
        _leader?.Tick(now);
        HandOutOrNot(now);
        _mirror?.Tick(now);
    }

    private MirrorProgress ProgressOf(MirrorFeed feed) => new(feed.Mirror.Node, feed.IsComplete, feed.BatchesBehind(LastNumber), feed.TailBytes, feed.MessagesTold);

    private void Lead(QueueConfiguration configuration, long now)
    {
        var wasMirrored = _mirror is not null || _leader is not null;
        var ends = EndsOf(configuration);
        if (_leader is not null) Depose(); // it follows itself
        _mirror = null;
        _absences.Leads(_state.MessagesEnd);
        // The leader before may have handed out anything; what a restart knows of that, the state knows.
        _state.IsMirrored = true;
        _leader = new QueueLeader(_self, _state, Effects, _options, configuration, ends, _producers, _linkGoneSince, _endedBoots, now) { IsSuspended = _isSuspended };
        _state.HandsOut = HandsOut;
        _state.Lead(configuration.Epoch, mayHaveBeenHandedOut: wasMirrored, now);
        _leader.Advance(now);
    }

    private void HandOutOrNot(long now)
    {
        if (_leader is null || _state.HandsOut == HandsOut) return;
        _state.HandsOut = HandsOut;
        _state.DeliverReturned(now);
    }

    private void Depose()
    {
        _leader = null;
        _marks.Clear();
        _state.IsMirrored = false;
        _state.Follow();
    }

    private EpochEnd[]? Known => _mirror is not null ? _mirror.Known : _leader?.Known ?? _known;

    /// <summary>Up to where it knows the epochs before this one.</summary>
    private EpochEnd[] EndsOf(QueueConfiguration configuration)
    {
        var known = Known ?? KnownAfterRestart(configuration.Ends);
        // Of a copy that was not in sync the store says that it knows nothing.
        if (configuration.Ends is [.., { End: 0 } unknown] && unknown.Epoch >= known[^1].Epoch) return [.. configuration.Ends];
        // The first says what is older than everything else here.
        return known.Length <= EndsMax ? known : [known[0], .. known[^(EndsMax - 1)..]];
    }

    /// <summary>A copy that was started again knows what it has, and goes by what the last leader that changed the record knew: that may have ended before it told this copy what it had.</summary>
    private EpochEnd[] KnownAfterRestart(IEnumerable<EpochEnd> ends)
    {
        var end = _state.MessagesEnd;
        var last = Positions.EpochOf(Math.Max(0, end - 1));
        foreach (var told in ends) end = told.Epoch == last ? Math.Min(end, told.End) : end;
        return [.. ends.Where(earlier => earlier.Epoch < last), new EpochEnd(last, end)];
    }
}
