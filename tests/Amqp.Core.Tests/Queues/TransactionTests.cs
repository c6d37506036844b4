using Amqp.Core.Queues;
using static Amqp.Core.Tests.Queues.QueueStory;

namespace Amqp.Core.Tests.Queues;

/// <summary>What a transaction does in a queue: nothing that can be seen until it is committed, and then all of it.</summary>
internal sealed class TransactionTests
{
    [Test]
    public void What_a_transaction_publishes_is_nobodys_until_it_is_committed()
    {
        var queue = new QueueStory();
        queue.Consume("a", autoAck: true);
        var part = Part(NewMessage("t1"), NewMessage("t2"));
        queue.State.Prepare(part, queue.Now);
        queue.Publish("m1");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m1"));
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.Deliveries(), Is.EqualTo("a:t1 a:t2"));
        Assert.That((queue.State.ReadyCount, queue.State.UnackedCount), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Committed_messages_stand_where_they_were_prepared()
    {
        var queue = new QueueStory();
        var part = Part(NewMessage("t1"), NewMessage("t2"));
        queue.Publish("m1");
        queue.State.Prepare(part, queue.Now);
        queue.Publish("m2");
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.GetAll(), Is.EqualTo("m1 t1 t2 m2"));
    }

    [Test]
    public void Committed_messages_that_others_have_passed_come_next()
    {
        var queue = new QueueStory();
        var part = Part(NewMessage("t1"));
        queue.State.Prepare(part, queue.Now);
        queue.Publish("m1", "m2");
        Assert.That(queue.Get(), Is.EqualTo("m1"));
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.GetAll(), Is.EqualTo("t1 m2"));
    }

    [Test]
    public void Aborted_messages_leave_holes_that_nobody_falls_into()
    {
        var queue = new QueueStory();
        queue.Publish("m1");
        var first = Part([.. Enumerable.Range(0, 1_000).Select(number => NewMessage($"t{number}"))]);
        queue.State.Prepare(first, queue.Now);
        queue.Publish("m2");
        var last = Part(NewMessage("t"));
        queue.State.Prepare(last, queue.Now);
        queue.State.Abort(first, queue.Now);
        queue.State.Abort(last, queue.Now);
        Assert.That((queue.State.ReadyCount, queue.State.UnackedCount), Is.EqualTo((2, 0)));
        Assert.That(queue.GetAll(), Is.EqualTo("m1 m2"));
        queue.Publish("m3");
        Assert.That(queue.GetAll(), Is.EqualTo("m3"));
    }

    [Test]
    public void What_a_transaction_settles_is_settled_by_its_commit()
    {
        var queue = new QueueStory();
        var holder = new StoryHolder();
        queue.Publish("m1", "m2", "m3");
        queue.Get(holder);
        queue.Get(holder);
        var part = new TransactionPart();
        part.Settlements.AddRange([queue.Held(holder, "m1", Settlement.Acknowledge), queue.Held(holder, "m2", Settlement.Requeue)]);
        queue.State.Prepare(part, queue.Now);
        Assert.That((queue.State.UnackedCount, holder.UnackedCount, part.UnackedCount), Is.EqualTo((2, 0, 2)));
        queue.State.Release(holder, queue.Now);
        Assert.That(queue.State.UnackedCount, Is.EqualTo(2), "the end of the channel comes too late");
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.GetAll(), Is.EqualTo("m2! m3"));
        Assert.That(queue.State.UnackedCount, Is.Zero);
    }

    [Test]
    public void What_an_aborted_transaction_was_to_settle_returns()
    {
        var queue = new QueueStory();
        var holder = new StoryHolder();
        queue.Publish("m1", "m2", "m3");
        queue.Get(holder);
        queue.Get(holder);
        var part = new TransactionPart();
        part.Settlements.AddRange([queue.Held(holder, "m1", Settlement.Acknowledge), queue.Held(holder, "m2", Settlement.Requeue)]);
        queue.State.Prepare(part, queue.Now);
        queue.State.Abort(part, queue.Now);
        Assert.That(queue.GetAll(), Is.EqualTo("m1! m2! m3"));
    }

    [Test]
    public void What_its_holder_has_no_more_is_left_out()
    {
        var queue = new QueueStory();
        var holder = new StoryHolder();
        queue.Publish("m1", "m2");
        queue.Get(holder);
        queue.Get(holder);
        var part = new TransactionPart();
        part.Settlements.AddRange([queue.Held(holder, "m1", Settlement.Acknowledge), queue.Held(holder, "m2", Settlement.Acknowledge), queue.Held(holder, "m2", Settlement.Requeue)]);
        queue.Requeue(holder, "m1");
        queue.State.Prepare(part, queue.Now);
        Assert.That(part.Settlements, Has.Count.EqualTo(1));
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.GetAll(), Is.EqualTo("m1!"));
    }

    [Test]
    public void A_consumer_gets_its_credit_back_when_its_message_goes_to_the_transaction()
    {
        var queue = new QueueStory();
        var consumer = queue.Consume("a", prefetch: 1);
        queue.Publish("m1", "m2");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m1"));
        var part = new TransactionPart();
        part.Settlements.Add(queue.Held(consumer, "m1", Settlement.Acknowledge));
        queue.State.Prepare(part, queue.Now);
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m2"));
        Assert.That(consumer.Left, Is.EqualTo(1));
        queue.State.Commit(part, queue.Now);
        Assert.That(consumer.Left, Is.EqualTo(1), "once is enough");
    }

    [Test]
    public void A_message_lives_from_its_commit_on()
    {
        var queue = new QueueStory();
        var part = Part(NewMessage("short", expirationMs: 50));
        queue.State.Prepare(part, queue.Now);
        queue.Now += 100;
        queue.State.Commit(part, queue.Now);
        queue.Now += 50;
        queue.State.DropExpired(queue.Now);
        Assert.That(queue.State.ReadyCount, Is.EqualTo(1));
        queue.Now += 1;
        queue.State.DropExpired(queue.Now);
        Assert.That(queue.State.ReadyCount, Is.Zero);
    }

    [Test]
    public void A_committed_message_without_time_to_live_is_for_whoever_waits()
    {
        var queue = new QueueStory();
        var part = Part(NewMessage("now", expirationMs: 0));
        queue.State.Prepare(part, queue.Now);
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.State.ReadyCount, Is.Zero);
    }

    [Test]
    public void A_purge_leaves_what_a_transaction_holds()
    {
        var queue = new QueueStory();
        var part = Part(NewMessage("t1"));
        queue.Publish("m1");
        queue.State.Prepare(part, queue.Now);
        queue.Publish("m2");
        Assert.That(queue.State.Purge(), Is.EqualTo(2));
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.GetAll(), Is.EqualTo("t1"));
    }

    [Test]
    public void The_records_are_what_a_durable_queue_keeps()
    {
        var queue = new QueueStory(durable: true);
        var holder = new StoryHolder();
        queue.State.Publish(NewMessage("stored", persistent: true), queue.Now);
        queue.State.Publish(NewMessage("requeued", persistent: true), queue.Now);
        queue.Publish("transient");
        for (var count = 0; count < 3; count++) queue.Get(holder);
        var part = Part(NewMessage("t1"), NewMessage("t2", persistent: true));
        part.Settlements.AddRange([
            queue.Held(holder, "stored", Settlement.Acknowledge), queue.Held(holder, "requeued", Settlement.Requeue), queue.Held(holder, "transient", Settlement.Acknowledge)]);
        queue.State.Prepare(part, queue.Now);
        Assert.That(StoryStore.Text(part.Records), Is.EqualTo("+4:t2 -0"));
    }

    [Test]
    public void A_transient_queue_keeps_nothing()
    {
        var queue = new QueueStory();
        var part = Part(NewMessage("t", persistent: true));
        queue.State.Prepare(part, queue.Now);
        Assert.That(part.Records, Is.Empty);
    }
}
