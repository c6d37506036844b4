using Amqp.Storage.Messages.Index;

namespace Amqp.Storage.Messages.Writing;

/// <summary>
/// The line of what is to be written. Each has a number that grows for ever, by which a message's <see cref="RecordLocation"/> finds it
/// as long as it waits.
/// </summary>
internal sealed class PendingRecords
{
    private const int CapacityKept = 4096;

    private PendingRecord[] _ring = new PendingRecord[64];
    private int _head;

    public int Count { get; private set; }

    /// <summary>The number of the first in line.</summary>
    public long First { get; private set; }

    /// <summary>The number that the next one gets.</summary>
    public long End => First + Count;

    public ref PendingRecord this[long number] => ref _ring[(_head + (int)(number - First)) & (_ring.Length - 1)];

    /// <summary>The record that a pending location means.</summary>
    public ref PendingRecord Find(RecordLocation location) => ref this[NumberOf(location)];

    /// <summary>The number that a pending location means.</summary>
    public long NumberOf(RecordLocation location) => First + (location.PendingNumber - (uint)First);

    public void Add(in PendingRecord record)
    {
        if (Count == _ring.Length) Resize(2 * _ring.Length);
        _ring[(_head + Count++) & (_ring.Length - 1)] = record;
    }

    public ref PendingRecord Peek() => ref _ring[_head];

    public void RemoveFirst()
    {
        _ring[_head] = default;
        _head = (_head + 1) & (_ring.Length - 1);
        First++;
        if (--Count == 0 && _ring.Length > CapacityKept) Resize(CapacityKept);
    }

    private void Resize(int capacity)
    {
        var resized = new PendingRecord[capacity];
        for (var index = 0; index < Count; index++) resized[index] = _ring[(_head + index) & (_ring.Length - 1)];
        _ring = resized;
        _head = 0;
    }
}
