using System.Collections.Concurrent;
using Amqp.Broker.Publishing;
using FsCheck;
using FsCheck.Fluent;

namespace Amqp.Broker.Tests.Publishing;

internal sealed class ConfirmTrackerTests
{
    private readonly ConfirmTracker _tracker;
    private int _posts;

    public ConfirmTrackerTests()
    {
        _tracker = new ConfirmTracker(() => Interlocked.Increment(ref _posts));
    }

    // What is published (how many queues each), who answers then, and what is told.
    [TestCase("1", "1", "ack 1")]
    [TestCase("1 1 1", "1 2 3", "ack 3 multiple")]
    [TestCase("1 1 1", "3 2 1", "ack 3 multiple")]
    [TestCase("1 1 1", "2 3", "ack 2, ack 3")]
    [TestCase("1 1 1", "3 1", "ack 1, ack 3")]
    [TestCase("1 1 1 1", "1 2 4", "ack 2 multiple, ack 4")]
    [TestCase("1 1 1", "", "")]
    [TestCase("2 1", "1 2", "ack 2")]
    [TestCase("2 1", "1 1 2", "ack 2 multiple")]
    [TestCase("0 0", "", "ack 2 multiple")]
    [TestCase("1 0 1", "", "ack 2")]
    [TestCase("1 1 1", "1 -2 3", "nack 2, ack 3 multiple")]
    [TestCase("1 1 1 1", "-1 2 3 4", "nack 1, ack 4 multiple")]
    [TestCase("2", "-1", "")]
    [TestCase("2", "-1 1", "nack 1")]
    [TestCase("2", "1 -1", "nack 1")]
    [TestCase("1 1", "1 1 1", "ack 1")]
    public void It_tells(string published, string answers, string told)
    {
        Publish(published);
        Answer(answers);
        Assert.That(Take(), Is.EqualTo(told));
    }

    [Test]
    public void What_was_told_is_not_told_again()
    {
        Publish("1 1 1 1 1");
        Answer("2 -3 5");
        Assert.That(Take(), Is.EqualTo("nack 3, ack 2, ack 5"));
        Answer("1");
        Assert.That(Take(), Is.EqualTo("ack 1"));
        Answer("4");
        Assert.That(Take(), Is.EqualTo("ack 4"));
        Assert.That(Take(), Is.Empty);
        Publish("1 1");
        Answer("6 7");
        Assert.That(Take(), Is.EqualTo("ack 7 multiple"));
    }

    [Test]
    public void The_write_loop_is_told_once_until_it_comes()
    {
        Publish("1 1 1");
        Assert.That(_posts, Is.Zero);
        Answer("2 1 3");
        Assert.That(_posts, Is.EqualTo(1));
        Take();
        Publish("0");
        Assert.That(_posts, Is.EqualTo(2));
    }

    [Test]
    public void Several_are_settled_at_once()
    {
        Publish("1 1 1 1");
        _tracker.Taken([1, 2, 4]);
        Assert.That((Take(), _posts), Is.EqualTo(("ack 2 multiple, ack 4", 1)));
    }

