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
    private const int RoomMin = 8;

    /// <summary>Room that is kept whether it is needed or not.</summary>
    private const int RoomKept = 1024;

    /// <summary>Holes that are not worth closing.</summary>
    private const int HolesKept = 16;

    private readonly Lock _lock = new();

    // A ring in the order of tags. Tags of automatic acknowledgement are never in it, and settled ones leave a hole (Holder null): until
    // those before them are settled too, or there are more holes than deliveries, so that one which is held for hours keeps its own place only.
    private Unsettled[] _ring = new Unsettled[RoomMin];
    private int _head;
    private int _count;
    private int _waiting; // of these, no holes
    private ulong _lastTag;

    /// <summary>How many deliveries wait for their settlement.</summary>
    public int CountWaiting()
    {
        lock (_lock) return _waiting;
    }

    /// <summary>How many there is room for.</summary>
    public int Room
    {
        get
        {
            lock (_lock) return _ring.Length;
        }
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
            if (_count == _ring.Length) Resize(_ring.Length * 2);
            _ring[Index(_count++)] = new Unsettled(++_lastTag, holder, position);
            _waiting++;
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
            var place = multiple && tag == 0 ? _count - 1 : Find(tag);
            if (place < 0) return multiple && tag == 0;
            if (multiple) TakeFirst(place + 1, taken);
            else
            {
                ref var entry = ref _ring[Index(place)];
                taken.Add(entry);
                entry = entry with { Holder = null! };
                _waiting--;
            }
            CloseHoles();
            return true;
        }
    }

    /// <summary>What <see cref="TryTake"/> took out waits for its settlement again, as if it had never been taken.</summary>
    public void GiveBack(IReadOnlyCollection<Unsettled> taken)
    {
        lock (_lock)
        {
            var all = new List<Unsettled>(_waiting + taken.Count);
            TakeFirst(_count, all);
            all.AddRange(taken);
            all.Sort((one, other) => one.Tag.CompareTo(other.Tag));
            if (_ring.Length < all.Count) _ring = new Unsettled[BitOperations.RoundUpToPowerOf2((uint)all.Count)];
            _head = 0;
            _count = _waiting = all.Count;
            all.CopyTo(_ring);
        }
    }

    private void TakeFirst(int count, List<Unsettled> taken)
    {
        for (; count > 0; count--)
        {
            if (_ring[_head].Holder is not null)
            {
                taken.Add(_ring[_head]);
                _waiting--;
            }
            DropFirst();
        }
    }

    private void CloseHoles()
    {
        while (_count > 0 && _ring[_head].Holder is null) DropFirst();
        // So many were settled since it was done last that moving the others costs each of them next to nothing.
        if (_count - _waiting > Math.Max(HolesKept, _waiting)) Compact();
        if (_ring.Length > RoomKept && _count < _ring.Length / 8) Resize(_ring.Length / 4);
    }

    private void Compact()
    {
        var kept = 0;
        for (var place = 0; place < _count; place++)
        {
            if (_ring[Index(place)].Holder is not null) _ring[Index(kept++)] = _ring[Index(place)];
        }
        for (var place = kept; place < _count; place++) _ring[Index(place)] = default;
        _count = kept;
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

    private void Resize(int length)
    {
        var ring = new Unsettled[length];
        for (var place = 0; place < _count; place++) ring[place] = _ring[Index(place)];
        _ring = ring;
        _head = 0;
    }
}
