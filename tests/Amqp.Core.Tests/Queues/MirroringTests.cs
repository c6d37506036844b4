using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Core.Tests.Queues;

/// <summary>A queue that tells its mirrors what happens, and one that is a mirror.</summary>
public class MirroringTests
{
    private static readonly QueueSettings Retrying = new() { Retry = new RetryDelay(RetryType.All, MinMs: 100, MaxMs: 1_000, Multiplier: 0) };

    [Test]
    public void Mirrors_hear_of_transient_messages_as_of_all_others([Values] bool durable)
    {
        var queue = QueueStory.Mirrored(durable: durable);
        queue.Publish("transient");
        queue.State.Publish(QueueStory.NewMessage("persistent", persistent: true), queue.Now);
        var holder = new StoryHolder();
        queue.Get(holder);
        queue.Get(holder);
        queue.Ack(holder, "persistent");
        queue.Requeue(holder, "transient");
        queue.State.Purge();
        Assert.That(queue.Stream(), Is.EqualTo("+0:transient +1:persistent -1 -0"));
        Assert.That(queue.Records(), Is.EqualTo(durable ? "+1:persistent -1" : ""));
    }

    [Test]
    public void A_queue_that_is_not_mirrored_tells_nothing()
    {
        var queue = new QueueStory(durable: true);
        queue.Publish("m");
        queue.Get();
        Assert.That(queue.Stream(), Is.Empty);
    }

    [Test]
    public void They_hear_nothing_of_a_message_that_is_gone_at_once()
    {
        var queue = QueueStory.Mirrored();
        queue.Consume("c", autoAck: true);
        Assert.That((queue.State.Publish(QueueStory.NewMessage("m", persistent: true), queue.Now), queue.Stream()), Is.EqualTo((QueueState.NotStored, "")));
    }

    [Test]
    public void They_hear_of_whatever_else_ends_a_message()
    {
        var queue = QueueStory.Mirrored(new QueueSettings { LengthMax = 2, DeliveryLimit = 0 });
        queue.PublishExpiring("expires", 10);
        queue.Now += 11;
        queue.State.DropExpired(queue.Now);
        queue.Publish("beyond", "rejected", "returned");
        var holder = new StoryHolder();
        queue.Get(holder);
        queue.Get(holder);
        queue.Reject(holder, "rejected");
        queue.Requeue(holder, "returned");
        Assert.That(queue.Stream(), Is.EqualTo("+0:expires -0 +1:beyond +2:rejected -1 +3:returned -2 -3"));
    }

    [Test]
    public void A_dead_letter_is_there_until_it_has_arrived()
    {
        var queue = QueueStory.Mirrored(new QueueSettings { DeadLetterExchange = "dead", DeliveryLimit = 0 });
        queue.Publish("m", "n");
        var holder = new StoryHolder();
        queue.Get(holder);
        queue.Get(holder);
        queue.Reject(holder, "m");
        queue.Requeue(holder, "n");
        Assert.That((queue.DeadLetters(), queue.Stream()), Is.EqualTo(("m:rejected n:delivery_limit", "+0:m +1:n 1:1")), "how often it came back is as it is described");
        queue.Arrive();
        Assert.That(queue.Stream(), Is.EqualTo("-0 -1"));
    }

