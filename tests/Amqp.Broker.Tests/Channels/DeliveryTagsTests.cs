using Amqp.Broker.Channels;
using Amqp.Broker.Queues;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using FsCheck;
using FsCheck.Fluent;

namespace Amqp.Broker.Tests.Channels;

internal sealed class DeliveryTagsTests
{
    private readonly Holder _holder = new();

    [Test]
    public void Tags_count_from_one_and_those_of_automatic_acknowledgement_count_too()
    {
        var tags = new DeliveryTags();
        Assert.That((tags.Add(_holder, 7), tags.Next(), tags.Add(_holder, 8)), Is.EqualTo((1UL, 2UL, 3UL)));
        Assert.That(Take(tags, 2, multiple: false), Is.Null, "tag 2 waits for no settlement");
        Assert.That(Take(tags, 3, multiple: false), Is.EqualTo([8]));
    }

    [Test]
    public void A_tag_is_settled_once()
    {
        var tags = new DeliveryTags();
        tags.Add(_holder, 7);
        tags.Add(_holder, 8);
        Assert.That(Take(tags, 2, multiple: false), Is.EqualTo([8]));
        Assert.That(Take(tags, 2, multiple: false), Is.Null);
        Assert.That(Take(tags, 2, multiple: true), Is.Null);
        Assert.That(Take(tags, 1, multiple: false), Is.EqualTo([7]));
    }

    [Test]
    public void Multiple_settles_all_up_to_the_tag_and_zero_stands_for_all()
    {
        var tags = new DeliveryTags();
        for (var position = 0; position < 5; position++) tags.Add(_holder, position);
        Assert.That(Take(tags, 2, multiple: false), Is.EqualTo([1]));
        Assert.That(Take(tags, 3, multiple: true), Is.EqualTo([0, 2]));
        Assert.That(Take(tags, 0, multiple: true), Is.EqualTo([3, 4]));
        Assert.That(Take(tags, 0, multiple: true), Is.Empty);
        Assert.That(Take(tags, 0, multiple: false), Is.Null);
    }

    [Test]
    public void What_is_given_back_can_be_settled_again_in_its_old_place()
    {
        var tags = new DeliveryTags();
        for (var position = 1; position <= 6; position++) tags.Add(_holder, position);
        var taken = new List<Unsettled>();
        foreach (var tag in (ulong[])[5, 1, 2]) tags.TryTake(tag, multiple: false, taken);
        Assert.That(Take(tags, 2, multiple: false), Is.Null, "taken, so unknown");
        Assert.That(Take(tags, 4, multiple: false), Is.EqualTo([4]));
        tags.GiveBack(taken);
        Assert.That(tags.Add(_holder, 7), Is.EqualTo(7));
        Assert.That(Take(tags, 3, multiple: true), Is.EqualTo([1, 2, 3]));
        Assert.That(Take(tags, 0, multiple: true), Is.EqualTo([5, 6, 7]));
    }

    [TestCase(100, 100)]
    [TestCase(100, 1)]
    [TestCase(1, 1)]
    [TestCase(8, 8)]
    public void All_of_them_can_be_given_back(int given, int back)
    {
        var tags = new DeliveryTags();
        var taken = new List<Unsettled>();
        for (var position = 1; position <= given; position++) tags.Add(_holder, position);
        tags.TryTake((ulong)back, multiple: true, taken);
        tags.Add(_holder, given + 1);
        tags.GiveBack(taken);
        for (var more = 2; more < 20; more++) tags.Add(_holder, given + more);
        Assert.That(Take(tags, 0, multiple: true), Is.EqualTo(Enumerable.Range(1, given + 19)));
    }

    [TestCase(10, 1)]
    [TestCase(5_000, 1)]
    [TestCase(5_000, 100)]
    public void One_that_is_never_settled_keeps_no_room_for_those_behind_it(int prefetch, int batch)
    {
        const int Deliveries = 3_000_000;
        var tags = new DeliveryTags();
        var taken = new List<Unsettled>();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        tags.Add(_holder, 0);
        for (var tag = 2; tag < Deliveries; tag++)
        {
            tags.Add(_holder, tag);
            if (tag <= prefetch) continue;
            // A client that cannot say "multiple" any more, since that would settle the first one too.
            for (var late = tag - prefetch + 1; tag % batch == 0 && late <= tag - prefetch + batch; late++) tags.TryTake((ulong)late, multiple: false, taken);
            taken.Clear();
        }
        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(100 * (prefetch + batch) + 1_000_000));
        Assert.That(tags.CountWaiting(), Is.LessThanOrEqualTo(prefetch + batch));
        GC.KeepAlive(tags);
    }

    [Test]
    public void A_burst_leaves_no_room_behind()
    {
        var tags = new DeliveryTags();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var position = 0; position < 1_000_000; position++) tags.Add(_holder, position);
        Assert.That(tags.TryTake(999_990, multiple: true, []), Is.True);
        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(1_000_000));
        Assert.That(Take(tags, 0, multiple: true), Has.Count.EqualTo(10));
    }

    /// <summary>Against a sorted dictionary, which is obviously right.</summary>
    [Test]
    public void The_table_behaves_as_a_sorted_dictionary()
    {
        var step = Gen.Choose(-8, 60).Zip(Gen.Elements(true, false));
        Prop.ForAll(step.ListOf().ToArbitrary(), steps => Behaves(steps.ToList()))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(200));
    }

    private bool Behaves(List<(int Tag, bool Multiple)> steps)
    {
        var tags = new DeliveryTags();
        var model = new SortedDictionary<ulong, long>();
        var given = new List<Unsettled>();
        var last = 0UL;
        foreach (var (tag, multiple) in steps)
        {
            if (tags.CountWaiting() != model.Count) return false;
            if (tag == 1 && given.Count > 0)
            {
                tags.GiveBack(given);
                foreach (var unsettled in given) model.Add(unsettled.Tag, unsettled.Position);
                given.Clear();
                continue;
            }
            if (tag < 0)
            {
                // Deliveries come in bursts, some of them acknowledged automatically.
                for (var count = 0; count < -tag; count++)
                {
                    last++;
                    if (multiple && count % 3 == 0) tags.Next();
                    else model.Add(tags.Add(_holder, (long)last), (long)last);
                }
                continue;
            }
            var expected = Expected(model, (ulong)tag, multiple);
            var unsettledBefore = given.Count;
            var taken = tags.TryTake((ulong)tag, multiple, given) ? given.Skip(unsettledBefore).Select(entry => entry.Position).ToList() : null;
            if (tag % 7 == 0) given.Clear(); // for good
            if (expected is null != taken is null || (expected is not null && !expected.SequenceEqual(taken!))) return false;
        }
        return true;
    }

    private static List<long>? Expected(SortedDictionary<ulong, long> model, ulong tag, bool multiple)
    {
        var all = multiple && tag == 0;
        if (!all && !model.ContainsKey(tag)) return null;
        var taken = model.Where(entry => all || entry.Key == tag || (multiple && entry.Key < tag)).ToList();
        foreach (var entry in taken) model.Remove(entry.Key);
        return taken.ConvertAll(entry => entry.Value);
    }

    private static List<long>? Take(DeliveryTags tags, ulong tag, bool multiple)
    {
        var taken = new List<Unsettled>();
        return tags.TryTake(tag, multiple, taken) ? taken.ConvertAll(entry => entry.Position) : null;
    }

    private sealed class Holder : MessageHolder, IQueueLink
    {
        public IQueueEndpoint Queue => throw new NotSupportedException();

        MessageHolder IQueueLink.Holder => this;
    }
}
