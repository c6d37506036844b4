using System.Collections.Immutable;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Replication;

/// <summary>
/// The leader of a queue in one epoch. It numbers what happens, sends it to its mirrors, and says up to which number everything is safe: on its own disk and with
/// every copy in sync. Which copies these are it changes in the store, and goes by the larger of what is stored and what it has proposed, until it knows.
/// <code>
/// in the store:  n1 n2 n3        proposed:  n1 n2        n3 counts until the store has the new set
///                n1 n2                      n1 n2 n3     n3 counts from the proposal on
/// </code>
/// </summary>
internal sealed class QueueLeader
{
    // Of a record without its message, when what is kept for mirrors is counted.
    private const int RecordBytes = 64;

    private readonly Member _self;
    private readonly QueueState _state;
    private readonly ReplicaEffects _effects;
    private readonly ReplicaOptions _options;
    private readonly ProducerWindows _producers;
    private readonly EpochEnd[] _ends;
    private readonly Dictionary<string, MirrorFeed> _feeds = [];
    private readonly IReadOnlyDictionary<string, long> _linkGoneSince;
    private readonly IReadOnlyDictionary<string, long> _endedBoots;

    // The last session of each mirror that was begun.
    private readonly Dictionary<string, long> _lastSessions = [];

    // Since when a copy in sync has no session in which it is complete.
    private readonly Dictionary<string, long> _missingSince = [];
    private readonly long _leadsSince;
    private QueueConfiguration? _proposal;
    private long _proposals;
    private long _proposedAt;
    private long _durable;
    private (string Node, uint Epoch, long Since)? _handOver;
    private (ImmutableArray<string> Replicas, int MinInSync)? _wanted;

    /// <param name="stored">Makes it the leader.</param>
    /// <param name="ends">What it knew when it became that.</param>
    /// <param name="linkGoneSince">Nodes whose link is closed, and since when.</param>
    /// <param name="endedBoots">Nodes whose process has ended, and the last start of which that is known.</param>
    public QueueLeader(Member self, QueueState state, ReplicaEffects effects, ReplicaOptions options, QueueConfiguration stored, EpochEnd[] ends, ProducerWindows producers, IReadOnlyDictionary<string, long> linkGoneSince, IReadOnlyDictionary<string, long> endedBoots, long now)
    {
        (_self, _state, _effects, _options, _producers) = (self, state, effects, options, producers);
        (_ends, _linkGoneSince, _endedBoots, _leadsSince) = (ends, linkGoneSince, endedBoots, now);
        Stored = stored;
    }

    /// <summary>As last seen in the store, of this epoch.</summary>
    public QueueConfiguration Stored { get; private set; }

    /// <summary>Of the last batch. The first of an epoch is empty: once it is complete, everything from earlier epochs is.</summary>
    public long LastNumber { get; private set; } = 1;

    /// <summary>Every batch up to this one is safe.</summary>
    public long Completed { get; private set; }

    /// <summary>Nothing is confirmed: the lease of this node is in doubt, and another one may lead by now.</summary>
    public bool IsSuspended { get; set; }

    /// <summary>Up to where it knows each epoch: all of its own, and of those before what it knew when it began to lead.</summary>
    public EpochEnd[] Known => [.. _ends, new EpochEnd(Stored.Epoch, Math.Max(Positions.First(Stored.Epoch), _state.MessagesEnd))];

    public bool AcceptsPublishes => Stored.HasEnough && !IsSuspended && _handOver is null;

    /// <summary>The next leader is about to take over: nothing may be appended any more.</summary>
    public bool IsFrozen => _handOver is not null && _proposal is not null && _proposal.Epoch > Stored.Epoch;

    /// <summary>Who is to lead instead of one that the policy does not name.</summary>
    public string? Successor => Stored.Replicas.Contains(_self.Node) || IsHandingOver
        ? null
        : Stored.Replicas.FirstOrDefault(node => _feeds.TryGetValue(node, out var feed) && feed.IsComplete && Stored.InSync.Contains(feed.Mirror));

    public bool IsHandingOver => _handOver is not null;

    public IEnumerable<MirrorFeed> Feeds => _feeds.Values;

