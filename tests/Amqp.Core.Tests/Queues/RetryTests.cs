using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Queues;

/// <summary>Messages that came back and wait before they are ready again.</summary>
internal sealed class RetryTests
{
    [Test]
    public void A_message_that_comes_back_waits_longer_each_time()
    {
        var queue = Queue(new RetryDelay(RetryType.All, MinMs: 100, MaxMs: 250, Multiplier: 0));
        var holder = new StoryHolder();
        queue.Publish("m1", "m2");
        foreach (var delay in (long[])[100, 200, 250, 250])
        {
            queue.Get(holder);
            queue.Requeue(holder, "m1");
            Assert.That((queue.State.NextDue, queue.State.DelayedCount, queue.State.ReadyCount), Is.EqualTo(((long?)(queue.Now + delay), 1, 1)));
            queue.Now += delay - 1;
            queue.State.ReleaseDue(queue.Now);
            Assert.That(queue.State.DelayedCount, Is.EqualTo(1));
            queue.Now++;
            queue.State.ReleaseDue(queue.Now);
            Assert.That((queue.State.NextDue, queue.State.DelayedCount, queue.State.ReadyCount), Is.EqualTo(((long?)null, 0, 2)));
        }
        Assert.That(queue.GetAll(), Is.EqualTo("m1! m2"), "in its old place");
    }

    [Test]
    public void Others_are_handed_out_meanwhile_and_a_consumer_gets_it_when_it_is_due()
    {
        var queue = Queue(new RetryDelay(RetryType.All, 100, 100, 0));
        var consumer = queue.Consume("a", prefetch: 1);
        queue.Publish("m1", "m2");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m1"));
        queue.Requeue(consumer, "m1");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m2"));
        queue.Ack(consumer, "m2");
        queue.Now += 100;
        queue.State.ReleaseDue(queue.Now);
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m1!"));
    }

    [TestCase(RetryType.All, true, true)]
    [TestCase(RetryType.Returned, true, false)]
    [TestCase(RetryType.Failed, false, true)]
    [TestCase(RetryType.Disabled, false, false)]
    public void It_depends_on_why_it_came_back(RetryType type, bool waitsWhenReturned, bool waitsWhenFailed)
    {
        var queue = Queue(new RetryDelay(type, 100, 100, 0));
        var holder = new StoryHolder();
        queue.Publish("m1");
        queue.Get(holder);
        queue.Requeue(holder, "m1");
        Assert.That(queue.State.DelayedCount, Is.EqualTo(waitsWhenReturned ? 1 : 0));
        queue.Now += 100;
        queue.State.ReleaseDue(queue.Now);
        queue.Get(holder);
        queue.Release(holder);
        Assert.That(queue.State.DelayedCount, Is.EqualTo(waitsWhenFailed ? 1 : 0));
    }

    [TestCase(1, 100)]
    [TestCase(2, 200)]
    [TestCase(5, 1_600)]
    [TestCase(7, 5_000)]
    [TestCase(int.MaxValue, 5_000)]
    public void It_may_grow_by_a_factor(int count, long expected) =>
        Assert.That(new RetryDelay(RetryType.All, 100, 5_000, Multiplier: 2).DelayMs(count, Settlement.Requeue), Is.EqualTo(expected));

    [Test]
    public void It_waits_on_after_a_restart()
    {
        var settings = new QueueSettings { Retry = new RetryDelay(RetryType.All, 100, 100, 0) };
        var queue = new QueueStory(durable: true, settings: settings);
        queue.State.WallClockAheadMs = 1_000_000;
        var holder = new StoryHolder();
        queue.State.Publish(QueueStory.NewMessage("m1", persistent: true), queue.Now);
        var position = queue.State.End - 1;
        queue.Get(holder);
        queue.Requeue(holder, "m1");
        queue.CarryOut();
        var attributes = queue.Store.Messages[position].Attributes;
        Assert.That(attributes.ReadyAt, Is.EqualTo(1_000_000 + queue.Now + 100));

        foreach (var (now, due) in new[] { (40L, (long?)60L), (60L, null) })
        {
            var restarted = new QueueStory(durable: true, settings: settings);
            restarted.State.WallClockAheadMs = attributes.ReadyAt - 60;
            restarted.State.Restore(new(position + 1, [new(position, Size: 200, BodySize: 2, attributes, Redelivered: false)]), now);
            Assert.That((restarted.State.NextDue, restarted.State.ReadyCount), Is.EqualTo((due, due is null ? 1 : 0)));
        }
    }

    private static QueueStory Queue(RetryDelay retry) => new(settings: new QueueSettings { Retry = retry, Type = QueueType.Quorum });
}
