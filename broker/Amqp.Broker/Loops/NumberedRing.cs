namespace Amqp.Broker.Loops;

/// <summary>
/// Values by numbers that only grow: a ring in the order of the numbers. The first is mostly taken out first; what is taken out
/// before it leaves a hole. When there are more holes than values the values move together, so one that stays behind keeps no
/// room for all that came and went after it.
/// <code>
/// number   7  ~8  ~9  12  13      ~ a hole: only its number is left, for the bisection
///          first, never a hole
/// </code>
/// </summary>
internal sealed class NumberedRing<T>
    where T : struct
{
    private const int RoomMin = 8;

    /// <summary>A ring with more room than this gives some back when it is nearly empty.</summary>
    private const int RoomKept = 1024;

    /// <summary>So few holes are not worth moving the values.</summary>
    private const int HolesKept = 16;

    private Slot[] _ring = new Slot[RoomMin];
    private int _head;
    private int _used; // values and holes

    /// <summary>Values there are.</summary>
    public int Count { get; private set; }

    /// <summary>Values and holes that there is room for.</summary>
    public int Room => _ring.Length;

    /// <summary>The lowest number. Valid only while there is one.</summary>
    public long First => _ring[_head].Number;

    /// <summary>The value at a place that <see cref="Find"/> has found.</summary>
    public ref T this[int place] => ref At(place).Value;

    /// <param name="number">Not below 0, and above all others.</param>
    public void Add(long number, in T value)
    {
        if (_used == _ring.Length) MoveTo(new Slot[2 * _ring.Length]);
        At(_used++) = new Slot { Number = number, Value = value };
        Count++;
    }

    /// <summary>The place of a number, until something is added or taken out; -1: there is no such number.</summary>
    public int Find(long number)
    {
        if (Count == 0 || number < First) return -1;
        // Numbers grow by one at least, so it cannot be any further.
        var (low, high) = (0, (int)Math.Min(number - First, _used - 1));
        if (At(high).Number == number) return high;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var found = At(middle).Number;
            if (found == number) return middle;
            if (NumberOf(found) < number) low = middle + 1;
            else high = middle - 1;
        }
        return -1;
    }

    /// <summary>The first place from this one on that has a value, and its number; -1: there is none.</summary>
    public int Next(int place, out long number)
    {
        for (; place < _used; place++)
        {
            number = At(place).Number;
            if (number >= 0) return place;
        }
        number = 0;
        return -1;
    }

    /// <summary>Takes out the value at a place that <see cref="Find"/> has found.</summary>
    public T Take(int place)
    {
        ref var slot = ref At(place);
        var value = slot.Value;
        slot = new Slot { Number = ~slot.Number };
        Count--;
        DropHoles();
        var holes = _used - Count;
        if (holes > HolesKept && holes > Count) MoveTo(_ring);
        GiveRoomBack();
        return value;
    }

    /// <summary>Takes out the value of the lowest number, which there is.</summary>
    public T TakeFirst()
    {
        var value = _ring[_head].Value;
        DropFirst();
        Count--;
        DropHoles();
        GiveRoomBack();
        return value;
    }

    private static long NumberOf(long number) => number < 0 ? ~number : number;

    private void DropHoles()
    {
        while (_used > 0 && First < 0) DropFirst();
    }

    private void DropFirst()
    {
        _ring[_head] = default;
        _head = (_head + 1) & (_ring.Length - 1);
        _used--;
    }

    private void GiveRoomBack()
    {
        if (_ring.Length > RoomKept && _used <= _ring.Length / 8) MoveTo(new Slot[_ring.Length / 4]);
    }

    /// <summary>Moves the values into another ring, or together in their own, without the holes.</summary>
    private void MoveTo(Slot[] ring)
    {
        var head = ring == _ring ? _head : 0;
        var moved = 0;
        for (var place = 0; place < _used; place++)
        {
            if (At(place).Number >= 0) ring[(head + moved++) & (ring.Length - 1)] = At(place);
        }
        if (ring == _ring)
        {
            for (var place = moved; place < _used; place++) At(place) = default;
        }
        (_ring, _head, _used) = (ring, head, moved);
    }

    private ref Slot At(int place) => ref _ring[(_head + place) & (_ring.Length - 1)];

    private struct Slot
    {
        public long Number;
        public T Value;
    }
}