    public long KeptBytes
    {
        get
        {
            var bytes = 0L;
            foreach (var (_, feed) in _feeds) bytes += feed.TailBytes;
            return bytes;
        }
    }

    public long Append(StoreRecord[] records, ProducerMark[] marks, bool isTogether, long now)
    {
        if (IsFrozen) throw new InvalidOperationException("the queue is being handed over: nothing may happen in it");
        var batch = new Batch(++LastNumber, records, marks, isTogether, BytesOf(records));
        // A dictionary may lose entries while it is walked.
        foreach (var (_, feed) in _feeds) Send(feed, batch, now);
        return LastNumber;
    }

    /// <summary>This node's disk has every batch up to that one.</summary>
    public void Durable(long number, long now)
    {
        _durable = Math.Max(_durable, number);
        Complete();
        if (IsHandingOver) ChangeSet(now);
    }

    public void Received(string from, ReplicaMessage message, long now)
    {
        if (message is Join join)
        {
            Join(from, join, now);
            return;
        }
        if (!_feeds.TryGetValue(from, out var feed) || feed.Session != message.Session)
        {
            // It may be a session that is over; if it is a newer one, its Join was lost and comes again.
            if (message is Taken) _effects.Send(from, new Refuse(Stored.Epoch, message.Session));
            return;
        }
        if (message is Taken taken && feed.Taken(taken, now))
        {
            if (feed.IsComplete) _missingSince.Remove(from);
            Supply(feed, now);
            Describe(feed, now);
            Complete();
            // By the words of one that is in sync the set does not change.
            if (IsHandingOver || !Stored.InSync.Contains(feed.Mirror)) ChangeSet(now);
        }
        else if (message is Want want && feed.Ask(want)) Supply(feed, now);
    }

    /// <summary>The link to a node is another one than before.</summary>
    public void LinkIsNew(string node)
    {
        if (_feeds.TryGetValue(node, out var feed)) feed.LinkIsNew();
    }

    /// <summary>What was asked for was read.</summary>
    /// <param name="messages">One for each absent position; null: it is gone, or damaged.</param>
    public void Read(WantedRead read, Message?[] messages, long now)
    {
        if (!_feeds.TryGetValue(read.Node, out var feed) || feed.Session != read.Session || feed.LastWant != read.Want) return;
        feed.IsReading = false;
        var found = read.Found.ToArray();
        for (var index = 0; index < messages.Length; index++) found[Array.BinarySearch(read.Wanted, read.Absent[index])] = messages[index];
        Fill(feed, read.Wanted, found, now);
        Supply(feed, now);
    }

    public void Tick(long now)
    {
        if (_handOver is { } begun && now - begun.Since >= _options.HandOverMs) CancelHandOver();
        foreach (var (node, feed) in _feeds)
        {
            foreach (var overdue in feed.Overdue(Stored.Epoch, now, _options.ResendMs)) _effects.Send(node, overdue);
        }
        if (_proposal is not null && now - _proposedAt >= _options.ResendMs)
        {
            // Whether it was done or not, asking once more does no harm: it is for this revision only.
            _proposedAt = now;
            _effects.Propose(Stored.Revision, _proposal);
        }
        Advance(now);
    }

    /// <summary>The store has this by now, in this epoch.</summary>
    public void Configured(QueueConfiguration stored, long now)
    {
        Stored = stored;
        // Whatever was proposed was for an older revision: it is this, or will never be.
        _proposal = null;
        foreach (var gone in _feeds.Keys.Where(node => !stored.Concerns(node)).ToArray()) _feeds.Remove(gone);
        Advance(now);
    }

    /// <summary>Other nodes are to have the queue.</summary>
    public void Want(ImmutableArray<string> replicas, int minInSync) => _wanted = (replicas, minInSync);

    /// <summary>Begins to hand the queue over: nothing more may be published or handed out.</summary>
    /// <param name="epoch">For the next leader: above every one that this queue had.</param>
    public void HandOver(string node, uint epoch, long now) => _handOver = (node, epoch, now);

    /// <summary>It goes on as before, if it still can.</summary>
    public bool CancelHandOver()
    {
        if (IsFrozen) return false;
        _handOver = null;
        return true;
    }

