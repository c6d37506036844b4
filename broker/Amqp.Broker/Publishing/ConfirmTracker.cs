using System.Runtime.InteropServices;
using Amqp.Broker.Loops;
using Amqp.Core.Ports;

namespace Amqp.Broker.Publishing;

/// <summary>One thing to tell a publisher: basic.ack or basic.nack.</summary>
/// <param name="Multiple">Everything up to the number that it was not told of before is meant as well.</param>
internal readonly record struct Confirm(long Number, bool Multiple, bool IsRefused);

/// <summary>
/// The publisher confirms of one channel. A confirm means: every queue that took the message has it, and where message and
/// queue are durable, it is on the disk and flushed. What no queue takes is confirmed as well.
///
/// <para>The read loop gives each message its number, the queues settle or refuse it, and the write loop tells the publisher.
/// Kept are the numbers that are open, and of the others those that were not told, in runs. So a confirm costs no object, and
/// what is kept grows with what is open alone, whatever is published after it and however slowly the client reads:</para>
/// <code>
///     number    1  2  3  4  5  6  7  8
///     awaited   .  .  .  1  .  2  .  1      open are 4, 6, 8;  settled 1-3, 5;  refused 7
///                                           told is: nack 7, ack 3 multiple, ack 5
/// </code>
/// <para>What was refused is told first, and multiple covers only what is below the first open number.</para>
/// </summary>
/// <param name="post">Called when there is something to tell and the write loop does not know it yet; from any thread.</param>
/// <remarks>A leaf lock, because a channel's queues, its read loop and its write loop meet here; never held while calling out.</remarks>
internal sealed class ConfirmTracker(Action post) : IPublisher
{
    /// <summary>How many are told at a time.</summary>
    private const int TakenMax = 4096;

    /// <summary>A list that grew beyond this in a burst is replaced afterwards.</summary>
    private const int CapacityKept = 1024;

    private readonly Lock _lock = new();
    private readonly NumberedRing<Open> _open = new();
    private readonly List<Run> _settled = [];
    private readonly List<Run> _refused = [];
    private long _next = 1;
    private long _confirmedCount;
    private bool _isPosted;

    /// <summary>How many messages were numbered. From any thread.</summary>
    public long PublishedCount => Volatile.Read(ref _next) - 1;

    /// <summary>How many messages have been answered for with basic.ack, or are about to be. From any thread.</summary>
    public long ConfirmedCount => Volatile.Read(ref _confirmedCount);

    /// <summary>All below it are answered for.</summary>
    private long FirstOpen => _open.Count > 0 ? _open.First : _next;

    /// <summary>How many messages are not answered for by all of their queues.</summary>
    public int CountOpen()
    {
        lock (_lock) return _open.Count;
    }

    /// <summary>The number of the next message. Called by the read loop.</summary>
    /// <param name="awaited">How many have to answer for it; with 0, it is settled already.</param>
    public long Add(int awaited)
    {
        long number;
        var isNews = false;
        lock (_lock)
        {
            number = _next++;
            if (awaited > 0) _open.Add(number, new Open { Awaited = awaited });
            else isNews = Finish(number, isRefused: false);
        }
        if (isNews) post();
        return number;
    }

    /// <summary>One that had to answer has taken the message of that number; from any thread.</summary>
    public void Taken(long number) => Answer([number], isRefused: false);

    /// <inheritdoc/>
    public void Taken(ReadOnlySpan<long> numbers) => Answer(numbers, isRefused: false);

    /// <inheritdoc/>
    public void Refused(long number) => Answer([number], isRefused: true);

    /// <summary>Takes what there is to tell. Called by the write loop.</summary>
    /// <returns>There is more, for which <c>post</c> is not called.</returns>
    public bool Take(List<Confirm> confirms)
    {
        lock (_lock)
        {
            TakeEach(_refused, isRefused: true, confirms);
            // As long as there are more of those, none may be covered by an acknowledgement.
            if (_refused.Count == 0 && TakeInOrder() is { Last: > 0 } inOrder) confirms.Add(new Confirm(inOrder.Last, Multiple: inOrder.First < inOrder.Last, IsRefused: false));
            TakeEach(_settled, isRefused: false, confirms);
            return _isPosted = _refused.Count > 0 || _settled.Count > 0;
        }
    }

