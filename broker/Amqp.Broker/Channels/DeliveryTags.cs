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

    /// <summary>How many deliveries wait for their settlement.</summary>
    public int CountWaiting()
    {
        lock (_lock) return _waiting.Count;
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
            else taken.Add(_waiting.Take(place).Under((long)tag));
            return true;
        }
    }

    /// <summary>What <see cref="TryTake"/> took out waits for its settlement again, as if it had never been taken.</summary>
    public void GiveBack(IReadOnlyCollection<Unsettled> taken)
    {
        lock (_lock)
        {
            var all = new List<Unsettled>(_waiting.Count + taken.Count);
            TakeUpTo(long.MaxValue, all);
            all.AddRange(taken);
            all.Sort((one, other) => one.Tag.CompareTo(other.Tag));
            foreach (var (tag, link, position) in all) _waiting.Add((long)tag, new Held(link, position));
        }
    }

    private void TakeUpTo(long tag, List<Unsettled> taken)
    {
        while (_waiting.Count > 0 && _waiting.First is var first && first <= tag) taken.Add(_waiting.TakeFirst().Under(first));
    }

    private readonly record struct Held(IQueueLink Link, long Position)
    {
        public Unsettled Under(long tag) => new((ulong)tag, Link, Position);
    }
}