    private void Join(string from, Join join, long now)
    {
        if (!Stored.Concerns(from)) return;
        if (join.Session <= _lastSessions.GetValueOrDefault(from))
        {
            // Doubled, or late; or what it began is over, and its places would be given a second time.
            if (!_feeds.ContainsKey(from)) _effects.Send(from, new Refuse(Stored.Epoch, join.Session));
            return;
        }
        _lastSessions[from] = join.Session;
        var feed = _feeds[from] = new MirrorFeed(join.Mirror, join.Session, now);
        _missingSince.TryAdd(from, now);
        Describe(feed, now);
    }

    /// <summary>Goes on telling a mirror what is in the queue, as far as it takes it.</summary>
    private void Describe(MirrorFeed feed, long now)
    {
        while (!feed.IsDescribed && feed.CatchUpBytes < _options.CatchUpBytes && feed.Lacking <= _options.LackingMax)
        {
            var live = new List<LiveMessage>();
            var from = feed.PartFrom;
            var next = _state.Describe(from, _options.PartCount, live, now);
            feed.IsDescribed = next >= _state.End;
            feed.PartFrom = next;
            feed.MessagesTold += live.Count;
            var last = feed.IsDescribed ? new LastPart(_producers.ToArray(), _ends) : null;
            Send(feed, new Part(LastNumber, from, last is null ? next : long.MaxValue, [.. live], last), now);
        }
    }

    /// <summary>Goes on sending a mirror what it has asked for, as far as it takes it: messages may be large.</summary>
    private void Supply(MirrorFeed feed, long now)
    {
        while (feed is { IsSupplying: true, IsReading: false } && feed.CatchUpBytes < _options.CatchUpBytes)
        {
            var wanted = feed.Supply(_options.FillBytes, _state.SizeAt);
            // Those that are at hand are held: by the time that the others were read, they may be in memory no more.
            var found = Array.ConvertAll(wanted, _state.MessageAt);
            long[] absent = [.. wanted.Where((position, index) => found[index] is null && _state.Contains(position))];
            feed.IsReading = absent.Length > 0;
            if (feed.IsReading) _effects.Read(new WantedRead(feed.Mirror.Node, feed.Session, feed.LastWant, wanted, found, absent));
            else Fill(feed, wanted, found, now);
        }
    }

    private void Fill(MirrorFeed feed, long[] wanted, Message?[] found, long now)
    {
        var records = new List<StoreRecord>(wanted.Length);
        var bytes = 0L;
        foreach (var (position, message) in wanted.Zip(found))
        {
            if (message is null || !_state.Contains(position)) continue;
            var attributes = _state.AttributesAt(position, now);
            records.Add(new StoreRecord { Type = RecordType.Enqueue, Queue = _state.Id, Position = position, Message = message, Attributes = attributes with { ReadyAt = 0 } });
            if (attributes.ReadyAt != 0) records.Add(StoreRecord.Change(_state.Id, position, attributes));
            bytes += message.Size;
        }
        Send(feed, new Fill(LastNumber, feed.LastWant, wanted[^1] + 1, [.. records], bytes), now);
    }

    private void Send(MirrorFeed feed, FeedItem item, long now)
    {
        _effects.Send(feed.Mirror.Node, feed.Add(Stored.Epoch, item, now));
        if (feed.TailBytes - item.Bytes <= _options.TailBytesMax) return;
        // It would have to be kept for a mirror that is far behind: that gets what is left by then, instead of all that happened.
        _feeds.Remove(feed.Mirror.Node);
        _missingSince.TryAdd(feed.Mirror.Node, now);
        _effects.Send(feed.Mirror.Node, new Refuse(Stored.Epoch, feed.Session));
    }

    /// <summary>Looks whether more is safe by now, and whether the set has to change.</summary>
    public void Advance(long now)
    {
        Complete();
        ChangeSet(now);
    }

    private void Complete()
    {
        // One that is not among the proposed may be gone with what it has, as soon as that is stored.
        if (IsSuspended || !Stored.HasEnough || _proposal is { HasEnough: false }) return;
        var safe = Math.Min(_durable, TakenBy(Stored.InSync));
        if (_proposal is not null) safe = Math.Min(safe, TakenBy(_proposal.InSync));
        Completed = Math.Max(Completed, safe);
    }

