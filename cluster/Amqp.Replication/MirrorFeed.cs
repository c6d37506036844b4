namespace Amqp.Replication;

/// <summary>
/// One mirror as its leader sees it: a session, in which every item has a place, and what the mirror has taken of it.
/// <code>
///   taken by the mirror      tail: sent, kept until it is taken
///   1 2 3 4 5 6 7         |  8 9 10 11      12 is next
/// </code>
/// </summary>
internal sealed class MirrorFeed(Member mirror, long session, long now)
{
    /// <summary>How often the time after which the tail is sent again doubles: to 16 times of what it was at first.</summary>
    private const int DoublingsMax = 4;

    private const long LongAgo = long.MinValue / 2;

    private readonly Queue<Sent> _tail = new();
    private long _lastPlace;
    private long _takenPlace;
    private long _lastTakenNumber;
    private long[] _wanted = [];
    private int _supplied;

    // When the tail was last sent, or got shorter; and how often it was sent since it did.
    private long _triedAt;
    private int _tries;

    public Member Mirror { get; } = mirror;

    public long Session { get; } = session;

    /// <summary>Bytes of what it has not taken.</summary>
    public long TailBytes { get; private set; }

    /// <summary>It lacked nothing by the last place that it has taken, and so by every later one.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The leader's batch up to which it has everything; 0: it lacks something.</summary>
    public long TakenNumber { get; private set; }

    /// <summary>The next part begins here.</summary>
    public long PartFrom { get; set; }

    /// <summary>Messages of the queue that it was told of, in parts.</summary>
    public long MessagesTold { get; set; }

    /// <summary>All parts were sent.</summary>
    public bool IsDescribed { get; set; }

    /// <summary>Of <see cref="TailBytes"/>, what it catches up with: parts and messages that it has asked for.</summary>
    public long CatchUpBytes { get; private set; }

    /// <summary>Messages that it was told of and does not have yet, by its last word.</summary>
    public int Lacking { get; private set; }

    /// <summary>The last question that was taken up.</summary>
    public long LastWant { get; private set; }

    /// <summary>Some of what it has asked for is not sent.</summary>
    public bool IsSupplying => _supplied < _wanted.Length;

    /// <summary>Some of it is being read.</summary>
    public bool IsReading { get; set; }

    /// <summary>Since when something waits to be taken, or the session began without being complete yet.</summary>
    public long WaitsSince { get; private set; } = now;

    /// <summary>Batches of the leader that it has not confirmed, or not all of what came before them.</summary>
    public long BatchesBehind(long lastNumber) => lastNumber - _lastTakenNumber;

    public bool IsWaiting => !IsComplete || _tail.Count > 0;

    public Feed Add(uint epoch, FeedItem item, long now)
    {
        if (!IsWaiting) WaitsSince = now;
        if (_tail.Count == 0) GotOn(now);
        _tail.Enqueue(new Sent(++_lastPlace, item, now));
        TailBytes += item.Bytes;
        if (item is not Batch) CatchUpBytes += item.Bytes;
        return new Feed(epoch, Session, _lastPlace, item);
    }

    /// <summary>The mirror has everything up to a place.</summary>
    /// <returns>False: that was known.</returns>
    public bool Taken(Taken taken, long now)
    {
        if (taken.Place > _lastPlace || taken.Place < _takenPlace) return false;
        var number = 0L;
        while (_tail.TryPeek(out var first) && first.Place <= taken.Place)
        {
            _tail.Dequeue();
            TailBytes -= first.Item.Bytes;
            if (first.Item is not Batch) CatchUpBytes -= first.Item.Bytes;
            number = first.Item.Number;
            GotOn(now);
        }
        if (number == 0 && taken.IsComplete == IsComplete && taken.Lacking == Lacking) return false;
        (_takenPlace, Lacking) = (taken.Place, taken.Lacking);
        _lastTakenNumber = Math.Max(_lastTakenNumber, number);
        IsComplete |= taken.IsComplete;
        if (IsComplete) TakenNumber = _lastTakenNumber;
        WaitsSince = _tail.TryPeek(out var next) ? next.At : now;
        return true;
    }

    /// <summary>It asks for messages.</summary>
    /// <returns>False: it had asked that before, and is answered.</returns>
    public bool Ask(Want want)
    {
        if (want.Number <= LastWant) return false;
        (LastWant, _wanted, _supplied, IsReading) = (want.Number, want.Positions, 0, false);
        return true;
    }

    /// <summary>What is sent next of what it has asked for.</summary>
    /// <param name="bytesMax">Of messages, but one at least.</param>
    public long[] Supply(long bytesMax, Func<long, int> sizeAt)
    {
        var from = _supplied;
        for (var bytes = 0L; _supplied < _wanted.Length && (bytes += sizeAt(_wanted[_supplied])) <= bytesMax;) _supplied++;
        if (_supplied == from) _supplied++;
        return _wanted[from.._supplied];
    }

    /// <summary>
    /// What it has not taken, for another try. A link loses only what was in it when it broke, and of a new one the feed is told (<see cref="LinkIsNew"/>); without
    /// that, it is more likely that the mirror needs its time, and more of the same would not help it: each try comes later than the one before.
    /// </summary>
    public IEnumerable<Feed> Overdue(uint epoch, long now, long resendMs)
    {
        if (_tail.Count == 0 || now - _triedAt < resendMs << _tries) return [];
        _triedAt = now;
        _tries = Math.Min(_tries + 1, DoublingsMax);
        return _tail.Select(sent => new Feed(epoch, Session, sent.Place, sent.Item));
    }

    /// <summary>What was in the link before may be lost: it is sent again at once.</summary>
    public void LinkIsNew() => (_triedAt, _tries) = (LongAgo, 0);

    private void GotOn(long now) => (_triedAt, _tries) = (now, 0);

    private readonly record struct Sent(long Place, FeedItem Item, long At);
}
