using Chunk = Amqp.Core.Queues.MessageLog.Chunk;

namespace Amqp.Core.Queues;

/// <summary>
/// The chunks of a log in the order of their numbers. Numbers that have no chunk take no place, so a message that stays behind
/// for years, or a gap that a restart left, costs nothing. As long as there are no gaps a chunk is found by its distance
/// from the first one, otherwise by bisection.
/// </summary>
internal sealed class ChunkRing
{
    private const int InitialPlaces = 4;

    // Chunks that were removed from the middle leave their place until there are more such places than others.
    private const int EmptyPlacesKept = 16;

    private Place[] _ring = new Place[InitialPlaces];
    private int _head;
    private int _empty;

    /// <summary>Places, some of which may be empty; the first and the last never are.</summary>
    public int Count { get; private set; }

    /// <summary>The chunk with the highest number.</summary>
    public Chunk? Last => Count == 0 ? null : At(Count - 1).Chunk;

    /// <summary>The chunk at a place, or null if it is gone.</summary>
    public Chunk? this[int index] => At(index).Chunk;

    public Chunk? Find(long number)
    {
        var index = IndexFrom(number);
        return index < Count && At(index) is var place && place.Number == number ? place.Chunk : null;
    }

    /// <summary>The first place of this number or a higher one, or <see cref="Count"/>.</summary>
    public int IndexFrom(long number)
    {
        if (Count == 0) return 0;
        var distance = number - At(0).Number;
        if (distance <= 0) return 0;
        // Numbers grow by one at least, so it cannot be any further.
        var high = (int)Math.Min(distance, Count - 1);
        if (At(high).Number == number) return high;
        if (At(high).Number < number) return high + 1;
        var low = 0;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (At(middle).Number < number) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    /// <summary>Adds a chunk whose number no other has: nearly always above all, and else the shorter side makes room.</summary>
    public void Insert(Chunk chunk)
    {
        var index = IndexFrom(chunk.Number);
        var isPlaceLeft = index < Count && At(index).Number == chunk.Number;
        if (isPlaceLeft) _empty--;
        else MakePlace(index);
        At(index) = new Place { Number = chunk.Number, Chunk = chunk };
    }

    private void MakePlace(int index)
    {
        if (Count == _ring.Length) Resize(_ring.Length * 2);
        Count++;
        if (index >= Count / 2)
        {
            for (var place = Count - 1; place > index; place--) At(place) = At(place - 1);
            return;
        }
        _head = (_head - 1) & (_ring.Length - 1);
        for (var place = 0; place < index; place++) At(place) = At(place + 1);
    }

    public void Remove(long number)
    {
        At(IndexFrom(number)).Chunk = null;
        _empty++;
        while (Count > 0 && At(0).Chunk is null)
        {
            _head = (_head + 1) & (_ring.Length - 1);
            Count--;
            _empty--;
        }
        while (Count > 0 && At(Count - 1).Chunk is null)
        {
            Count--;
            _empty--;
        }
        if (_empty > EmptyPlacesKept && _empty > Count / 2) Compact();
        // Half of it is left free, so that growing and shrinking do not take turns.
        if (_ring.Length > InitialPlaces && Count <= _ring.Length / 8) Resize(_ring.Length / 4);
    }

    private void Compact()
    {
        var kept = 0;
        for (var index = 0; index < Count; index++)
        {
            if (At(index).Chunk is not null) At(kept++) = At(index);
        }
        for (var index = kept; index < Count; index++) At(index) = default;
        Count = kept;
        _empty = 0;
    }

    private void Resize(int length)
    {
        var ring = new Place[Math.Max(InitialPlaces, length)];
        for (var index = 0; index < Count; index++) ring[index] = At(index);
        _ring = ring;
        _head = 0;
    }

    private ref Place At(int index) => ref _ring[(_head + index) & (_ring.Length - 1)];

    private struct Place
    {
        public long Number;
        public Chunk? Chunk;
    }
}
