using Amqp.Core.Queues;

namespace Amqp.Core.Tests.Queues;

internal sealed class QueueStateTests
{
    [Test]
    public void Messages_leave_in_the_order_they_came()
    {
        var queue = new QueueStory();
        queue.Publish("m1", "m2", "m3");
        queue.Consume("a", autoAck: true);
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m1 a:m2 a:m3"));
        Assert.That((queue.State.ReadyCount, queue.State.UnackedCount), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Equal_consumers_take_turns()
    {
        var queue = new QueueStory();
        queue.Consume("a");
        queue.Consume("b");
        queue.Consume("c");
        queue.Publish("m1", "m2", "m3", "m4");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m1 b:m2 c:m3 a:m4"));
    }

    [Test]
    public void A_consumer_with_a_full_prefetch_is_passed_over_until_it_settles()
    {
        var queue = new QueueStory();
        var slow = queue.Consume("slow", prefetch: 1);
        queue.Consume("quick");
        queue.Publish("m1", "m2", "m3");
        Assert.That(queue.Deliveries(), Is.EqualTo("slow:m1 quick:m2 quick:m3"));
        queue.Ack(slow, "m1");
        queue.Publish("m4", "m5", "m6");
        Assert.That(queue.Deliveries(), Is.EqualTo("quick:m4 slow:m5 quick:m6"));
    }

    [Test]
    public void Higher_priority_is_served_first_as_long_as_it_can_take_messages()
    {
        var queue = new QueueStory();
        queue.Consume("low");
        queue.Consume("high", prefetch: 2, priority: 10);
        queue.Publish("m1", "m2", "m3");
        Assert.That(queue.Deliveries(), Is.EqualTo("high:m1 high:m2 low:m3"));
    }

    [Test]
    public void A_requeued_message_returns_to_its_old_place()
    {
        var queue = new QueueStory();
        var consumer = queue.Consume("a", prefetch: 3);
        queue.Publish("m1", "m2", "m3", "m4");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m1 a:m2 a:m3"));
        queue.State.RemoveConsumer(consumer);
        queue.Requeue(consumer, "m3", "m1");
        Assert.That(queue.Get(), Is.EqualTo("m1!"));
        Assert.That(queue.Get(), Is.EqualTo("m3!"));
        Assert.That(queue.Get(), Is.EqualTo("m4"));
        Assert.That(queue.Get(), Is.Null);
        Assert.That(queue.State.UnackedCount, Is.EqualTo(1), "m2 stays with the cancelled consumer");
    }

    [Test]
    public void Releasing_a_holder_returns_everything_it_has_in_order()
    {
        var queue = new QueueStory();
        var names = Enumerable.Range(0, 10_000).Select(number => $"m{number}").ToArray();
        var consumer = queue.Consume("a");
        queue.Publish(names);
        queue.Publish("last");
        queue.Deliveries();
        queue.Ack(consumer, "m17", "last");
        queue.State.RemoveConsumer(consumer);
        queue.Release(consumer);

        queue.Consume("b", autoAck: true);
        var expected = names.Where(name => name != "m17").Select(name => $"b:{name}!");
        Assert.That(queue.Deliveries(), Is.EqualTo(string.Join(' ', expected)));
        Assert.That(consumer.Left, Is.EqualTo(10_001));
    }

    [Test]
    public void What_is_given_back_together_is_handed_out_in_order()
    {
        var queue = new QueueStory();
        var consumer = queue.Consume("a", prefetch: 4);
        queue.Publish("m0", "m1", "m2", "m3", "m4");
        queue.Deliveries();
        queue.Requeue(consumer, "m2", "m0", "m3", "m1");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m0! a:m1! a:m2! a:m3!"));
    }

    [Test]
    public void Holders_that_end_together_give_back_everything_before_it_is_handed_out()
    {
        var queue = new QueueStory();
        var (first, second) = (queue.Consume("a"), queue.Consume("b"));
        queue.Publish("m0", "m1", "m2", "m3");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m0 b:m1 a:m2 b:m3"));
        queue.Consume("c", autoAck: true);
        queue.Release(first, second);
        Assert.That(queue.Deliveries(), Is.EqualTo("c:m0! c:m1! c:m2! c:m3!"));
    }

    [Test]
    public void With_a_time_to_live_of_zero_what_comes_back_is_gone()
    {
        var queue = new QueueStory(messageTtlMs: 0);
        var consumer = queue.Consume("a");
        queue.Publish("m1", "m2");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m1 a:m2"));
        queue.Requeue(consumer, "m1");
        queue.Release(consumer);
        queue.Consume("b");
        Assert.That(queue.Deliveries(), Is.Empty);
        Assert.That((queue.State.ReadyCount, queue.State.UnackedCount), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Settling_what_somebody_else_holds_changes_nothing()
    {
        var queue = new QueueStory();
        var (first, second) = (queue.Consume("a", prefetch: 1), queue.Consume("b", prefetch: 1));
        queue.Publish("m1");
        queue.Deliveries();
        queue.State.Settle(second, 0, Core.Queues.Settlement.Acknowledge, queue.Now);
        Assert.That(queue.State.UnackedCount, Is.EqualTo(1));
        queue.Ack(first, "m1");
        queue.Ack(first, "m1");
        Assert.That((queue.State.ReadyCount, queue.State.UnackedCount), Is.EqualTo((0, 0)));
    }

    [Test]
    public void An_exclusive_consumer_is_alone()
    {
        var queue = new QueueStory();
        var alone = queue.Consume("alone", exclusive: true);
        var other = new StoryConsumer { Tag = "b", AutoAck = true, Exclusive = false, Priority = 0, Prefetch = 0 };
        var demanding = new StoryConsumer { Tag = "c", AutoAck = true, Exclusive = true, Priority = 0, Prefetch = 0 };
        Assert.That(queue.State.CanAddConsumer(other), Is.False);
        queue.State.RemoveConsumer(alone);
        Assert.That(queue.State.CanAddConsumer(other), Is.True);
        queue.State.AddConsumer(other, queue.Now);
        Assert.That(queue.State.CanAddConsumer(demanding), Is.False);
    }

    [Test]
    public void A_consumer_without_room_waits_for_the_resume_and_loses_nothing()
    {
        var queue = new QueueStory();
        var consumer = queue.Consume("a");
        consumer.Room = 1;
        queue.Publish("m1", "m2", "m3");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m1"));
        consumer.Room = 5;
        queue.Publish("m4");
        Assert.That(queue.Deliveries(), Is.Empty, "it was promised a resume, and has not got it yet");
        queue.State.Resume(consumer, queue.Now);
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m2 a:m3 a:m4"));
        Assert.That(consumer.Declined, Is.EqualTo(1), "room is left that others may have");
    }

    [Test]
    public void Get_marks_what_was_handed_out_before()
    {
        var queue = new QueueStory();
        var holder = new StoryHolder();
        queue.Publish("m1", "m2");
        Assert.That(queue.Get(holder), Is.EqualTo("m1"));
        queue.Requeue(holder, "m1");
        Assert.That(queue.Get(holder), Is.EqualTo("m1!"));
        queue.Ack(holder, "m1");
        Assert.That(queue.Get(), Is.EqualTo("m2"));
        Assert.That((queue.State.ReadyCount, queue.State.UnackedCount), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Purge_drops_what_is_ready_and_leaves_what_is_held()
    {
        var queue = new QueueStory();
        var holder = new StoryHolder();
        queue.Publish("m1", "m2", "m3");
        queue.Get(holder);
        Assert.That(queue.State.Purge(), Is.EqualTo(2));
        queue.Requeue(holder, "m1");
        Assert.That(queue.Get(), Is.EqualTo("m1!"));
    }

    [Test]
    public void Expired_messages_go_when_they_reach_the_head()
    {
        var queue = new QueueStory(messageTtlMs: 100);
        queue.Publish("m1");
        queue.PublishExpiring("m2", 10);
        Assert.That(queue.State.NextExpiry, Is.EqualTo(1_100));
        queue.Now += 100;
        queue.State.DropExpired(queue.Now);
        Assert.That(queue.State.ReadyCount, Is.EqualTo(2), "m1 may live this millisecond, and m2 stands behind it");
        queue.Now += 1;
        queue.State.DropExpired(queue.Now);
        Assert.That(queue.State.ReadyCount, Is.Zero);
    }

    [Test]
    public void Settings_change_for_messages_to_come()
    {
        var queue = new QueueStory(messageTtlMs: 100);
        queue.Publish("m1");
        queue.State.Configure(QueueSettings.None);
        queue.Publish("m2");
        queue.State.Configure(new QueueSettings { MessageTtlMs = 10 });
        queue.Publish("m3");
        queue.Now += 101;
        queue.State.DropExpired(queue.Now);
        Assert.That(queue.Get(), Is.EqualTo("m2"));
        queue.State.DropExpired(queue.Now);
        Assert.That(queue.State.ReadyCount, Is.Zero);
    }

    [Test]
    public void A_time_to_live_of_zero_is_for_a_consumer_that_waits()
    {
        var queue = new QueueStory();
        queue.PublishExpiring("m1", 0);
        Assert.That(queue.State.ReadyCount, Is.Zero);
        queue.Consume("a", autoAck: true);
        queue.PublishExpiring("m2", 0);
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m2"));
    }

    [Test]
    public void A_requeued_message_keeps_its_time_to_live()
    {
        var queue = new QueueStory();
        var holder = new StoryHolder();
        queue.PublishExpiring("m1", 50);
        queue.Get(holder);
        queue.Now += 60;
        queue.Requeue(holder, "m1");
        Assert.That(queue.Get(), Is.Null);
    }

    [Test]
    public void A_message_that_stays_behind_keeps_no_room_of_those_that_pass_it()
    {
        var queue = new QueueStory();
        queue.Publish("old", "m");
        queue.Get(new StoryHolder());
        queue.State.TryGet(holder: null, queue.Now, out var message, out _, out _);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var passed = 0; passed < 500_000; passed++)
        {
            queue.State.Publish(message!, queue.Now);
            queue.State.TryGet(holder: null, queue.Now, out _, out _, out _);
        }
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(200_000));
    }
}
