using Amqp.Broker.Loops;
using Amqp.Broker.Queues;

namespace Amqp.Broker.Channels;

/// <summary>A delivery that waits for its settlement: which link to a queue has it, and its place in that queue.</summary>
internal readonly record struct Unsettled(ulong Tag, IQueueLink Link, long Position);

/// <summary>
/// Translates a channel's delivery tags to messages of queues. A tag is given when the delivery is written, so tags stand
/// on the wire in their order; the tag of a settled delivery is unknown from then on. Tags of automatic acknowledgement are
/// counted, and not kept.
/// </summary>
/// <remarks>A leaf lock: the write loop adds, the read loop settles; never held while calling out.</remarks>
internal sealed class DeliveryTags
{
    private readonly Lock _lock = new();
    private readonly NumberedRing<Held> _waiting = new();
    private ulong _lastTag;

    // Of those that wait: their messages are no more with this channel, and the client does not know.
    private int _givenUp;

    /// <summary>How many deliveries wait for their settlement.</summary>
    public int CountWaiting()
    {
        lock (_lock) return _waiting.Count - _givenUp;
    }

    /// <summary>How many were given up and are not settled.</summary>
    public int CountGivenUp()
    {
        lock (_lock) return _givenUp;
    }

    /// <summary>The last tag that was given, and the first that waits for its settlement; 0: there is none.</summary>
    public (ulong Last, ulong FirstWaiting) Bounds()
    {
        lock (_lock) return (_lastTag, _waiting.Count > 0 ? (ulong)_waiting.First : 0);
    }

    /// <summary>Adds those that wait, up to a tag, and of which that is true.</summary>
    /// <param name="condition">Is told tag and link; it does not call out.</param>
    public void Find(ulong upTo, Func<ulong, IQueueLink, bool> condition, List<Unsettled> found)
    {
        lock (_lock)
        {
            for (var place = _waiting.Next(0, out var tag); place >= 0 && (ulong)tag <= upTo; place = _waiting.Next(place + 1, out tag))
            {
                if (_waiting[place] is { Link: { } link } held && condition((ulong)tag, link)) found.Add(new Unsettled((ulong)tag, link, held.Position));
            }
        }
    }

    /// <summary>The message is taken from its holder; when the client settles it, that is no error, and means nothing.</summary>
    public void GiveUp(ulong tag)
    {
        lock (_lock)
        {
            var place = _waiting.Find((long)tag);
            if (place < 0 || _waiting[place].Link is null) return;
            _waiting[place] = default;
            _givenUp++;
        }
    }

    /// <summary>A tag for a delivery that needs no settlement.</summary>
    public ulong Next()
    {
        lock (_lock) return ++_lastTag;
    }

    /// <summary>A tag for a delivery that waits for its settlement.</summary>
    public ulong Add(IQueueLink link, long position)
    {
        lock (_lock)
        {
            _waiting.Add((long)++_lastTag, new Held(link, position));
            return _lastTag;
        }
    }

    /// <summary>
    /// Takes out one delivery, or with <paramref name="multiple"/> all up to the tag (0: all there are), oldest first.
    /// False: the tag is not waiting for a settlement.
    /// </summary>
    public bool TryTake(ulong tag, bool multiple, List<Unsettled> taken)
    {
        lock (_lock)
        {
            if (multiple && tag == 0)
            {
                TakeUpTo(long.MaxValue, taken);
                return true;
            }
            var place = _waiting.Find((long)tag);
            if (place < 0) return false;
            if (multiple) TakeUpTo((long)tag, taken);
            else Add(taken, (long)tag, _waiting.Take(place));
            return true;
        }
    }

    /// <summary>What <see cref="TryTake"/> took out waits for its settlement again, as if it had never been taken.</summary>
    public void GiveBack(IReadOnlyCollection<Unsettled> taken)
    {
        lock (_lock)
        {
            var all = new List<Unsettled>(_waiting.Count + taken.Count);
            while (_waiting.Count > 0)
            {
                var tag = (ulong)_waiting.First;
                var held = _waiting.TakeFirst();
                all.Add(new Unsettled(tag, held.Link!, held.Position)); // null again, where it was given up
            }
            all.AddRange(taken);
            all.Sort((one, other) => one.Tag.CompareTo(other.Tag));
            foreach (var (tag, link, position) in all) _waiting.Add((long)tag, new Held(link, position));
        }
    }

    private void TakeUpTo(long tag, List<Unsettled> taken)
    {
        while (_waiting.Count > 0 && _waiting.First is var first && first <= tag) Add(taken, first, _waiting.TakeFirst());
    }

    private void Add(List<Unsettled> taken, long tag, in Held held)
    {
        if (held.Link is null) _givenUp--;
        else taken.Add(new Unsettled((ulong)tag, held.Link, held.Position));
    }

    /// <param name="Link">Null: it was given up.</param>
    private readonly record struct Held(IQueueLink? Link, long Position);
}