    private void Answer(ReadOnlySpan<long> numbers, bool isRefused)
    {
        var isNews = false;
        lock (_lock)
        {
            foreach (var number in numbers)
            {
                // A queue that fails cannot always know whether it has answered: the first answer counts.
                var place = _open.Find(number);
                if (place < 0) continue;
                ref var open = ref _open[place];
                open.IsRefused |= isRefused;
                if (--open.Awaited == 0) isNews |= Finish(number, _open.Take(place).IsRefused);
            }
        }
        if (isNews) post();
    }

    /// <summary>All have answered. True: there is something to tell, and the write loop has to hear of it.</summary>
    private bool Finish(long number, bool isRefused)
    {
        Note(isRefused ? _refused : _settled, number);
        if (!isRefused) _confirmedCount++;
        if (_isPosted) return false;
        return _isPosted = true;
    }

    private void Note(List<Run> runs, long number)
    {
        if (runs.Count > 0)
        {
            ref var last = ref CollectionsMarshal.AsSpan(runs)[^1];
            if (last.Last + 1 == number)
            {
                last.Last = number;
                return;
            }
        }
        if (runs.Count > 0 && runs.Count == runs.Capacity) Join(runs);
        runs.Add(new Run { First = number, Last = number });
    }

    /// <summary>Before a list grows, what lies side by side becomes one run: as many are left as there are open numbers between them, or
    /// were when the client was last told.</summary>
    private void Join(List<Run> runs)
    {
        var inOrder = runs == _settled ? TakeInOrder() : default;
        runs.Sort(static (one, other) => one.First.CompareTo(other.First));
        var joined = 0;
        var span = CollectionsMarshal.AsSpan(runs);
        for (var next = 1; next < span.Length; next++)
        {
            if (span[joined].Last + 1 == span[next].First) span[joined].Last = span[next].Last;
            else span[++joined] = span[next];
        }
        if (span.Length > 0) runs.RemoveRange(joined + 1, span.Length - joined - 1);
        if (inOrder.Last > 0) runs.Insert(0, inOrder);
        if (runs.Count > runs.Capacity / 2) runs.EnsureCapacity(2 * runs.Capacity);
    }

    /// <summary>Takes the settled ones that one confirm covers, as a run; they need not lie side by side.</summary>
    private Run TakeInOrder()
    {
        var first = FirstOpen;
        var inOrder = default(Run);
        var kept = 0;
        var runs = CollectionsMarshal.AsSpan(_settled);
        foreach (var run in runs)
        {
            if (run.Last >= first) runs[kept++] = run;
            else if (inOrder.Last == 0) inOrder = run;
            else inOrder = new Run { First = Math.Min(inOrder.First, run.First), Last = Math.Max(inOrder.Last, run.Last) };
        }
        _settled.RemoveRange(kept, runs.Length - kept);
        return inOrder;
    }

    private static void TakeEach(List<Run> runs, bool isRefused, List<Confirm> confirms)
    {
        var whole = 0;
        var span = CollectionsMarshal.AsSpan(runs);
        for (; whole < span.Length; whole++)
        {
            ref var run = ref span[whole];
            for (; run.First <= run.Last && confirms.Count < TakenMax; run.First++) confirms.Add(new Confirm(run.First, Multiple: false, isRefused));
            if (run.First <= run.Last) break;
        }
        runs.RemoveRange(0, whole);
        if (runs.Count == 0 && runs.Capacity > CapacityKept) runs.Capacity = 0;
    }

    /// <summary>A message that not all of its queues have answered for.</summary>
    private struct Open
    {
        public int Awaited;
        public bool IsRefused;
    }

    /// <summary>Numbers in a row.</summary>
    private struct Run
    {
        public long First;
        public long Last;
    }
}
