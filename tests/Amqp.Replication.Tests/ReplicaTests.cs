using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Replication.Tests;

/// <summary>The protocol step by step: what the simulator found in it, told as stories, and the plain way beside them.</summary>
public partial class ReplicaTests
{
    private static readonly ProducerId Producer = new(9, 1);

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
        var story = WithOneOnlyOnA();
        story.Configure(2, "b", "a b");
        story["b"].Do(b => b.State.Purge());
        story.Pass();
        Assert.That(story["a"].Content, Is.EqualTo("m1 only on a"), "until it is kept elsewhere");
        Assert.That(story["a"].Orphans!.Positions, Has.Length.EqualTo(1));
        story["a"].Do(a => a.Replica.KeptAside(a.Orphans!, story.Now));
        story.Pass();
        Assert.That((story["a"].Content, story["a"].Replica.MirroredNumber), Is.EqualTo(("", story["b"].Replica.LastNumber)));
    }

    /// <summary>Seed 189142: a mirror said that it has a message, and dropped its copy when it was out of the set; its leader did not know yet that it was.</summary>
    [Test]
    public void Nothing_is_complete_while_a_set_is_proposed_that_is_too_small()
    {
        var story = new ReplicaStory { MinInSync = 2 };
        story.Configure(1, "a", "a b");
        story.Pass();
        story["a"].Publish(Producer, "m1");
        story.PassOne("a");
        story["a"].Do(a => a.Replica.NodeEnded("b", a.Member.Boot + 1, story.Now));
        Assert.That(story["a"].Proposed, Is.EqualTo("a"));
        Assert.That(story.PassOne("b"), Is.InstanceOf<Taken>());
        Assert.That(story["a"].Replica.Completed, Is.LessThan(story["a"].Replica.LastNumber));
        story.Configure(1, "a", "a b");
        story.Pass();
        Assert.That(story["a"].Replica.Completed, Is.EqualTo(story["a"].Replica.LastNumber), "it is there after all");
    }

    /// <summary>Seed 3552: a copy that was joining again took for settled what it had not been told of yet.</summary>
    [Test]
    public void A_leader_that_was_joining_again_knows_only_what_it_knew_before()
    {
        var story = new ReplicaStory(new ReplicaOptions { PartCount = 1, CatchUpBytes = 1 });
        story.Configure(1, "a", "a b");
        story["a"].Publish(Producer, "m1");
        story.Pass();
        story["a"].Publish(new ProducerId(9, 2), "lost on the way");
        story["a"].Sent.Clear();
        story["b"].Do(b => b.Replica.Received("a", new Refuse(1, b.Replica.Place.Session), story.Now));
        Assert.That(story.PassOne("b"), Is.InstanceOf<Join>());
        story["a"].Publish(new ProducerId(9, 3), "m3");
        while (story["a"].Sent.Count > 0) story.PassOne("a"); // one part of two, and m3
        story["b"].Sent.Clear();
        story.Configure(2, "b", "a b");
        story.Pass();
        Assert.That((story["b"].Content, story["a"].Orphans?.Positions.Length), Is.EqualTo(("m1 m3", 1)));
    }

    /// <summary>Seed 20184: what it would have given positions to counted as known.</summary>
    [Test]
    public void A_leader_that_took_nothing_knows_no_more_than_before()
    {
        var story = WithOneOnlyOnA();
        story.Configure(2, "b", "a b", heard: "b");
        story.Configure(3, "a", "a b", heard: "b");
        story["b"].Sent.Clear();
        story.Configure(4, "b", "a b");
        story.Pass();
        Assert.That(story["a"].Orphans?.Positions, Has.Length.EqualTo(1));
    }

    /// <summary>Seed 26598: when it had led, what it had lacked before counted as settled.</summary>
    [Test]
    public void A_leader_that_lacked_something_and_took_nothing_lacks_it_still_when_it_leads_again()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a", heard: "a");
        story["a"].Publish(Producer, "m1");
        story.Configure(1, "a", "a b");
        story.PassOne("b");
        story.PassOne("a"); // all that there is: m1
        story["a"].Publish(new ProducerId(9, 2), "m2");
        story.PassOne("a");
        story["b"].Sent.Clear(); // it wants m1
        Assert.That(story["b"].Content, Is.EqualTo("m2"));
        story.Configure(2, "b", "a b", heard: "b");
        story.Configure(3, "a", "a b", heard: "b");
        story["b"].Sent.Clear();
        story.Configure(4, "b", "a b");
        story.Pass();
        Assert.That(story["a"].Orphans?.Positions, Has.Length.EqualTo(1), "m1 is kept aside");
    }

    /// <summary>Seed 134641: an epoch that none of them knew counted as known up to the next one.</summary>
    [Test]
    public void A_leader_that_lacks_the_first_message_of_an_epoch_knows_nothing_of_one_before_that_its_leader_did_not_know()
    {
        var story = new ReplicaStory(nodes: ["a", "b", "c"]);
        story.Configure(1, "a", "a b c");
        story.Pass();
        story.Configure(2, "c", "a b c", heard: "c");
        story["c"].Publish(Producer, "m1");
        story["c"].Sent.Clear();
        story.Configure(3, "a", "a b c", heard: "a");
        story["a"].Publish(new ProducerId(9, 2), "m2");
        story.Configure(3, "a", "a b c", "a", "b");
        story.PassOne("b");
        story.PassOne("a"); // all that there is: m2
        story["b"].Sent.Clear(); // it wants m2
        story.Configure(4, "b", "a b c");
        story.Pass();
        Assert.That((story["c"].Orphans?.Positions.Length, story["a"].Orphans?.Positions.Length), Is.EqualTo((1, 1)), "m1 and m2 are kept aside");
    }

    /// <summary>Seed 2224: the one that was to lead left the set, and clients waited for ever.</summary>
    [Test]
    public void A_hand_over_to_one_that_is_gone_is_given_up()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a b");
        story.Pass();
        story["a"].Publish(Producer, "m1");
        story["a"].Do(a => a.Replica.HandOver("b", epoch: 2, story.Now));
        Assert.That((story["a"].Replica.AcceptsPublishes, story["a"].State.HandsOut), Is.EqualTo((false, false)));
        story.Now += new ReplicaOptions().HandOverMs;
        story["a"].Do(a => a.Replica.Tick(story.Now));
        Assert.That((story["a"].Replica.AcceptsPublishes, story["a"].State.HandsOut), Is.EqualTo((true, true)));
    }

    /// <summary>What is acknowledged while the queue changes hands would be handed out once more by the next leader.</summary>
    [TestCase(true)]
    [TestCase(false, Description = "a consumer that never does")]
    public void A_hand_over_waits_for_acknowledgements_but_not_for_long(bool isAcknowledged)
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a b");
        story["a"].Publish(Producer, "m1");
        story.Pass();
        var (holder, message) = (new Holder(), 0L);
        story["a"].Do(a => a.State.TryGet(holder, story.Now, out _, out message, out _));
        story["a"].Do(a => a.Replica.HandOver("b", epoch: 2, story.Now));
        story.Now += new ReplicaOptions().LastAcksMs - 1;
        story["a"].Do(a => a.Replica.Tick(story.Now));
        Assert.That(story["a"].Replica.IsFrozen, Is.False);
        if (isAcknowledged) story["a"].Do(a => a.State.Settle(holder, message, Settlement.Acknowledge, story.Now));
        else story.Now++;
        story.Pass();
        story["a"].Do(a => a.Replica.Tick(story.Now));
        Assert.That((story["a"].Replica.IsFrozen, story["b"].Content), Is.EqualTo((true, isAcknowledged ? "" : "m1")));
    }

    [Test]
    public void Once_its_successor_is_proposed_nothing_may_happen_in_the_queue()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a b");
        story["a"].Publish(Producer, "m1");
        story.Pass();
        story["a"].Do(a => a.Replica.HandOver("b", epoch: 2, story.Now));
        story["a"].Do(a => a.Replica.Tick(story.Now));
        Assert.That(story["a"].Replica.IsFrozen, Is.True);
        Assert.That(() => story["a"].Do(a => a.State.Purge()), Throws.InvalidOperationException);
        Assert.That(story["a"].Replica.CancelHandOver(story.Now), Is.False);
    }

    [Test]
    public void What_a_leader_that_was_not_in_sync_lacks_is_kept_aside()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a", heard: "a");
        story["a"].Publish(Producer, "m1", "m2", "m3");
        story["a"].Sent.Clear();
        story["b"].Do(b => b.State.Replay(StoreRecord.Enqueue(b.State.Id, Positions.First(1) + 2, story["a"].State.MessageAt(Positions.First(1) + 2)!, expiresAt: 0), story.Now));
        var promoted = Election.Promote(story["a"].Replica.Configuration!, story["b"].Member, epoch: 2) with { Revision = 9 };
        foreach (var node in new[] { "a", "b" }) story[node].Do(copy => copy.Replica.Configured(promoted, story.Now));
        story.Pass();
        Assert.That((story["b"].Content, story["a"].Orphans?.Positions), Is.EqualTo(("m3", (long[])[Positions.First(1), Positions.First(1) + 1])));
    }

    [Test]
    public void What_is_durable_of_an_epoch_says_nothing_about_the_next()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a");
        var leader = story["a"].Replica;
        story.Configure(2, "a", "a");
        leader.Append([], isTogether: false, story.Now);
        leader.Durable(epoch: 1, number: 100, story.Now);
        Assert.That(leader.Completed, Is.LessThan(leader.LastNumber));
    }

    [Test]
    public void A_leader_whose_lease_is_in_doubt_confirms_nothing_and_takes_nothing()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a b");
        story.Pass();
        story["a"].Do(a => a.Replica.Suspend(isInDoubt: true, story.Now));
        var before = story["a"].Replica.Completed;
        story["a"].Publish(Producer, "m1");
        story.Pass();
        Assert.That((story["a"].Replica.Completed, story["a"].Replica.AcceptsPublishes, story["a"].Replica.HandsOut), Is.EqualTo((before, false, false)));
        story["a"].Do(a => a.Replica.Suspend(isInDoubt: false, story.Now));
        story["a"].Do(a => a.Replica.Tick(story.Now));
        Assert.That((story["a"].Replica.Completed, story["a"].Replica.AcceptsPublishes), Is.EqualTo((story["a"].Replica.LastNumber, true)));
    }

    [TestCase(1, "b c", Description = "nothing is confirmed until it is out of the set, and clients wait")]
    [TestCase(0, "", Description = "an earlier start of it")]
    public void A_leader_does_not_wait_for_a_copy_whose_process_has_ended(long boot, string proposed)
    {
        var story = new ReplicaStory(nodes: ["a", "b", "c"]);
        story.Configure(1, "a", "a b c");
        story.Pass();
        story["b"].Do(b => b.Replica.NodeEnded("a", boot, story.Now));
        story.Configure(2, "b", "a b c", "b", "c");
        Assert.That(story["b"].Proposed, Is.EqualTo(proposed));
    }

    /// <summary>Seed 584: what the store says then is what the leader knew that changed the record last, and it ended before it told the next one what it had.</summary>
    [Test]
    public void What_only_a_leader_had_that_no_other_heard_of_is_kept_aside_whatever_it_told_the_store()
    {
        var story = WithOneOnlyOnA("a", "b", "c");
        story.Configure(2, "b", "a b c", "b", "c");
        story["b"].Publish(new ProducerId(9, 3), "m2");
        story.Pass();
        story.Configure(3, "a", "a b c", "a", "c");
        story["a"].Do(a => a.Replica.NodeEnded("b", story["b"].Member.Boot, story.Now));
        story["a"].Sent.Clear();
        story["c"].Sent.Clear();
        story.Configure(4, "c", "a c", "a", "c");
        story.Pass();
        Assert.That((story["c"].Content, story["a"].Orphans?.Positions.Length), Is.EqualTo(("m1 m2", 1)));
    }

    /// <summary>Seed 61875: it lacks the first message of the second epoch, and knows no more of the first than the leader that told it all.</summary>
    [Test]
    public void A_leader_that_lacks_something_knows_no_more_of_earlier_epochs_than_it_was_told()
    {
        var story = WithOneOnlyOnA("a", "b", "c");
        story.Configure(2, "b", "a b c", "b", "c");
        story["b"].Publish(new ProducerId(9, 3), "m2");
        story["c"].Sent.TryPeek(out var join);
        Assert.That(join.Message, Is.InstanceOf<Join>());
        story.PassOne("c");
        while (story["b"].Sent.Count > 0) story.PassOne("b");
        story["c"].Sent.Clear();
        story.Configure(3, "c", "a b c", "a", "c");
        story.Pass();
        Assert.That((story["c"].Content, story["a"].Orphans?.Positions.Length), Is.EqualTo(("m1", 1)));
    }

    /// <summary>Seed 67810: if it ended before that, it would be in sync, and would hand out again what all had heard to be settled.</summary>
    [Test]
    public void What_a_mirror_drops_is_off_its_disk_before_it_is_in_sync()
    {
        var story = WithOneOnlyOnA();
        story.Configure(2, "b", "b");
        story.Pass();
        story["a"].IsFlushLate = true;
        story["a"].Do(a => a.Replica.KeptAside(a.Orphans!, story.Now));
        story["a"].Do(a => a.Replica.Tick(story.Now += 1_000));
        story.Pass();
        story["b"].Do(b => b.Replica.Tick(story.Now));
        Assert.That((story["a"].Content, story["b"].Proposed), Is.EqualTo(("m1", "")));
        story["a"].IsFlushLate = false;
        story["a"].Do(_ => { });
        story.Pass();
        story["b"].Do(b => b.Replica.Tick(story.Now));
        Assert.That(story["b"].Proposed, Is.EqualTo("b a"));
    }

    [Test]
    public void What_a_new_leader_has_may_have_been_handed_out()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a b");
        story["a"].Publish(Producer, "m1");
        story.Pass();
        story.Configure(2, "b", "a b");
        var redelivered = false;
        story["b"].Do(b => b.State.TryGet(new Holder(), story.Now, out _, out _, out redelivered));
        Assert.That(redelivered, Is.True);
    }

    [Test]
    public void A_publish_that_went_with_its_message_is_not_known_any_more()
    {
        var story = WithOneOnlyOnA();
        Assert.That(story["a"].Replica.IsDuplicate(new ProducerId(9, 2), 1), Is.True);
        story.Configure(2, "b", "b");
        story.Pass();
        story["a"].Do(a => a.Replica.KeptAside(a.Orphans!, story.Now));
        story.Pass();
        story.Configure(3, "a", "a b");
        Assert.That((story["a"].Content, story["a"].Replica.IsDuplicate(new ProducerId(9, 2), 1)), Is.EqualTo(("m1", false)));
    }

    [Test]
    public void A_copy_that_was_taken_for_ended_and_is_there_again_comes_into_the_set()
    {
        var story = new ReplicaStory();
        story.Configure(1, "a", "a b");
        story.Pass();
        story["a"].Do(a => a.Replica.NodeEnded("b", story["b"].Member.Boot, story.Now));
        Assert.That(story["a"].Proposed, Is.EqualTo("a"));
        story.Configure(1, "a", "a");
        story["b"].Do(b => b.Replica.Tick(story.Now += 1_000));
        story.Pass();
        story["a"].Do(a => a.Replica.Tick(story.Now));
        Assert.That(story["a"].Proposed, Is.EqualTo("a b"));
    }

    /// <summary>All have <c>m1</c>; another message never left its leader, <c>a</c>.</summary>
    private static ReplicaStory WithOneOnlyOnA(params string[] nodes)
    {
        var story = new ReplicaStory(nodes: nodes);
        story.Configure(1, "a", nodes.Length > 0 ? string.Join(' ', nodes) : "a b");
        story["a"].Publish(Producer, "m1");
        story.Pass();
        story["a"].Publish(new ProducerId(9, 2), "only on a");
        story["a"].Sent.Clear();
        return story;
    }

    private sealed class Holder : MessageHolder;
}
