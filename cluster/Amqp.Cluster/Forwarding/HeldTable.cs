namespace Amqp.Cluster.Forwarding;

/// <summary>
/// The messages of another node's queues that holders of this node have. Each gets a name here, by which its holder settles it; a name is never given again, so that one from before a
/// break of the link means nothing afterwards. Entries are as many as deliveries wait for their settlement.
/// <code>
/// name   63                       26 25          0
///        +--------------------------+------------+
///        | counts the entries made  |    slot    |
///        +--------------------------+------------+
/// </code>
/// </summary>
internal sealed class HeldTable
{
    public const int None = -1;

    private const int SlotBits = 26;
    private const int SlotsMin = 16;

    /// <summary>Room that is kept when the table is empty.</summary>
    private const int SlotsKept = 1_024;

    // Of all tables: a consumer may have messages by way of one node, and then of another one.
    private static long _made;

    private Slot[] _slots = [];
    private int _firstFree = None;

    public int Count { get; private set; }

    /// <summary>The holder has the message at that position of its queue.</summary>
    /// <returns>Its name.</returns>
    public long Add(RemoteHolder holder, long position)
    {
        if (_firstFree == None) Grow();
        var index = _firstFree;
        ref var slot = ref _slots[index];
        _firstFree = slot.Next;
        var name = (Interlocked.Increment(ref _made) << SlotBits) | (uint)index;
        slot = new Slot { Holder = holder, Position = position, Name = name, Previous = None, Next = holder.FirstSlot };
        if (holder.FirstSlot != None) _slots[holder.FirstSlot].Previous = index;
        holder.FirstSlot = index;
        Count++;
        holder.Count(1);
        return name;
    }

    /// <summary>Takes out a message by its name. False: there is none of that name, or another one has it.</summary>
    public bool TryTake(long name, object holder, out RemoteHolder taken, out long position)
    {
        (taken, position) = (null!, 0);
        if (!Has(name, holder)) return false;
        var index = SlotOf(name);
        (taken, position) = (_slots[index].Holder!, _slots[index].Position);
        Remove(index);
        return true;
    }

    /// <summary>The holder has a message of that name.</summary>
    public bool Has(long name, object holder) => SlotOf(name) is var index && index < _slots.Length && name != 0 && _slots[index].Name == name && _slots[index].Holder!.Holder == holder;

    /// <summary>Takes out all that a holder has.</summary>
    /// <returns>How many.</returns>
    public int TakeAll(RemoteHolder holder)
    {
        var count = 0;
        for (; holder.FirstSlot != None; count++) Remove(holder.FirstSlot);
        return count;
    }

    private static int SlotOf(long name) => (int)(name & ((1 << SlotBits) - 1));

    private void Remove(int index)
    {
        ref var slot = ref _slots[index];
        var holder = slot.Holder!;
        if (slot.Previous == None) holder.FirstSlot = slot.Next;
        else _slots[slot.Previous].Next = slot.Next;
        if (slot.Next != None) _slots[slot.Next].Previous = slot.Previous;
        slot = new Slot { Next = _firstFree };
        _firstFree = index;
        Count--;
        holder.Count(-1);
        if (Count == 0 && _slots.Length > SlotsKept) (_slots, _firstFree) = ([], None);
    }

    private void Grow()
    {
        var used = _slots.Length;
        if (used >= 1 << SlotBits) throw new InvalidOperationException($"{used} messages of one node wait for their settlement");
        Array.Resize(ref _slots, Math.Max(SlotsMin, used * 2));
        for (var index = _slots.Length - 1; index >= used; index--)
        {
            _slots[index].Next = _firstFree;
            _firstFree = index;
        }
    }

    private struct Slot
    {
        public RemoteHolder? Holder;
        public long Position;
        public long Name;
        public int Previous;
        public int Next;
    }
}
