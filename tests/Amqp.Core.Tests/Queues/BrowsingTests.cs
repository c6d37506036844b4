using Amqp.Core.Queues;

namespace Amqp.Core.Tests.Queues;

/// <summary>Looking into a queue without changing it.</summary>
public class BrowsingTests
{
    [Test]
    public void A_part_has_what_is_ready_and_what_consumers_have_in_the_order_of_arrival()
    {
        var queue = new QueueStory();
        var holder = new StoryHolder();
        queue.Publish("m0", "m1", "m2", "m3");
        queue.Get(holder);
        queue.Get(holder);
        queue.Requeue(holder, "m0");
        Assert.That(Look(queue, from: 0, count: 3), Is.EqualTo("0:m0:Ready! 1:m1:Unacknowledged 2:m2:Ready -> 3"));
        Assert.That(Look(queue, from: 3, count: 3), Is.EqualTo("3:m3:Ready -> 4."));
        Assert.That(Look(queue, from: 9, count: 3), Is.EqualTo(" -> 9."));
        Assert.That(queue.GetAll(), Is.EqualTo("m0! m2 m3"), "nothing has changed");
    }

    [Test]
    public void Gone_expired_and_uncommitted_messages_are_not_seen()
    {
        var queue = new QueueStory();
        queue.Publish("gone");
        queue.Get();
        queue.PublishExpiring("expired", 10);
        queue.Publish("m");
        queue.State.Prepare(QueueStory.Part(QueueStory.NewMessage("uncommitted")), queue.Now);
        queue.Now += 11;
        Assert.That(Look(queue, from: 0, count: 9), Is.EqualTo("2:m:Ready -> 4."));
    }

    [Test]
    public void What_is_on_the_disk_is_read_and_not_kept()
    {
        var queue = Evicted();
        var part = new BrowsedPart(from: 1, countMax: 2);
        var absent = queue.State.Browse(part, queue.Now);
        Assert.That(absent, Is.EqualTo((long[])[1, 2]));
        queue.State.Browsed(part, absent, queue.Store.Read(absent));
        Assert.That((Text(part), queue.State.AbsentCount), Is.EqualTo(("1:m1:Ready 2:m2:Ready -> 3", 100)));
    }

    [Test]
    public void What_is_gone_before_it_was_read_is_left_out()
    {
        var queue = Evicted();
        var part = new BrowsedPart(from: 1, countMax: 2);
        var absent = queue.State.Browse(part, queue.Now);
        queue.State.Browsed(part, absent, [null, QueueStory.NewMessage("m2")]);
        Assert.That(Text(part), Is.EqualTo("2:m2:Ready -> 3"));
    }

    [Test]
    public void A_consumer_that_browses_sees_all_there_is_and_all_that_comes_and_takes_nothing()
    {
        var queue = new QueueStory();
        queue.Publish("m0", "m1");
        Browse(queue, "b", from: 0);
        Serve(queue);
        Assert.That(queue.Deliveries(), Is.EqualTo("b:m0 b:m1"));
        queue.Consume("a", autoAck: true);
        queue.Publish("m2", "m3");
        Serve(queue);
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m0 a:m1 a:m2 a:m3"), "what was taken meanwhile is not there to be seen");
        Assert.That((queue.State.ReadyCount, queue.State.ConsumerCount), Is.EqualTo((0, 2)));
    }

    [Test]
    public void It_begins_where_it_says()
    {
        var queue = new QueueStory();
        queue.Publish("m0", "m1", "m2");
        Browse(queue, "b", from: 1);
        Browse(queue, "next", from: long.MaxValue);
        queue.Publish("m3");
        Serve(queue);
        Assert.That(queue.Deliveries(), Is.EqualTo("b:m1 b:m2 b:m3 next:m3"));
    }

    [Test]
    public void It_waits_for_room_and_goes_on_where_it_was()
    {
        var queue = new QueueStory();
        var browser = Browse(queue, "b", from: 0, room: 1);
        queue.Publish("m0", "m1", "m2");
        Serve(queue);
        Assert.That(queue.Deliveries(), Is.EqualTo("b:m0"));
        browser.Room = 2;
        queue.State.Resume(browser, queue.Now);
        Assert.That((queue.Deliveries(), browser.Declined), Is.EqualTo(("b:m1 b:m2", 1)));
    }

    [Test]
    public void It_waits_for_what_is_read_for_it()
    {
        var queue = Evicted();
        Browse(queue, "b", from: 98);
        queue.State.ServeBrowsers(queue.Now);
        var (part, absent) = queue.TakeBrowsed();
        queue.Publish("last");
        Serve(queue);
        Assert.That(queue.Deliveries(), Is.Empty);
        queue.State.Browsed(part, absent, queue.Store.Read(absent));
        Serve(queue);
        Assert.That(queue.Deliveries(), Is.EqualTo("b:m98 b:m99 b:last"));
    }

    [Test]
    public void One_that_browses_is_never_the_active_one_and_takes_no_turn()
    {
        var queue = new QueueStory(settings: new QueueSettings { SingleActiveConsumer = true });
        Browse(queue, "b", from: 0);
        var active = queue.Consume("a", autoAck: true);
        queue.Publish("m");
        Assert.That((queue.Deliveries(), queue.State.SingleActiveConsumer), Is.EqualTo(("a:m", active)));
        queue.Release(active);
        Assert.That(queue.State.SingleActiveConsumer, Is.Null);
        queue.Publish("n");
        Assert.That((queue.Deliveries(), queue.State.ReadyCount), Is.EqualTo(("", 1)));
    }

    private static QueueStory Evicted()
    {
        var queue = new QueueStory(durable: true);
        for (var number = 0; number < 100; number++) queue.State.Publish(QueueStory.NewMessage($"m{number}", persistent: true), queue.Now);
        queue.Write();
        queue.Evict(keptBytes: 0);
        Assert.That(queue.State.AbsentCount, Is.EqualTo(100));
        return queue;
    }

    private static StoryConsumer Browse(QueueStory queue, string tag, long from, int room = int.MaxValue)
    {
        var consumer = new StoryConsumer { Tag = tag, Prefetch = 0, AutoAck = true, Priority = 0, Exclusive = false, BrowsesFrom = from, Room = room };
        queue.State.AddConsumer(consumer, queue.Now);
        return consumer;
    }

    private static void Serve(QueueStory queue) => queue.State.ServeBrowsers(queue.Now);

    private static string Look(QueueStory queue, long from, int count)
    {
        var part = new BrowsedPart(from, count);
        Assert.That(queue.State.Browse(part, queue.Now), Is.Empty);
        return Text(part);
    }

    /// <summary><c>3:m:Ready! -> 4.</c>: at position 3, handed out before; position 4 is next, and nothing is there.</summary>
    private static string Text(BrowsedPart part)
    {
        var messages = part.Messages.Select(each => $"{each.Position}:{QueueStory.NameOf(each.Message!)}:{each.State}{(each.Redelivered ? "!" : "")}");
        return $"{string.Join(' ', messages)} -> {part.Next}{(part.IsLast ? "." : "")}";
    }
}
