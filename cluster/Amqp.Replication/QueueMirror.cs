using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Replication;

/// <summary>
/// A copy of a queue that follows its leader in one epoch. It is told what the leader has, part by part, and what happens meanwhile; it drops what the leader does
/// not have, asks for what it lacks, and from then on is as its leader was a moment ago. Only the mirror itself waits for that.
/// <code>
/// positions    1  2  3  4  5  6  7  8
/// leader       .  2  3  .  5  6  7  8        told: 2-3 5-8
/// mirror       1  2  3  4  5  .  .  .        drops 1 and 4, asks for 6-8
/// </code>
/// </summary>
internal sealed class QueueMirror
{
    /// <summary>How many of its own messages are compared with a part at a time.</summary>
    private const int ComparedMax = 1_024;

    private readonly QueueState _state;
    private readonly ReplicaEffects _effects;
    private readonly ReplicaOptions _options;
    private readonly ProducerWindows _producers;
    private readonly Absences _absences;
    private readonly Member _self;
    private readonly QueueConfiguration _configuration;
    private readonly SortedSet<long> _missing = [];
    private readonly List<long> _surplus = [];

    // Which publishes its leader knows, until all of their messages are here.
    private readonly ProducerWindows _told = new();

    // What has overtaken others: at most what the leader keeps for this mirror.
    private readonly Dictionary<long, FeedItem> _early = [];

    // Of the last question, and how many of them are answered.
    private long[] _asked = [];
    private int _answered;
    private long _session;
    private long _taken;
    private long _flushed;
    private long _wants;
    private bool _isDescribed;
    private bool _areOrphansKept = true;
    private EpochEnd[]? _known;
    private long _spokeAt;

    /// <param name="configuration">Says whom it follows.</param>
    /// <param name="known">Of the leaders before.</param>
    public QueueMirror(
        Member self, QueueState state, ReplicaEffects effects, ReplicaOptions options, QueueConfiguration configuration, ProducerWindows producers, Absences absences, EpochEnd[]? known, long session, long now)
    {
        (_known, _absences) = (known, absences);
        (_self, _state, _effects, _options, _configuration, _producers) = (self, state, effects, options, configuration, producers);
        Begin(session, now);
    }

    /// <summary>How far it is: it grows with each item that is taken in, and when it is complete, and what happened up to then is to be flushed (<see cref="Flushed"/>). 0: nothing was taken in.</summary>
    public long Mark => (_taken * 2) + (IsComplete ? 1 : 0);

    /// <summary>It lacks nothing that the leader had when it sent the last item.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The leader's batch that it is at; only if it <see cref="IsComplete"/>.</summary>
    public long Number { get; private set; }

    /// <summary>Of the leader's epoch, up to where the messages of earlier ones are known.</summary>
    public EpochEnd[] Ends { get; private set; } = [];

    /// <summary>Up to where it knows each epoch: as its leader did, but for what it lacks and what is above that. While it is not told of everything, as before; null: it was started again since.</summary>
    public EpochEnd[]? Known
    {
        get
        {
            if (!_isDescribed) return _known;
            var own = new EpochEnd(_configuration.Epoch, Math.Max(Positions.First(_configuration.Epoch), _state.MessagesEnd));
            if (_missing.Count == 0) return [.. Ends, own];
            var end = _missing.Min;
            return [.. Ends.Append(own).Where(known => Positions.First(known.Epoch) <= end).Select(known => known with { End = Math.Min(known.End, end) })];
        }
    }

    public long Session => _session;

    private bool IsWantOpen => _answered < _asked.Length;

    /// <param name="nextSession">For another try, if this one is refused.</param>
    public void Received(ReplicaMessage message, Func<long> nextSession, long now)
    {
        if (message.Session != _session) return;
        if (message is Refuse) Begin(nextSession(), now);
        else if (message is Feed feed && feed.Place > _taken && _early.TryAdd(feed.Place, feed.Item)) TakeInTurn(now);
    }

    private void TakeInTurn(long now)
    {
        while (_early.Remove(_taken + 1, out var item))
        {
            // Its mark does not count it before all of it is among the records: these may be taken in between.
            Take(item, now);
            _taken++;
            Number = item.Number;
            CompleteIfCaughtUp(now);
        }
    }

    /// <summary>
    /// It is as its leader from now on: what that does not have goes, and with it the publishes that only this copy knew. Until here it has all that it had, and
    /// goes by that, should it lead: what it was told of and does not have yet, it does not know.
    /// </summary>
    private void CompleteIfCaughtUp(long now)
    {
        if (!_isDescribed || _missing.Count > 0 || !_areOrphansKept || IsComplete) return;
        foreach (var position in _surplus) _state.Replay(StoreRecord.Settle(_state.Id, position), now);
        if (_surplus.Count > 0) _state.LoseKeys();
        _surplus.Clear();
        _producers.Clear();
        foreach (ref readonly var mark in _told.ToArray().AsSpan()) _producers.Add(mark);
        _told.Clear();
        _absences.Complete();
        IsComplete = true;
    }

    /// <summary>Everything up to that <see cref="Mark"/> is on this node's disk.</summary>
    public void Flushed(long mark, long now)
    {
        if (mark <= _flushed) return;
        _flushed = mark;
        SayTaken(now);
    }