    /// <summary>All of these mirrors have every batch up to this one.</summary>
    private long TakenBy(ImmutableArray<Member> members)
    {
        var taken = long.MaxValue;
        foreach (var member in members)
        {
            if (!member.IsSameCopy(_self)) taken = Math.Min(taken, FeedOf(member)?.TakenNumber ?? 0);
        }
        return taken;
    }

    private static long BytesOf(StoreRecord[] records)
    {
        var bytes = 0L;
        foreach (ref readonly var record in records.AsSpan()) bytes += RecordBytes + (record.Message?.Size ?? 0);
        return bytes;
    }

    private MirrorFeed? FeedOf(Member member) => _feeds.TryGetValue(member.Node, out var feed) && feed.Mirror.IsSameCopy(member) ? feed : null;

    /// <summary>Proposes what has to change, one change at a time.</summary>
    private void ChangeSet(long now)
    {
        if (_proposal is not null) return;
        if (_handOver is var (node, epoch, begun) && (now - begun >= _options.LastAcksMs || !AwaitsAcks) && HandedOver(node) is { } next)
        {
            Propose(Stored with { Epoch = epoch, Leader = next }, now);
            return;
        }
        var inSync = Stored.InSync.Where(member => member.IsSameCopy(_self) || (IsWanted(member) && !HasLost(member, now))).ToList();
        var changed = inSync.Count != Stored.InSync.Length;
        foreach (var feed in _feeds.Values)
        {
            // All that was confirmed without it, it has by now.
            if (!feed.IsComplete || feed.TakenNumber < Completed || !Stored.Replicas.Contains(feed.Mirror.Node)) continue;
            if (inSync.Contains(feed.Mirror) || HasLost(feed.Mirror, now)) continue;
            var place = inSync.FindIndex(feed.Mirror.IsSameCopy);
            if (place >= 0) inSync[place] = feed.Mirror;
            else inSync.Add(feed.Mirror);
            changed = true;
        }
        var (replicas, min) = _wanted ?? (Stored.Replicas, Stored.MinInSync);
        changed |= !replicas.SequenceEqual(Stored.Replicas) || min != Stored.MinInSync;
        if (changed) Propose(Stored with { InSync = [.. inSync], Replicas = replicas, MinInSync = min }, now);
    }

    private bool AwaitsAcks => _state.UnackedCount > _state.DelayedCount;

    /// <summary>The next leader, once it has everything.</summary>
    private Member? HandedOver(string node) => _feeds.TryGetValue(node, out var feed) && Stored.InSync.Contains(feed.Mirror)
        && Completed == LastNumber && feed.TakenNumber == LastNumber ? feed.Mirror : null;

    /// <summary>A copy that the policy does not ask for goes when those are there that it asks for.</summary>
    private bool IsWanted(Member member) => Stored.Replicas.Contains(member.Node)
        || !Stored.Replicas.All(node => Stored.InSync.Any(other => other.Node == node));

    /// <summary>A copy in sync that does not keep up.</summary>
    private bool HasLost(Member member, long now)
    {
        if (_linkGoneSince.TryGetValue(member.Node, out var gone) && now - gone >= _options.LinkGoneMs) return true;
        if (_feeds.TryGetValue(member.Node, out var feed) && !feed.Mirror.IsSameCopy(member)) return true; // its disk is another one
        if (_endedBoots.TryGetValue(member.Node, out var ended) && (feed?.Mirror ?? member).Boot <= ended) return true;
        if (feed is { IsComplete: true }) return feed.IsWaiting && now - feed.WaitsSince >= _options.MaxLagMs;
        return now - _missingSince.GetValueOrDefault(member.Node, _leadsSince) >= _options.MaxLagMs;
    }

    private void Propose(QueueConfiguration proposal, long now)
    {
        (_proposal, _proposedAt) = (proposal with { Revision = 0, Ends = [.. _ends], Proposal = new ProposalId(_self.Boot, ++_proposals) }, now);
        _effects.Propose(Stored.Revision, _proposal);
    }
}
