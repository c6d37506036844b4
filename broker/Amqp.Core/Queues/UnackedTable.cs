namespace Amqp.Core.Queues;

/// <summary>
/// Which holder has which message: slots in one array, those of a holder chained, so that settling one message and
/// returning all of a holder's are both cheap, whatever else is in flight.
/// </summary>
internal sealed class UnackedTable
{
    private const int InitialSlots = 16;

    /// <summary>Room that the table keeps when it is empty.</summary>
    private const int SlotsKept = 1024;

    private Slot[] _slots = [];
    private int _firstFree = MessageHolder.None;

    public int Count { get; private set; }

    /// <summary>Notes that <paramref name="holder"/> has the message at <paramref name="position"/>; returns its slot.</summary>
    public int Add(MessageHolder holder, long position)
    {
        if (_firstFree == MessageHolder.None) Grow();
        var index = _firstFree;
        ref var slot = ref _slots[index];
        _firstFree = slot.Next;
        slot = new Slot { Holder = holder, Position = position, Previous = MessageHolder.None, Next = holder.FirstSlot };
        if (holder.FirstSlot != MessageHolder.None) _slots[holder.FirstSlot].Previous = index;
        holder.FirstSlot = index;
        holder.UnackedCount++;
        Count++;
        return index;
    }

    public MessageHolder HolderOf(int index) => _slots[index].Holder!;

    public void Remove(int index)
    {
        ref var slot = ref _slots[index];
        var holder = slot.Holder!;
        if (slot.Previous == MessageHolder.None) holder.FirstSlot = slot.Next;
        else _slots[slot.Previous].Next = slot.Next;
        if (slot.Next != MessageHolder.None) _slots[slot.Next].Previous = slot.Previous;
        holder.UnackedCount--;
        Count--;
        slot = new Slot { Next = _firstFree };
        _firstFree = index;
        if (Count == 0 && _slots.Length > SlotsKept) (_slots, _firstFree) = ([], MessageHolder.None);
    }

    /// <summary>The position of any message the holder has; false when it has none.</summary>
    public bool TryGetAny(MessageHolder holder, out long position)
    {
        var found = holder.FirstSlot != MessageHolder.None;
        position = found ? _slots[holder.FirstSlot].Position : 0;
        return found;
    }

    private void Grow()
    {
        var used = _slots.Length;
        Array.Resize(ref _slots, Math.Max(InitialSlots, used * 2));
        for (var index = _slots.Length - 1; index >= used; index--)
        {
            _slots[index].Next = _firstFree;
            _firstFree = index;
        }
    }

    private struct Slot
    {
        public MessageHolder? Holder;
        public long Position;
        public int Previous;
        public int Next;
    }
}