    /// <summary>Messages that no leader ever knew are kept elsewhere: here they go.</summary>
    public void KeptAside(long session, long now)
    {
        if (session != _session || _areOrphansKept) return;
        _areOrphansKept = true;
        CompleteIfCaughtUp(now);
    }

    public void Tick(long now)
    {
        if (now - _spokeAt < _options.ResendMs) return;
        if (_taken == 0) SayJoin(now);
        else
        {
            SayTaken(now);
            if (IsWantOpen) AskAgain();
        }
    }

    private void Begin(long session, long now)
    {
        _known = Known;
        _absences.Begin(_state.MessagesEnd);
        (_session, _taken, _flushed, _wants, _asked, _answered, _isDescribed, IsComplete) = (session, 0, 0, 0, [], 0, false, false);
        _missing.Clear();
        _surplus.Clear();
        _early.Clear();
        _told.Clear();
        _areOrphansKept = true;
        SayJoin(now);
    }

    private void Take(FeedItem item, long now)
    {
        switch (item)
        {
            case Batch batch:
                if (batch.IsTogether) _state.KeepTogether();
                foreach (ref readonly var record in batch.Records.AsSpan())
                {
                    if (record.Type == RecordType.Settle && _missing.Count > 0) LackNoMore(record);
                    Replay(record, isNew: true, now);
                }
                foreach (ref readonly var mark in batch.Marks.AsSpan())
                {
                    _producers.Add(mark);
                    if (_isDescribed && !IsComplete) _told.Add(mark);
                }
                break;
            case Part part:
                Compare(part, now);
                break;
            case Fill fill:
                foreach (ref readonly var record in fill.Records.AsSpan()) Replay(record, isNew: false, now);
                // What is not in the answer is gone.
                while (fill.Want == _wants && IsWantOpen && _asked[_answered] < fill.End) _missing.Remove(_asked[_answered++]);
                break;
        }
        if (!IsWantOpen && _missing.Count > 0) Ask();
    }

    private void Replay(in StoreRecord record, bool isNew, long now)
    {
        if (record.Type == RecordType.Enqueue && _absences.Arrives(record.Position, isNew)) _state.Replay(record with { MayHaveBeenHere = true }, now);
        else _state.Replay(record, now);
    }

    private void LackNoMore(in StoreRecord settled)
    {
        var (first, end) = (settled.Position, settled.Position + settled.Count);
        if (settled.Count > _missing.Count) _missing.RemoveWhere(position => position >= first && position < end);
        else for (var position = first; position < end; position++) _missing.Remove(position);
    }

    /// <summary>What is here and not there goes, what is there and not here is asked for, and what is in both is as it is there.</summary>
    private void Compare(Part part, long now)
    {
        var here = new List<LiveMessage>();
        var next = 0;
        for (var from = part.From; from < part.End;)
        {
            here.Clear();
            from = _state.Describe(from, ComparedMax, here, now);
            foreach (var own in here)
            {
                if (own.Position >= part.End) break;
                for (; next < part.Live.Length && part.Live[next].Position < own.Position; next++) Lack(part.Live[next].Position);
                if (next == part.Live.Length || part.Live[next].Position > own.Position) _surplus.Add(own.Position);
                else if (part.Live[next++] is var known && known != own) _state.Replay(StoreRecord.Change(_state.Id, known.Position, known.Attributes), now);
            }
            if (from >= _state.End) break;
        }
        for (; next < part.Live.Length; next++) Lack(part.Live[next].Position);
        _absences.Described(part.End);
        if (part.Last is not { } last) return;
        _isDescribed = true;
        foreach (ref readonly var mark in last.Producers.AsSpan()) _told.Add(mark);
        Ends = last.Ends;
        long[] orphans = [.. _surplus.Where(IsOrphan)];
        if (orphans.Length == 0) return;
        _areOrphansKept = false;
        _effects.KeepAside(new Orphans(_session, orphans));
    }

    private void Lack(long position)
    {
        _missing.Add(position);
        _absences.Lacks(position);
    }

    /// <summary>No leader that this one knows of ever had it; all others were settled.</summary>
    private bool IsOrphan(long position)
    {
        var epoch = Positions.EpochOf(position);
        if (Ends.Length == 0 || epoch < Ends[0].Epoch) return false;
        foreach (var end in Ends)
        {
            if (end.Epoch == epoch) return position >= end.End;
        }
        return epoch != _configuration.Epoch;
    }

    private void Ask()
    {
        (_asked, _answered) = ([.. _missing.Take(_options.WantCount)], 0);
        _wants++;
        AskAgain();
    }

    private void AskAgain() => Say(new Want(_configuration.Epoch, _session, _wants, _asked));

    private void SayJoin(long now)
    {
        _spokeAt = now;
        Say(new Join(_configuration.Epoch, _session, _self));
    }

    private void SayTaken(long now)
    {
        _spokeAt = now;
        Say(new Taken(_configuration.Epoch, _session, _flushed / 2, IsComplete: _flushed % 2 == 1, _missing.Count));
    }

    private void Say(ReplicaMessage message) => _effects.Send(_configuration.Leader.Node, message);
}
