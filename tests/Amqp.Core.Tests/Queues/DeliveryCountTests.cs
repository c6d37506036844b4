using Amqp.Core.Metrics;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Queues;

/// <summary>How often a message came back to its queue, and what happens when that was too often.</summary>
internal sealed class DeliveryCountTests
{
    [Test]
    public void A_message_that_comes_back_too_often_leaves()
    {
        var queue = new QueueStory(settings: new QueueSettings { DeliveryLimit = 2 });
        var holder = new StoryHolder();
        queue.Publish("m1", "m2");
        for (var time = 0; time < 3; time++)
        {
            queue.Get(holder);
            queue.Requeue(holder, "m1");
        }
        Assert.That(queue.GetAll(), Is.EqualTo("m2"));
        Assert.That((queue.State.Counters[Measure.BeyondDeliveryLimit], queue.State.TakeBeyondDeliveryLimit(), queue.State.BeyondDeliveryLimit), Is.EqualTo((1L, 1, 0)));
    }

    [Test]
    public void It_is_dead_lettered_for_that()
    {
        var queue = new QueueStory(settings: new QueueSettings { DeliveryLimit = 0, DeadLetterExchange = "dlx" });
        var consumer = queue.Consume("a");
        queue.Publish("m1");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m1"));
        queue.Release(consumer);
        Assert.That(queue.DeadLetters(), Is.EqualTo("m1:delivery_limit"));
        queue.Arrive();
        Assert.That(queue.State.UnackedCount, Is.Zero);
    }

    [Test]
    public void Consumers_are_told_how_often_it_came_back()
    {
        var queue = new QueueStory(settings: new QueueSettings { Type = QueueType.Quorum });
        var holder = new StoryHolder();
        queue.Publish("m1");
        Assert.That(CountOf(queue, holder), Is.Null);
        for (var time = 1; time <= 3; time++)
        {
            queue.State.Release(holder, queue.Now);
            Assert.That(CountOf(queue, holder), Is.EqualTo(time));
        }
    }

    [Test]
    public void A_queue_without_a_limit_does_not_count()
    {
        var queue = new QueueStory(durable: true);
        var holder = new StoryHolder();
        queue.State.Publish(QueueStory.NewMessage("m1", persistent: true), queue.Now);
        queue.Records();
        CountOf(queue, holder);
        queue.State.Release(holder, queue.Now);
        Assert.That((CountOf(queue, holder), queue.Records()), Is.EqualTo(((long?)null, "")));
    }

    [Test]
    public void Counts_are_recorded_and_taken_over()
    {
        var settings = new QueueSettings { Type = QueueType.Quorum, DeliveryLimit = 3 };
        var queue = new QueueStory(durable: true, settings: settings);
        var holder = new StoryHolder();
        queue.State.Publish(QueueStory.NewMessage("m1", persistent: true), queue.Now);
        var position = queue.State.End - 1;
        queue.Get(holder);
        queue.Requeue(holder, "m1");
        queue.Get(holder);
        queue.Requeue(holder, "m1");
        Assert.That(queue.Records(), Is.EqualTo($"+{position}:m1 {position}:1 {position}:2"));

        var effects = new QueueEffects();
        var restarted = new QueueState(new QueueId(7), epoch: 1, isDurable: true, settings, effects);
        restarted.Restore(new(position + 1, [new(position, Size: 200, BodySize: 2, queue.Store.Messages[position].Attributes, Redelivered: false)]), now: 0);
        restarted.ReadAhead(windowBytes: 1_000, isGetWaiting: true);
        restarted.Loaded([position], [QueueStory.NewMessage("m1", persistent: true)], now: 0);
        Assert.That(restarted.TryGet(holder, now: 0, out var message, out _, out var redelivered), Is.EqualTo(GetOutcome.Found));
        Assert.That((Count(message!), redelivered), Is.EqualTo((2L, true)));
    }

    [Test]
    public void A_limit_may_come_later_and_counts_from_then_on()
    {
        var queue = new QueueStory();
        var holder = new StoryHolder();
        queue.Publish("m1");
        queue.Get(holder);
        queue.Requeue(holder, "m1");
        queue.State.Configure(new QueueSettings { DeliveryLimit = 1 });
        queue.Get(holder);
        queue.Requeue(holder, "m1");
        queue.Get(holder);
        queue.Requeue(holder, "m1");
        Assert.That(queue.GetAll(), Is.Empty);
    }

    private static long? CountOf(QueueStory queue, StoryHolder holder)
    {
        queue.State.TryGet(holder, queue.Now, out var message, out _, out _);
        return Count(message!);
    }

    private static long? Count(Core.Messages.Message message)
    {
        if (message.Properties.Headers is not { } headers || !headers.TryGet("x-delivery-count", out var value)) return null;
        Assert.That(value.Type, Is.EqualTo(AMQP.Net.FieldType.Long));
        value.TryGetInteger(out var count);
        return count;
    }
}