    [Test]
    public void Of_a_transaction_they_hear_when_it_is_committed()
    {
        var queue = QueueStory.Mirrored(durable: true);
        queue.State.Publish(QueueStory.NewMessage("before", persistent: true), queue.Now);
        var holder = new StoryHolder();
        queue.Get(holder);
        queue.Stream();
        var part = QueueStory.Part(QueueStory.NewMessage("t1", persistent: true), QueueStory.NewMessage("t2", expirationMs: 50));
        part.Settlements.Add(queue.Held(holder, "before", Settlement.Acknowledge));
        queue.State.Prepare(part, queue.Now);
        Assert.That((queue.Stream(), Positions(queue.Described())), Is.EqualTo(("", "0")), "what it settles is still there, and what it publishes is not");
        Assert.That((queue.State.Contains(1), queue.State.MessageAt(1)), Is.EqualTo((false, (Message?)null)));
        Assert.That(part.Records, Is.Empty, "its disk hears of it when they do");
        queue.Now += 5;
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.TakeStream().Select(record => record.Attributes.ExpiresAt), Is.EqualTo((long[])[0, queue.Now + 50, 0]), "it begins to wait only now");
        queue.CarryOut();
        Assert.That((Positions(queue.Described()), queue.Store.Messages.Keys), Is.EqualTo(("1 2", (long[])[1])));
    }

    /// <summary>A mirror takes what it lacks below what it has for settled.</summary>
    [Test]
    public void A_message_of_a_transaction_has_its_place_behind_all_that_they_have_heard_of()
    {
        var queue = QueueStory.Mirrored();
        var part = QueueStory.Part(QueueStory.NewMessage("t"));
        queue.State.Prepare(part, queue.Now);
        queue.Publish("m");
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.Stream(), Is.EqualTo("+0:m +1:t"));
    }

    [TestCase(false, true)]
    [TestCase(true, false)]
    public void A_queue_may_be_mirrored_or_not_any_more_before_a_transaction_ends(bool before, bool after)
    {
        var queue = new QueueStory(durable: true);
        queue.State.IsMirrored = before;
        var part = QueueStory.Part(QueueStory.NewMessage("t", persistent: true));
        queue.State.Prepare(part, queue.Now);
        queue.Store.Add(part.Records.ToArray());
        queue.State.IsMirrored = after;
        queue.State.Commit(part, queue.Now);
        queue.CarryOut();
        Assert.That((queue.Store.Messages.Keys, queue.Stream()), Is.EqualTo(((long[])[0], after ? "+0:t" : "")));
    }

    [Test]
    public void Nothing_is_handed_out_while_another_node_may_lead()
    {
        var queue = QueueStory.Mirrored();
        queue.State.HandsOut = false;
        queue.Consume("c");
        queue.Publish("m");
        Assert.That(queue.Deliveries(), Is.Empty);
        queue.State.HandsOut = true;
        queue.State.DeliverReturned(queue.Now);
        Assert.That(queue.Deliveries(), Is.EqualTo("c:m"));
    }

    [Test]
    public void Of_one_that_is_aborted_they_hear_nothing()
    {
        var queue = QueueStory.Mirrored();
        var part = QueueStory.Part(QueueStory.NewMessage("t"));
        queue.State.Prepare(part, queue.Now);
        queue.State.Abort(part, queue.Now);
        Assert.That(queue.Stream(), Is.Empty);
    }

    [Test]
    public void They_hear_how_often_a_transient_message_came_back_and_until_when_it_waits()
    {
        var queue = QueueStory.Mirrored(Retrying);
        queue.Publish("m");
        ReturnFirst(queue, "m");
        Assert.That(queue.TakeStream()[^1].Attributes, Is.EqualTo(new MessageAttributes(0, DeliveryCount: 1, ReadyAt: queue.Now + 100)));
        Assert.That(queue.Described().Single().Attributes.ReadyAt, Is.EqualTo(queue.Now + 100));
        queue.Now += 100;
        Assert.That(queue.Described().Single().Attributes, Is.EqualTo(new MessageAttributes(0, DeliveryCount: 1)));
    }

    [Test]
    public void Its_publisher_waits_for_mirrors_where_it_would_not_wait_for_the_store()
    {
        var queue = QueueStory.Mirrored(new QueueSettings { Deduplicates = true });
        Assert.That((queue.PublishKeyed("m1", "a"), queue.PublishKeyed("m2", "b"), queue.PublishKeyed("m3", "a")), Is.EqualTo((0, 1, 0)));
        var part = QueueStory.Part(QueueStory.NewMessage("t").WithHeader("x-deduplication-header", FieldValue.From("b")));
        queue.State.Prepare(part, queue.Now);
        Assert.That(part.AwaitedPosition, Is.EqualTo(1));
    }

    [Test]
    public void What_leaves_in_a_row_is_one_record_and_many_records_are_taken_early()
    {
        var taken = 0;
        QueueEffects effects = null!;
        effects = new QueueEffects(() =>
        {
            taken += effects.Stream.Length;
            effects.ClearStream();
        });
        var state = new QueueState(new(7), epoch: 0, isDurable: false, QueueSettings.None, effects) { IsMirrored = true };
        for (var count = 0; count < 5_000; count++) state.Publish(QueueStory.NewMessage("m"), now: 1);
        Assert.That((taken, effects.Stream.Length, effects.Records.Length), Is.EqualTo((4_096, 904, 0)));
        taken = 0;
        effects.Clear();
        for (var count = 0; count < 5; count++) state.Publish(QueueStory.NewMessage(new string('m', 1 << 18)), now: 1);
        Assert.That((taken, effects.Stream.Length), Is.EqualTo((4, 1)), "large ones are taken earlier");
        state.Purge();
        effects.Clear();
        for (var count = 0; count < 5_000; count++) state.Publish(QueueStory.NewMessage("m"), now: 1);
        effects.Clear();
        Assert.That((effects.Stream.Length, state.Purge(), effects.Stream.Length, effects.Stream[0].Count), Is.EqualTo((0, 5_000, 1, 5_000)));
    }

    [Test]
    public void A_queue_is_described_part_by_part()
    {
        var queue = QueueStory.Mirrored(new QueueSettings { MaxPriority = 3 });
        foreach (var number in Enumerable.Range(0, 200)) queue.State.Publish(QueueStory.NewMessage($"{number}", priority: (byte)(number % 4)), queue.Now);
        var live = new List<LiveMessage>();
        Assert.That((queue.State.Describe(from: 10, countMax: 100, live, queue.Now), live.Count, live[5]), Is.EqualTo((110, 100, new LiveMessage(15, new(0, Priority: 3)))));
        Assert.That((queue.State.Describe(from: 110, countMax: 90, live, queue.Now), live.Count), Is.EqualTo((queue.State.End, 190)));
        Assert.That((queue.State.Describe(from: 1_000, countMax: 100, live, queue.Now), live.Count), Is.EqualTo((1_000, 190)));
    }

    [Test]
    public void A_mirror_has_messages_where_its_leader_has_them_in_whatever_order_they_come()
    {
        var mirror = new QueueStory(durable: true);
        Enqueue(mirror, (700, "d"), (5, "b"), (699, "c"), (0, "a"), (5, "again"));
        Assert.That((Positions(mirror.Described()), mirror.State.End, mirror.State.ReadyCount), Is.EqualTo(("0 5 699 700", 701, 4)));
        Assert.That((QueueStory.NameOf(mirror.State.MessageAt(5)!), mirror.State.Contains(6), mirror.State.MessageAt(6)), Is.EqualTo(("b", false, (Message?)null)));
        mirror.State.Replay(StoreRecord.Settle(mirror.State.Id, 1, count: 699), mirror.Now);
        mirror.State.Lead(epoch: 0, mayHaveBeenHandedOut: false, mirror.Now);
        Assert.That(mirror.GetAll(), Is.EqualTo("a d"));
    }

    [Test]
    public void A_mirror_keeps_what_has_to_survive_in_a_store_of_its_own()
    {
        var leader = QueueStory.Mirrored(new QueueSettings { DeliveryLimit = 5 }, durable: true);
        leader.State.Publish(QueueStory.NewMessage("m", persistent: true), leader.Now);
        leader.Publish("transient");
        ReturnFirst(leader, "m");
        leader.Get();
        var mirror = new QueueStory(durable: true, settings: leader.State.Settings);
        mirror.Replay(leader);
        Assert.That(mirror.Records(), Is.EqualTo("+0:m 0:1 -0"));
        Assert.That(Positions(mirror.Described()), Is.EqualTo("1"));
    }

    [Test]
    public void A_message_that_came_late_stays_in_memory_until_it_is_known_to_be_durable()
    {
        var mirror = new QueueStory(durable: true);
        Enqueue(mirror, persistent: true, (9, "new"));
        mirror.Write();
        Enqueue(mirror, persistent: true, (3, "old"));
        mirror.CarryOut();
        mirror.State.Written(end: 10, lateCount: 0);
        mirror.Evict(keptBytes: 0);
        Assert.That((mirror.State.MessageAt(3) is null, mirror.State.MessageAt(9) is null), Is.EqualTo((false, false)), "it is where eviction ends for now");
        mirror.Write();
        mirror.Evict(keptBytes: 0);
        Assert.That(mirror.State.AbsentCount, Is.EqualTo(2));
        mirror.State.Lead(epoch: 1, mayHaveBeenHandedOut: true, mirror.Now);
        mirror.Consume("c");
        mirror.Load(windowBytes: 1_000);
        Assert.That(mirror.Deliveries(), Is.EqualTo("c:old! c:new!"));
    }

    [Test]
    public void A_mirror_keeps_little_in_memory_in_whatever_order_messages_come([Values(0, 1_000)] int keptBytes, [Values(0, 3)] byte maxPriority)
    {
        var mirror = new QueueStory(durable: true, settings: new QueueSettings { MaxPriority = maxPriority });
        foreach (var first in (int[])[100, 0, 50])
        {
            Enqueue(mirror, persistent: true, [.. Enumerable.Range(first, 50).Select(position => ((long)position, $"{position}"))]);
            mirror.Write();
            mirror.Evict(keptBytes);
            Assert.That(mirror.State.BodyBytes, Is.LessThanOrEqualTo(2 * keptBytes));
        }
    }

    [Test]
    public void A_mirror_reads_nothing_and_drops_nothing_beyond_the_length_until_it_leads()
    {
        var mirror = new QueueStory(durable: true, settings: new QueueSettings { LengthMax = 2 });
        Enqueue(mirror, persistent: true, (0, "a"), (1, "b"), (2, "c"));
        mirror.State.Configure(mirror.State.Settings with { LengthMax = 1 });
        mirror.Write();
        mirror.Evict(keptBytes: 0);
        mirror.Evict(keptBytes: 10_000);
        Assert.That((mirror.State.ReadyCount, mirror.Store.Reads.Count), Is.EqualTo((3, 0)));
        mirror.State.Lead(epoch: 1, mayHaveBeenHandedOut: false, mirror.Now);
        Assert.That((mirror.State.ReadyCount, mirror.Records()), Is.EqualTo((1, "+0:a +1:b +2:c -0 -1")));
    }

    [Test]
    public void A_new_leader_hands_out_everything_again_and_gives_positions_of_its_epoch()
    {
        var mirror = new QueueStory(durable: true);
        Enqueue(mirror, (3, "m"));
        mirror.State.Lead(epoch: 2, mayHaveBeenHandedOut: true, mirror.Now);
        mirror.Publish("n");
        mirror.Consume("c");
        Assert.That((mirror.Deliveries(), mirror.State.End), Is.EqualTo(("c:m! c:n", Core.Records.Positions.First(2) + 1)));
        mirror.State.Lead(epoch: 1, mayHaveBeenHandedOut: false, mirror.Now);
        Assert.That(mirror.State.End, Is.EqualTo(Core.Records.Positions.First(2) + 1), "never below what there was");
    }

    [Test]
    public void A_deposed_leader_has_plainly_what_anyone_held()
    {
        var leader = QueueStory.Mirrored(new QueueSettings { DeadLetterExchange = "dead", MessageGroups = true, Retry = Retrying.Retry });
        var (consumer, full, holder) = (leader.Consume("c", prefetch: 1), leader.Consume("d", prefetch: 2), new StoryHolder());
        leader.PublishGrouped("a1", "b1", "a2", "c1");
        leader.Publish("got", "rejected", "waits");
        foreach (var _ in (int[])[1, 2, 3]) leader.Get(holder);
        leader.Reject(holder, "rejected");
        leader.Requeue(holder, "waits");
        Assert.That((leader.DeadLetters(), leader.Deliveries()), Is.EqualTo(("rejected:rejected", "c:a1 d:b1 d:c1")));
        var part = QueueStory.Part(QueueStory.NewMessage("t"));
        part.Settlements.Add(leader.Held(full, "b1", Settlement.Acknowledge));
        leader.State.Prepare(part, leader.Now);
        leader.Stream();

        leader.State.Follow();
        leader.State.Commit(part, leader.Now);
        leader.Arrive();
        leader.Ack(consumer, "a1");
        Assert.That((leader.Stream(), Positions(leader.Described())), Is.EqualTo(("", "0 1 2 3 4 5 6")));
        Assert.That((leader.State.ReadyCount, leader.State.DelayedCount, leader.State.UnackedCount, leader.State.ConsumerCount), Is.EqualTo((6, 1, 1, 0)));
        Assert.That((consumer.UnackedCount, full.UnackedCount, holder.UnackedCount, consumer.Left, full.Left), Is.EqualTo((0, 0, 0, 1, 2)));

        leader.State.Lead(epoch: 1, mayHaveBeenHandedOut: false, leader.Now);
        Assert.That(leader.GetAll(), Is.EqualTo("a1! b1! a2 c1! got! rejected"));
        leader.Now += 100;
        leader.State.ReleaseDue(leader.Now);
        Assert.That(leader.GetAll(), Is.EqualTo("waits!"));
    }

    [Test]
    public void What_came_back_waits_on_with_the_next_leader()
    {
        var leader = QueueStory.Mirrored(Retrying);
        leader.Publish("m", "n");
        ReturnFirst(leader, "m");
        var mirror = new QueueStory(settings: Retrying);
        mirror.Replay(leader);
        Assert.That((mirror.State.DelayedCount, mirror.State.NextDue), Is.EqualTo((1, (long?)leader.Now + 100)));
        leader.Now += 100;
        leader.State.ReleaseDue(leader.Now);
        ReturnFirst(leader, "m");
        mirror.Replay(leader);
        mirror.Now = leader.Now;
        mirror.State.Lead(epoch: 1, mayHaveBeenHandedOut: false, mirror.Now);
        Assert.That((mirror.State.DelayedCount, mirror.State.ReadyCount), Is.EqualTo((1, 1)), "it was released once, and waits for the second time");
        mirror.Now += 200;
        mirror.State.ReleaseDue(mirror.Now);
        Assert.That(mirror.GetAll(), Is.EqualTo("m! n"));
    }

    [Test]
    public void The_next_leader_of_a_queue_knows_the_keys_of_its_messages()
    {
        var settings = new QueueSettings { Deduplicates = true };
        var leader = QueueStory.Mirrored(settings);
        leader.PublishKeyed("m1", "a");
        leader.PublishKeyed("m2", "b");
        var mirror = new QueueStory(settings: settings);
        mirror.Replay(leader);
        mirror.State.Lead(epoch: 1, mayHaveBeenHandedOut: true, mirror.Now);
        mirror.PublishKeyed("m3", "a");
        mirror.PublishKeyed("m4", "c");
        Assert.That(mirror.GetAll(), Is.EqualTo("m1! m2! m4"));
    }

    [Test]
    public void What_ended_before_a_node_started_is_described_as_it_is()
    {
        var leader = QueueStory.Mirrored(new QueueSettings { LengthMax = 5 });
        leader.PublishExpiring("m", 10);
        var mirror = new QueueStory();
        mirror.State.WallClockAheadMs = 100_000;
        mirror.Replay(leader);
        Assert.That(mirror.Described(), Is.EqualTo(leader.Described()));
        mirror.State.Lead(epoch: 1, mayHaveBeenHandedOut: true, mirror.Now);
        mirror.State.DropExpired(mirror.Now);
        Assert.That(mirror.State.ReadyCount, Is.Zero);
    }

    private static void Enqueue(QueueStory mirror, params (long Position, string Name)[] messages) => Enqueue(mirror, persistent: false, messages);

    private static void Enqueue(QueueStory mirror, bool persistent, params (long Position, string Name)[] messages)
    {
        foreach (var (position, name) in messages)
            mirror.State.Replay(StoreRecord.Enqueue(mirror.State.Id, position, QueueStory.NewMessage(name, persistent: persistent), expiresAt: 0), mirror.Now);
    }

    private static void ReturnFirst(QueueStory queue, string name)
    {
        var holder = new StoryHolder();
        queue.Get(holder);
        queue.Requeue(holder, name);
    }

    private static string Positions(List<LiveMessage> live) => string.Join(' ', live.Select(message => message.Position));
}