    /// <summary>Publishes, answers and looks in any order; the publisher believes what it is told, as clients do.</summary>
    [Test]
    public void Every_number_is_told_once_and_multiple_covers_only_what_is_settled()
    {
        // Below 0: publish to that many queues less one. Above: an answer for some awaited number; every third refuses. 0: look.
        var step = Gen.Choose(-4, 12).Zip(Gen.Choose(0, 1_000_000));
        Prop.ForAll(step.ListOf().ToArbitrary(), steps => Behaves(steps.ToList()))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(600));
    }

    [Test]
    public void A_straggler_holds_up_no_other_confirm_and_its_burst_leaves_nothing_behind()
    {
        const int Count = 1_000_000;
        var first = _tracker.Add(1);
        for (var number = 0; number < Count; number++)
        {
            _tracker.Taken(_tracker.Add(1));
            if (number % 1000 == 0) Take();
        }
        var told = new List<Confirm>();
        _tracker.Take(told);
        Assert.That(told, Has.Count.EqualTo(999).And.All.Matches<Confirm>(confirm => !confirm.Multiple));
        _tracker.Taken(first);
        Assert.That(Take(), Is.EqualTo("ack 1"));
        for (var number = 0; number < 1000; number++) _tracker.Taken(_tracker.Add(1)); // the ring shrinks
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var number = 0; number < Count; number++) _tracker.Taken(_tracker.Add(1));
        // A collection in between counts the rest of the thread's allocation buffer, 8 KiB.
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(20_000), "bytes for a million confirms in order");
        Assert.That(Take(), Is.EqualTo($"ack {(2 * Count) + 1001} multiple"));
    }

    /// <summary>A client that does not read, and whose first message nothing answers for: all that is kept is kept for that one.</summary>
    [Test]
    public void What_is_settled_behind_a_straggler_and_never_told_takes_no_room()
    {
        const int Count = 3_000_000;
        const int Apart = 64;
        var first = _tracker.Add(1);
        var numbers = new long[Apart];
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var number = 0; number < Count; number += Apart)
        {
            for (var index = 0; index < Apart; index++) numbers[index] = _tracker.Add(1);
            // As two queues would: one answers for the even numbers, then the other for the odd ones.
            for (var index = 0; index < Apart; index += 2) _tracker.Taken(numbers[index]);
            for (var index = 1; index < Apart; index += 2) _tracker.Taken(numbers[index]);
        }
        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(100_000));
        Assert.That(_posts, Is.EqualTo(1));
        Assert.That(_tracker.CountOpen(), Is.EqualTo(1));

        // When it reads on it is told a little at a time, and of the rest in one word as soon as the first is settled.
        var told = new List<Confirm>();
        Assert.That(_tracker.Take(told), Is.True, "there is more");
        Assert.That(told, Has.Count.LessThan(10_000));
        Assert.That(told.Select(confirm => confirm.Number), Is.EqualTo(Enumerable.Range(2, told.Count)));
        _tracker.Taken(first);
        Assert.That(Take(), Is.EqualTo($"ack {Count + 1} multiple"));
    }

    [Test]
    public async Task Many_threads_settle_while_one_publishes_and_one_tells()
    {
        const int Count = 200_000;
        const int Queues = 3;
        var queues = Enumerable.Range(0, Queues).Select(_ => new BlockingCollection<long>()).ToArray();
        var told = 0L;
        var open = new SortedSet<long>(Enumerable.Range(1, Count).Select(number => (long)number));
        var settling = queues.Select(queue => Task.Run(() =>
        {
            foreach (var number in queue.GetConsumingEnumerable()) _tracker.Taken(number);
        })).ToArray();
        for (var number = 1; number <= Count; number++)
        {
            var awaited = number % (Queues + 1);
            Assert.That(_tracker.Add(awaited), Is.EqualTo(number));
            for (var queue = 0; queue < awaited; queue++) queues[queue].Add(number);
            if (number % 100 == 0) TakeAll();
        }
        foreach (var queue in queues) queue.CompleteAdding();
        await Task.WhenAll(settling);
        TakeAll();
        Assert.That(told, Is.EqualTo(Count));

        void TakeAll()
        {
            var confirms = new List<Confirm>();
            _tracker.Take(confirms);
            foreach (var (number, multiple, _) in confirms) told += multiple ? Pending(number) : Single(number);
        }

        int Pending(long upTo) => open.RemoveWhere(number => number <= upTo);

        int Single(long number) => open.Remove(number) ? 1 : int.MinValue;
    }

    [Test]
    public void However_many_are_refused_no_acknowledgement_covers_one()
    {
        const int Count = 20_000;
        for (var number = 1; number <= Count; number++) _tracker.Add(1);
        for (var number = 1; number <= Count; number++)
        {
            if (number % 2 == 0) _tracker.Refused(number);
            else _tracker.Taken(number);
        }
        var refused = new HashSet<long>();
        var acknowledged = 0L;
        for (var isMore = true; isMore;)
        {
            var confirms = new List<Confirm>();
            isMore = _tracker.Take(confirms);
            foreach (var confirm in confirms)
            {
                if (confirm.IsRefused) Assert.That(confirm.Number, Is.GreaterThan(acknowledged));
                if (confirm.IsRefused) refused.Add(confirm.Number);
                else acknowledged = confirm.Number;
            }
        }
        Assert.That((refused.Count, acknowledged), Is.EqualTo((Count / 2, Count - 1L)));
    }

    private static bool Behaves(List<(int What, int Which)> steps)
    {
        var tracker = new ConfirmTracker(() => { });
        var awaited = new SortedDictionary<long, int>();
        var refused = new HashSet<long>();
        var untold = new SortedSet<long>();
        var last = 0L;
        foreach (var (what, which) in steps)
        {
            if (what < 0)
            {
                var number = tracker.Add(-what - 1);
                if (number != ++last) return false;
                if (what < -1) awaited.Add(number, -what - 1);
                untold.Add(number);
            }
            else if (what == 0)
            {
                if (!Believes(Told(tracker))) return false;
            }
            else if (awaited.Count > 0)
            {
                var number = awaited.Keys.ElementAt(which % Math.Min(awaited.Count, what));
                if (which % 3 == 0)
                {
                    refused.Add(number);
                    tracker.Refused(number);
                }
                else tracker.Taken(number);
                if (--awaited[number] == 0) awaited.Remove(number);
            }
        }
        // Everything answered for was told; everything else was not.
        return Believes(Told(tracker)) && untold.SetEquals(awaited.Keys);

        bool Believes(List<Confirm> told)
        {
            foreach (var (number, multiple, isRefused) in told)
            {
                var meant = multiple ? untold.Where(one => one <= number).ToList() : [number];
                foreach (var one in meant)
                {
                    if (!untold.Remove(one) || awaited.ContainsKey(one) || refused.Contains(one) != isRefused) return false;
                }
                if (meant.Count == 0 || !meant.Contains(number)) return false;
            }
            return true;
        }
    }

    private static List<Confirm> Told(ConfirmTracker tracker)
    {
        var confirms = new List<Confirm>();
        tracker.Take(confirms);
        return confirms;
    }

    private void Publish(string queues)
    {
        foreach (var awaited in queues.Split(' ')) _tracker.Add(int.Parse(awaited, null));
    }

    private void Answer(string answers)
    {
        foreach (var answer in answers.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var number = int.Parse(answer, null);
            if (number < 0) _tracker.Refused(-number);
            else _tracker.Taken(number);
        }
    }

    private string Take() => string.Join(", ", Told(_tracker).Select(
        confirm => $"{(confirm.IsRefused ? "nack" : "ack")} {confirm.Number}{(confirm.Multiple ? " multiple" : "")}"));
}
