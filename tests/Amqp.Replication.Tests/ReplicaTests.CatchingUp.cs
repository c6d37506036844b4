using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Replication.Tests;

/// <content>A mirror that joins gets what it lacks.</content>
public partial class ReplicaTests
{
    [Test]
    public void A_mirror_gets_what_is_there_and_then_what_comes()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a");
        story["a"].Publish(Producer, "m1", "m2");
        story.Pass();
        Assert.That((story["b"].Content, story["b"].Replica.MirroredNumber), Is.EqualTo(("m1 m2", story["a"].Replica.LastNumber)));
        story["a"].Publish(new ProducerId(9, 2), "m3");
        Assert.That(story["b"].Content, Is.EqualTo("m1 m2"));
        story.Pass();
        Assert.That(story["b"].Content, Is.EqualTo("m1 m2 m3"));
    }

    /// <summary>Seed 103 of the first simulator.</summary>
    [Test]
    public void What_leaves_memory_while_other_messages_are_read_for_a_mirror_is_sent_nevertheless()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a", heard: "a");
        story["a"].Publish(Producer, "m1");
        story["a"].Do(a => a.State.Evict(keptBytes: 0)); // gives it to the disk
        story["a"].Do(a => a.State.Evict(keptBytes: 0));
        story["a"].Publish(new ProducerId(9, 2), "m2");
        Assert.That(story["a"].State.AbsentCount, Is.EqualTo(1));
        story.Configure(1, "a", "a");
        story.Pass();
        story["a"].Do(a => a.State.Evict(keptBytes: 0));
        story["a"].Do(a => a.State.Evict(keptBytes: 0));
        Assert.That((story["a"].State.AbsentCount, story["a"].Reads.Count), Is.EqualTo((2, 1)));
        story["a"].Read();
        story.Pass();
        Assert.That(story["b"].Content, Is.EqualTo("m1 m2"));
    }

    /// <summary>All at once, large messages would be more than a frame between nodes may have, and than is kept for a mirror.</summary>
    [Test]
    public void What_a_mirror_lacks_is_sent_as_far_as_it_is_taken()
    {
        var story = new ReplicaStory(new ReplicaOptions { FillBytes = 300, CatchUpBytes = 500, TailBytesMax = 1_000, PartCount = 4, LackingMax = 5 });
        story.Configure(1, "a", "a", heard: "a");
        string[] names = [.. Enumerable.Range(1, 20).Select(number => $"m{number}".PadRight(number == 7 ? 2_000 : 100, '.'))];
        story["a"].Publish(Producer, names);
        story.Configure(1, "a", "a");
        var said = new List<ReplicaMessage>();
        while (Array.Find(["a", "b"], node => story[node].Sent.Count > 0) is { } sender) said.Add(story.PassOne(sender));
        Assert.That(story["b"].Content, Is.EqualTo(string.Join(' ', names)));
        var fills = said.OfType<Feed>().Select(feed => feed.Item).OfType<Fill>().ToList();
        Assert.That(fills.ConvertAll(fill => fill.Bytes), Has.Count.GreaterThan(8).And.One.GreaterThan(2_000).And.Exactly(fills.Count - 1).LessThanOrEqualTo(300));
        Assert.That(said.OfType<Taken>().Max(taken => taken.Lacking), Is.InRange(6, 12), "then it is told of no more until it has some");
        Assert.That(said.OfType<Refuse>(), Is.Empty);
    }

    /// <summary>A mirror that needs seconds for what it was sent, a large transaction for instance, is not sent it again and again meanwhile.</summary>
    [Test]
    public void What_a_mirror_has_not_taken_is_sent_again_later_each_time_but_at_once_when_its_link_is_new()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a");
        story.Pass();
        story["a"].Publish(Producer, "m1");
        story["a"].Sent.Clear();
        var began = story.Now;
        Assert.That(TimesOfTries(began + 20_000), Is.EqualTo(new[] { 1_000, 3_000, 7_000, 15_000 }));
        story["a"].Do(a => a.Replica.LinkChanged("b", isUp: true, story.Now));
        began = story.Now;
        Assert.That(TimesOfTries(began + 3_000), Is.EqualTo(new[] { 100, 2_100 }));
        story["a"].Do(a => a.Replica.Tick(story.Now += 4_000));
        story.Pass();
        Assert.That(story["b"].Content, Is.EqualTo("m1"));
        Assert.That(TimesOfTries(story.Now + 20_000), Is.Empty, "it has all");

        List<long> TimesOfTries(long until)
        {
            var times = new List<long>();
            while (story.Now < until)
            {
                story["a"].Do(a => a.Replica.Tick(story.Now += 100));
                if (story["a"].Sent.Any(sent => sent.Message is Feed)) times.Add(story.Now - began);
                story["a"].Sent.Clear();
            }
            return times;
        }
    }

    /// <summary>Seeds 1283 and 1335 of the first simulator: a publish that was sent again was confirmed, and its message was nowhere.</summary>
    [Test]
    public void A_mirror_knows_no_publish_before_it_has_its_message()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a b", heard: "a");
        story["a"].Publish(Producer, "m1");
        story.Configure(1, "a", "a b", heard: "b");
        Assert.That(story.PassOne("b"), Is.InstanceOf<Join>());
        Assert.That(((Feed)story.PassOne("a")).Item, Is.InstanceOf<Part>(), "it is told of m1, and asks for it");
        story.Configure(2, "b", "a b", heard: "b");
        Assert.That((story["b"].Content, story["b"].Replica.IsDuplicate(Producer, 1)), Is.EqualTo(("", false)));
    }

    /// <summary>Seed 779 of the first simulator: a mirror took items of two feeds for one.</summary>
    [Test]
    public void A_session_that_was_given_up_is_not_begun_again()
    {
        var story = new ReplicaStory(new ReplicaOptions { TailBytesMax = 2_000 });
        story.Configure(1, "a", "a");
        var join = story["b"].Sent.Peek().Message;
        story.PassOne("b");
        for (var channel = 1; channel < 20; channel++) story["a"].Publish(new ProducerId(9, channel), "m");
        story["a"].Sent.Clear(); // lost, the refusal too
        story["a"].Do(a => a.Replica.Received("b", join, story.Now));
        Assert.That(story["a"].Sent.Single().Message, Is.EqualTo(new Refuse(1, join.Session)));
        story.Pass();
        Assert.That(story["b"].Replica.MirroredNumber, Is.EqualTo(story["a"].Replica.LastNumber));
    }

    [Test]
    public void A_message_that_waits_to_be_tried_again_waits_on_a_mirror_that_joined_too()
    {
        var story = new ReplicaStory(settings: new QueueSettings { Retry = new RetryDelay(RetryType.All, MinMs: 500, MaxMs: 500, Multiplier: 0) });
        story.Configure(1, "a", "a", heard: "a");
        story["a"].Publish(Producer, "m1");
        var holder = new Holder();
        story["a"].Do(a =>
        {
            a.State.TryGet(holder, story.Now, out _, out var position, out _);
            a.State.Settle(holder, position, Settlement.Requeue, story.Now);
        });
        story.Configure(1, "a", "a b");
        story.Pass();
        story.Configure(2, "b", "a b");
        Assert.That((story["b"].State.ReadyCount, story["b"].State.NextDue), Is.EqualTo((0, story.Now + 500)));
    }

    /// <summary>Seed 170897: of two messages with the same key only the later one is known by it, and that one should never have been there.</summary>
    [Test]
    public void A_mirror_that_has_dropped_what_others_do_not_have_learns_keys_again()
    {
        var story = new ReplicaStory(settings: new QueueSettings { Deduplicates = true });
        story.Configure(1, "a", "a b");
        story["a"].Publish(Producer, "m1");
        story.Pass();
        story["a"].Publish(new ProducerId(9, 2), "only on a");
        story["a"].Sent.Clear();
        story.Configure(2, "b", "a b");
        story.Pass();
        story["a"].Do(a => a.Replica.KeptAside(a.Orphans!, story.Now));
        Assert.That((story["a"].Content, story["a"].State.LacksKeys, story["b"].State.LacksKeys), Is.EqualTo(("m1", true, false)));
    }

    /// <summary>What it has may be of after the last leader told it what it had: that one may have ended before.</summary>
    [Test]
    public void A_leader_that_was_started_again_knows_no_more_of_an_epoch_than_the_last_one_did()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a", heard: "a");
        story["a"].Publish(Producer, "m1", "m2", "m3");
        story["a"].Sent.Clear();
        var (first, last) = (Positions.First(1), Positions.First(1) + 2);
        story["b"].Do(b => b.State.Replay(StoreRecord.Enqueue(b.State.Id, last, story["a"].State.MessageAt(last)!, expiresAt: 0), story.Now));
        var configuration = story["a"].Replica.Configuration! with { Revision = 9, Epoch = 2, Leader = story["b"].Member, InSync = [story["b"].Member], Ends = [new EpochEnd(1, first + 1)] };
        foreach (var node in new[] { "a", "b" }) story[node].Do(copy => copy.Replica.Configured(configuration, story.Now));
        story.Pass();
        Assert.That(story["a"].Orphans?.Positions, Is.EqualTo((long[])[first + 1]), "of the first one it is known that it was settled");
    }
}
