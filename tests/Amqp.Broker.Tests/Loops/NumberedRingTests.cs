using Amqp.Broker.Loops;
using FsCheck;
using FsCheck.Fluent;

namespace Amqp.Broker.Tests.Loops;

internal sealed class NumberedRingTests
{
    [Test]
    public void Numbers_may_be_left_out_and_any_of_them_is_found()
    {
        var ring = new NumberedRing<int>();
        foreach (var number in (int[])[3, 4, 9, 10, 100, 1_000_000]) ring.Add(number, -number);
        Assert.That(ring[ring.Find(100)], Is.EqualTo(-100));
        Assert.That(ring.Take(ring.Find(9)), Is.EqualTo(-9));
        foreach (var missing in (long[])[0, 2, 5, 9, 99, 101, 1_000_001, long.MaxValue, -1, -9]) Assert.That(ring.Find(missing), Is.EqualTo(-1), $"{missing}");
        Assert.That((ring.First, ring.TakeFirst(), ring.First, ring.Count), Is.EqualTo((3L, -3, 4L, 4)));
    }

    /// <summary>Against a sorted dictionary: room is in proportion to what is there, whatever has come and gone.</summary>
    [Test]
    public void It_behaves_as_a_sorted_dictionary_and_takes_room_for_what_it_has()
    {
        // Below 0: add that many, with numbers left out. Above: take out one, or the first.
        var step = Gen.Choose(-600, 900).Zip(Gen.Choose(0, 1_000_000));
        Prop.ForAll(step.ListOf().ToArbitrary(), steps => Behaves(steps.ToList()))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithEndSize(300));
    }

    private static bool Behaves(List<(int What, int Which)> steps)
    {
        var ring = new NumberedRing<long>();
        var model = new SortedList<long, long>();
        var last = 0L;
        foreach (var (what, which) in steps)
        {
            for (var add = what; add < 0; add++)
            {
                last += which % 3 == 0 ? 1 : 1 + (which % -add);
                ring.Add(last, 2 * last);
                model.Add(last, 2 * last);
            }
            for (var take = what; take > 0 && model.Count > 0; take--)
            {
                // Mostly all but the first few, which stay behind.
                var index = which % 4 == 0 ? 0 : Math.Min(model.Count - 1, which % 5);
                var number = model.Keys[index];
                var value = index == 0 && which % 8 == 0 ? ring.TakeFirst() : ring.Take(ring.Find(number));
                if (value != model[number] || ring.Find(number) >= 0) return false;
                model.RemoveAt(index);
            }
            if (ring.Count != model.Count || (ring.Count > 0 && ring.First != model.Keys[0])) return false;
            foreach (var (number, value) in model)
                if (ring.Find(number) is var place && (place < 0 || ring[place] != value)) return false;
            if (ring.Room > Math.Max(2048, 20 * ring.Count)) return false;
        }
        return true;
    }
}
