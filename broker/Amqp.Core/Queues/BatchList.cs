using System.Buffers;

namespace Amqp.Core.Queues;

/// <summary>
/// A list that is filled, worked through and cleared, again and again. It has room of its own for some hundred items and no more, so
/// that an idle owner costs little. What it needs beyond that it borrows, and gives back with the next clearing: the batches
/// of a fast publisher are that long, and arrays for them would be large objects, each few of which cost a collection
/// of the whole heap.
/// </summary>
public sealed class BatchList<T>
{
    /// <summary>Longer arrays are borrowed.</summary>
    private const int OwnRoomMax = 512;

    private const int OwnRoomMin = 4;

    private T[] _own = [];
    private T[] _items = [];

    public int Count { get; private set; }

    /// <summary>Valid until the next change.</summary>
    public ReadOnlySpan<T> Items => _items.AsSpan(0, Count);

    public void Add(in T item)
    {
        if (Count == _items.Length) Grow(Count + 1);
        _items[Count++] = item;
    }

    /// <summary>Puts another item in the place of the last one.</summary>
    public void ReplaceLast(in T item) => _items[Count - 1] = item;

    public void AddRange(ReadOnlySpan<T> items)
    {
        if (Count + items.Length > _items.Length) Grow(Count + items.Length);
        items.CopyTo(_items.AsSpan(Count));
        Count += items.Length;
    }

    public void Clear()
    {
        Use(_own);
        Count = 0;
    }

    private void Grow(int needed)
    {
        var room = Math.Max(Math.Max(OwnRoomMin, needed), 2 * _items.Length);
        var larger = room > OwnRoomMax ? ArrayPool<T>.Shared.Rent(room) : _own = new T[room];
        Items.CopyTo(larger);
        Use(larger);
    }

    /// <summary>Leaves nothing in the array that was used before, and gives it back if it was borrowed.</summary>
    private void Use(T[] items)
    {
        var before = _items;
        _items = items;
        before.AsSpan(0, Count).Clear();
        if (before.Length > OwnRoomMax) ArrayPool<T>.Shared.Return(before);
    }
}
