namespace Amqp.Broker.Publishing;

/// <summary>One thing to tell a publisher: basic.ack or basic.nack.</summary>
/// <param name="Multiple">Everything up to the number that it was not told of before is meant as well.</param>
internal readonly record struct Confirm(long Number, bool Multiple, bool IsRefused);

/// <summary>
/// The publisher confirms of one channel. A confirm means: every queue that took the message has it, and where message and
/// queue are durable, it is on the disk and flushed. What no queue takes is confirmed as well.
///
/// <para>The read loop gives each message its number, the queues settle or refuse it, and the write loop tells the publisher.
/// A number is a slot in a ring until all before it are done, so a confirm costs no object:</para>
/// <code>
///     number    1  2  3  4  5  6  7  8
///     awaited   .  .  .  1  0  2  0  1      1 to 3 are done and their slots free again;
///                        ^     ^           told is: ack 3 multiple, ack 5, ack 7 (or nack, when its queue refused it)
///                     first
/// </code>
/// <para>So multiple never covers a number that is still open, nor one that was refused and not told of yet.</para>
/// </summary>
/// <param name="post">Called when there is something to tell and the write loop does not know it yet; from any thread.</param>
/// <remarks>A leaf lock, because a channel's queues, its read loop and its write loop meet here; never held while calling out.</remarks>
internal sealed class ConfirmTracker(Action post)
{
    private const int SlotsMin = 16;

    /// <summary>A list that grew beyond this in a burst is let go afterwards.</summary>
    private const int CapacityKept = 1024;

    private readonly Lock _lock = new();
    private Slot[] _ring = new Slot[SlotsMin];
    private int _head;
    private int _count;
    private long _first = 1; // the number whose slot is at the head

    // Below _first, not told: how many were settled, and the last of them.
    private int _settledInOrder;
    private long _lastInOrder;

    // Settled before an older one was, not told; some may be below _first by now. And all those refused, not told.
    private List<long> _settledAhead = [];
    private List<long> _refused = [];
    private bool _isPosted;

    private enum SlotState : byte
    {
        Open,
        Settled,
        Refused,
        Told,
    }

    /// <summary>How many messages somebody has still to answer for; all that are not told of are looked at.</summary>
    public int CountOpen()
    {
        lock (_lock)
        {
            var open = 0;
            for (var place = 0; place < _count; place++) open += At(_first + place).Awaited > 0 ? 1 : 0;
            return open;
        }
    }

    /// <summary>The number of the next message. Called by the read loop.</summary>
    /// <param name="awaited">How many have to answer for it; when nobody has to, it is settled already.</param>
    public long Add(int awaited)
    {
        long number;
        bool isNews;
        lock (_lock)
        {
            if (_count == _ring.Length) Resize(_ring.Length * 2);
            number = _first + _count;
            At(number) = new Slot { Awaited = awaited };
            _count++;
            isNews = awaited == 0 && Finish(number);
        }
        if (isNews) post();
        return number;
    }

    /// <summary>Somebody has taken the message of that number; from any thread.</summary>
    public void Settle(long number) => Answer([number], isRefused: false);

    /// <summary>Somebody has taken these.</summary>
    public void Settle(ReadOnlySpan<long> numbers) => Answer(numbers, isRefused: false);

    /// <summary>Somebody could not take the message of that number; from any thread.</summary>
    public void Refuse(long number) => Answer([number], isRefused: true);

    /// <summary>Takes everything there is to tell. Called by the write loop.</summary>
    public void Take(List<Confirm> confirms)
    {
        lock (_lock)
        {
            _isPosted = false;
            if (_settledInOrder > 0) confirms.Add(new Confirm(_lastInOrder, Multiple: _settledInOrder > 1, IsRefused: false));
            _settledInOrder = 0;
            foreach (var number in _settledAhead)
            {
                if (number >= _first) Tell(number, isRefused: false, confirms);
            }
            foreach (var number in _refused) Tell(number, isRefused: true, confirms);
            Empty(ref _settledAhead);
            Empty(ref _refused);
            FreeDone();
        }
    }

    private void Answer(ReadOnlySpan<long> numbers, bool isRefused)
    {
        var isNews = false;
        lock (_lock)
        {
            foreach (var number in numbers)
            {
                ref var slot = ref At(number);
                // A queue that fails cannot always know whether it has answered: the first answer counts.
                if (number < _first || slot.Awaited == 0) continue;
                if (isRefused) slot.State = SlotState.Refused;
                slot.Awaited--;
                if (slot.Awaited == 0) isNews |= Finish(number);
            }
        }
        if (isNews) post();
    }

    /// <summary>All have answered. True: there is something to tell, and the write loop has to hear of it.</summary>
    private bool Finish(long number)
    {
        ref var slot = ref At(number);
        if (slot.State == SlotState.Refused) _refused.Add(number);
        else
        {
            slot.State = SlotState.Settled;
            if (number == _first) FreeDone();
            else AddAhead(number);
        }
        if (_isPosted) return false;
        return _isPosted = true;
    }

    private void Tell(long number, bool isRefused, List<Confirm> confirms)
    {
        At(number).State = SlotState.Told;
        confirms.Add(new Confirm(number, Multiple: false, isRefused));
    }

    private void FreeDone()
    {
        for (; _count > 0 && _ring[_head].State is var state and (SlotState.Settled or SlotState.Told); _first++, _count--)
        {
            if (state == SlotState.Settled)
            {
                _settledInOrder++;
                _lastInOrder = _first;
            }
            _head = (_head + 1) & (_ring.Length - 1);
        }
        if (_ring.Length > CapacityKept && _count < _ring.Length / 8) Resize(_ring.Length / 4);
    }

    /// <summary>A client that does not read lets these pile up: those that the order has caught up with go first.</summary>
    private void AddAhead(long number)
    {
        if (_settledAhead.Count == _settledAhead.Capacity)
        {
            _settledAhead.RemoveAll(ahead => ahead < _first);
            _settledAhead.EnsureCapacity((_settledAhead.Count + SlotsMin) * 2);
        }
        _settledAhead.Add(number);
    }

    private static void Empty(ref List<long> list)
    {
        if (list.Capacity > CapacityKept) list = [];
        else list.Clear();
    }

    private ref Slot At(long number) => ref _ring[(_head + (int)(number - _first)) & (_ring.Length - 1)];

    private void Resize(int length)
    {
        var ring = new Slot[length];
        for (var place = 0; place < _count; place++) ring[place] = At(_first + place);
        _ring = ring;
        _head = 0;
    }

    private struct Slot
    {
        public int Awaited;
        public SlotState State;
    }
}
