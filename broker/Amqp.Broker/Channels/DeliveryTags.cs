using System.Numerics;
using Amqp.Core.Queues;

namespace Amqp.Broker.Channels;

/// <summary>A delivery that waits for its settlement: which queue's holder has it, and its place in that queue.</summary>
internal readonly record struct Unsettled(ulong Tag, MessageHolder Holder, long Position);

/// <summary>
/// Translates a channel's delivery tags to messages of queues. A tag is given when the delivery is written, so tags stand
/// on the wire in their order; the tag of a settled delivery is unknown from then on.
/// </summary>
/// <remarks>A leaf lock: the write loop adds, the read loop settles; never held while calling out.</remarks>
internal sealed class DeliveryTags
{
    private readonly Lock _lock = new();

    // A ring in the order of tags. Tags of automatic acknowledgement are never in it, and settled ones leave a hole
    // (Holder null) until those before them are settled too.
    private Unsettled[] _ring = new Unsettled[8];
    private int _head;
    private int _count;
    private ulong _lastTag;

    /// <summary>How many deliveries wait for their settlement; all of them are looked at.</summary>
    public int CountWaiting()
    {
        lock (_lock) return _ring.Count(delivery => delivery.Holder is not null);
    }

    /// <summary>A tag for a delivery that needs no settlement.</summary>
    public ulong Next()
    {
        lock (_lock) return ++_lastTag;
    }

    /// <summary>A tag for a delivery that waits for its settlement.</summary>
    public ulong Add(MessageHolder holder, long position)
    {
        lock (_lock)
        {
            if (_count == _ring.Length) Grow();
            _ring[Index(_count++)] = new Unsettled(++_lastTag, holder, position);
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
                TakeFirst(_count, taken);
                return true;
            }
            var place = Find(tag);
            if (place < 0) return false;
            if (multiple) TakeFirst(place + 1, taken);
            else
            {
                ref var entry = ref _ring[Index(place)];
                taken.Add(entry);
                entry = entry with { Holder = null! };
                while (_count > 0 && _ring[_head].Holder is null) DropFirst();
            }
            return true;
        }
    }

    /// <summary>What <see cref="TryTake"/> took out waits for its settlement again, as if it had never been taken.</summary>
    public void GiveBack(IReadOnlyCollection<Unsettled> taken)
    {
        lock (_lock)
        {
            var all = new List<Unsettled>(_count + taken.Count);
            for (var place = 0; place < _count; place++)
            {
                if (_ring[Index(place)].Holder is not null) all.Add(_ring[Index(place)]);
            }
            all.AddRange(taken);
            all.Sort((one, other) => one.Tag.CompareTo(other.Tag));
            _head = 0;
            _count = all.Count;
            if (_ring.Length < _count) _ring = new Unsettled[BitOperations.RoundUpToPowerOf2((uint)_count)];
            all.CopyTo(_ring);
            Array.Clear(_ring, _count, _ring.Length - _count);
        }
    }

    private void TakeFirst(int count, List<Unsettled> taken)
    {
        for (; count > 0; count--)
        {
            if (_ring[_head].Holder is not null) taken.Add(_ring[_head]);
            DropFirst();
        }
        while (_count > 0 && _ring[_head].Holder is null) DropFirst();
    }

    private int Find(ulong tag)
    {
        var (low, high) = (0, _count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            ref var entry = ref _ring[Index(middle)];
            if (entry.Tag == tag) return entry.Holder is null ? -1 : middle;
            if (entry.Tag < tag) low = middle + 1;
            else high = middle - 1;
        }
        return -1;
    }

    private void DropFirst()
    {
        _ring[_head] = default;
        _head = Index(1);
        _count--;
    }

    private int Index(int place) => (_head + place) & (_ring.Length - 1);

    private void Grow()
    {
        var larger = new Unsettled[_ring.Length * 2];
        for (var place = 0; place < _count; place++) larger[place] = _ring[Index(place)];
        _ring = larger;
        _head = 0;
    }
}
