using Amqp.Core.Queues;

namespace Amqp.Replication.Tests;

/// <summary>The protocol step by step: what the simulator found in it, told as stories, and the plain way beside them.</summary>
public class ReplicaTests
{
    private static readonly ProducerId Producer = new(9, 1);

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

    [Test]
    public void Nothing_is_complete_until_every_copy_in_sync_has_it()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a b");
        story["a"].Publish(Producer, "m1");
        Assert.That(story["a"].Replica.Completed, Is.Zero);
        story.Pass();
        Assert.That(story["a"].Replica.Completed, Is.EqualTo(story["a"].Replica.LastNumber));
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
    public void What_a_new_leader_drops_when_it_begins_its_mirrors_drop()
    {
        var story = new ReplicaStory(settings: new QueueSettings { LengthMax = 1 });
        story.Configure(1, "a", "a b");
        story["a"].Do(a => a.State.TryGet(new Holder(), story.Now, out _, out _, out _));
        story["a"].Publish(Producer, "m1");
        story["a"].Do(a => a.State.TryGet(new Holder(), story.Now, out _, out _, out _)); // what is held does not count
        story["a"].Publish(new ProducerId(9, 2), "m2");
        story.Pass();
        Assert.That(story["b"].Content, Is.EqualTo("m1 m2"));
        story.Configure(2, "b", "a b");
        story.Pass();
        Assert.That((story["b"].Content, story["a"].Content), Is.EqualTo(("m2", "m2")));
    }

    [Test]
    public void What_no_leader_knew_is_kept_aside_and_what_was_settled_is_dropped()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a b");
        story["a"].Publish(Producer, "m1");
        story.Pass();
        story["a"].Publish(new ProducerId(9, 2), "only on a");
        story["a"].Sent.Clear();
        story.Configure(2, "b", "a b");
        story["b"].Do(b => b.State.Purge());
        story.Pass();
        Assert.That(story["a"].Content, Is.EqualTo("m1 only on a"), "until it is kept elsewhere");
        Assert.That(story["a"].Orphans!.Positions, Has.Length.EqualTo(1));
        story["a"].Do(a => a.Replica.KeptAside(a.Orphans!, story.Now));
        story.Pass();
        Assert.That((story["a"].Content, story["a"].Replica.MirroredNumber), Is.EqualTo(("", story["b"].Replica.LastNumber)));
    }

    [Test]
    public void A_leader_whose_lease_is_in_doubt_confirms_nothing_and_takes_nothing()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a b");
        story.Pass();
        story["a"].Do(a => a.Replica.Suspend(isInDoubt: true));
        var before = story["a"].Replica.Completed;
        story["a"].Publish(Producer, "m1");
        story.Pass();
        Assert.That((story["a"].Replica.Completed, story["a"].Replica.AcceptsPublishes, story["a"].Replica.HandsOut), Is.EqualTo((before, false, false)));
        story["a"].Do(a => a.Replica.Suspend(isInDoubt: false));
        story["a"].Do(a => a.Replica.Tick(story.Now));
        Assert.That((story["a"].Replica.Completed, story["a"].Replica.AcceptsPublishes), Is.EqualTo((story["a"].Replica.LastNumber, true)));
    }

    private sealed class Holder : MessageHolder;
}
