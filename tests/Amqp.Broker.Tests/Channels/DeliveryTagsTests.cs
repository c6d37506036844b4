using Amqp.Broker.Channels;
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
        Assert.That(Take(tags, 2, multiple: false), Is.Null, "nobody waits for the settlement of tag 2");
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

    [TestCase(1)]
    [TestCase(9)]
    [TestCase(1_000)]
    public void One_that_is_held_keeps_its_own_place_only(int siblings)
    {
        const int Messages = 3_000_000;
        var tags = new DeliveryTags();
        var taken = new List<Unsettled>();
        var held = tags.Add(_holder, 0);
        var tag = 0UL;
        for (var sibling = 0; sibling < siblings; sibling++) tag = tags.Add(_holder, sibling);
        var room = 0;
        for (var message = 0; message < Messages; message++)
        {
            taken.Clear();
            Assert.That(tags.TryTake(tag - (ulong)siblings + 1, multiple: false, taken), Is.True);
            tag = tags.Add(_holder, message);
            room = Math.Max(room, tags.Room);
        }
        Assert.That(room, Is.LessThanOrEqualTo(4 * (siblings + 32)));
        Assert.That(tags.CountWaiting(), Is.EqualTo(siblings + 1));
        Assert.That(tags.TryTake(held, multiple: false, taken), Is.True);
    }

    [Test]
    public void What_a_million_needed_is_let_go_of()
    {
        var tags = new DeliveryTags();
        for (var position = 0; position < 1_000_000; position++) tags.Add(_holder, position);
        var taken = new List<Unsettled>();
        for (var tag = 1ul; tag <= 1_000_000; tag++) tags.TryTake(tag, multiple: false, taken);
        Assert.That((taken.Count, tags.CountWaiting()), Is.EqualTo((1_000_000, 0)));
        Assert.That(tags.Room, Is.LessThanOrEqualTo(1_024));
    }

    /// <summary>Against a sorted dictionary, which is obviously right.</summary>
    [Test]
    public void The_table_behaves_as_a_sorted_dictionary()
    {
        var step = Gen.Choose(-8, 200).Zip(Gen.Elements(true, false));
        Prop.ForAll(step.ListOf().ToArbitrary(), steps => Behaves(steps.ToList()))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(200));
    }

    private bool Behaves(List<(int Tag, bool Multiple)> steps)
    {
        var tags = new DeliveryTags();
        var model = new SortedDictionary<ulong, long>();
        var last = 0UL;
        foreach (var (tag, multiple) in steps)
        {
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
            var taken = Take(tags, (ulong)tag, multiple);
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

    private sealed class Holder : MessageHolder;
}
