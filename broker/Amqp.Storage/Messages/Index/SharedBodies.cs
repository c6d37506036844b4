namespace Amqp.Storage.Messages.Index;

/// <summary>
/// The bodies that several queues share, each stored once: where it is, and how many messages still need it. Slots in one
/// array, so that a message's <see cref="RecordLocation"/> can name its body in four bytes.
/// </summary>
internal sealed class SharedBodies
{
    private const int None = -1;

    private readonly Dictionary<long, int> _slots = [];
    private SharedBody[] _bodies = [];
    private int _firstFree = None;

    /// <summary>The slots in use.</summary>
    public IEnumerable<int> Slots => _slots.Values;

    public ref SharedBody this[int slot] => ref _bodies[slot];

    /// <summary>The body's slot, made if there is none. One that nothing needs any more has to be <see cref="Remove"/>d.</summary>
    public int Find(long id)
    {
        if (_slots.TryGetValue(id, out var slot)) return slot;
        if (_firstFree == None) Grow();
        slot = _firstFree;
        _firstFree = _bodies[slot].Offset is var next ? (int)next : None;
        _bodies[slot] = new SharedBody { Id = id };
        _slots.Add(id, slot);
        return slot;
    }

    /// <summary>False: no message needs a body of that id.</summary>
    public bool TryFind(long id, out int slot) => _slots.TryGetValue(id, out slot);

    public void Remove(int slot)
    {
        _slots.Remove(_bodies[slot].Id);
        _bodies[slot] = new SharedBody { Offset = _firstFree };
        _firstFree = slot;
    }

    private void Grow()
    {
        var used = _bodies.Length;
        Array.Resize(ref _bodies, Math.Max(16, 2 * used));
        for (var slot = _bodies.Length - 1; slot >= used; slot--)
        {
            _bodies[slot].Offset = _firstFree;
            _firstFree = slot;
        }
    }
}

/// <summary>One shared body.</summary>
internal struct SharedBody
{
    public long Id;

    /// <summary>Number of the segment that has its record, or 0: it is not written.</summary>
    public int Segment;

    /// <summary>Bytes of the body alone.</summary>
    public int BodySize;

    /// <summary>Of its record, in the segment.</summary>
    public long Offset;

    /// <summary>Of its record, padding left out.</summary>
    public int Length;

    /// <summary>Messages that need it.</summary>
    public int References;
}
