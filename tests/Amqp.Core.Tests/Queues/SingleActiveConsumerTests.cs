using Amqp.Core.Queues;

namespace Amqp.Core.Tests.Queues;

/// <summary>Queues of which one consumer at a time gets messages.</summary>
public class SingleActiveConsumerTests
{
    private readonly QueueStory _queue = new(settings: new QueueSettings { SingleActiveConsumer = true });

    [Test]
    public void The_first_consumer_gets_everything_whatever_the_priority_of_others()
    {
        _queue.Consume("a");
        _queue.Consume("b", priority: 5);
        _queue.Publish("m1", "m2");
        Assert.That(_queue.Deliveries(), Is.EqualTo("a:m1 a:m2"));
    }

    [Test]
    public void Others_wait_while_it_can_take_no_more()
    {
        var first = _queue.Consume("a", prefetch: 1);
        var second = _queue.Consume("b");
        _queue.Publish("m1", "m2");
        Assert.That((_queue.Deliveries(), _queue.State.ReadyCount), Is.EqualTo(("a:m1", 1)));
        _queue.Ack(first, "m1");
        Assert.That(_queue.Deliveries(), Is.EqualTo("a:m2"));
        Assert.That((_queue.State.SingleActiveConsumer, second.UnackedCount), Is.EqualTo((first, 0)));
    }

    [Test]
    public void It_goes_on_when_there_is_room_again()
    {
        var first = _queue.Consume("a");
        _queue.Consume("b");
        first.Room = 0;
        _queue.Publish("m1");
        Assert.That(_queue.Deliveries(), Is.Empty);
        first.Room = 5;
        _queue.State.Resume(first, _queue.Now);
        Assert.That(_queue.Deliveries(), Is.EqualTo("a:m1"));
    }

    [Test]
    public void When_it_is_cancelled_the_next_takes_over_and_it_keeps_what_it_has()
    {
        var first = _queue.Consume("a", prefetch: 1);
        _queue.Consume("b");
        _queue.Publish("m1", "m2");
        _queue.State.RemoveConsumer(first);
        _queue.State.DeliverReady(_queue.Now);
        Assert.That(_queue.Deliveries(), Is.EqualTo("a:m1 b:m2"));
        _queue.Requeue(first, "m1");
        Assert.That(_queue.Deliveries(), Is.EqualTo("b:m1!"));
    }

    [Test]
    public void When_its_channel_ends_the_next_gets_what_it_had_in_order()
    {
        var first = _queue.Consume("a", prefetch: 2);
        _queue.Consume("b");
        _queue.Publish("m1", "m2", "m3");
        Assert.That(_queue.Deliveries(), Is.EqualTo("a:m1 a:m2"));
        _queue.Release(first);
        Assert.That(_queue.Deliveries(), Is.EqualTo("b:m1! b:m2! b:m3"));
    }

    [Test]
    public void The_highest_priority_takes_over_and_then_the_one_that_came_first()
    {
        var first = _queue.Consume("a");
        var low = _queue.Consume("b");
        _queue.Consume("c", priority: 1);
        _queue.Consume("d", priority: 1);
        _queue.Release(low, first);
        Assert.That(_queue.State.SingleActiveConsumer!.Tag, Is.EqualTo("c"));
    }

    [Test]
    public void When_one_that_waits_goes_nothing_changes()
    {
        var first = _queue.Consume("a");
        var second = _queue.Consume("b");
        _queue.Release(second);
        Assert.That(_queue.State.SingleActiveConsumer, Is.SameAs(first));
        _queue.Release(first);
        Assert.That(_queue.State.SingleActiveConsumer, Is.Null);
        var third = _queue.Consume("c");
        _queue.Publish("m1");
        Assert.That((_queue.State.SingleActiveConsumer, _queue.Deliveries()), Is.EqualTo((third, "c:m1")));
    }

    [Test]
    public void No_consumer_can_have_such_a_queue_for_itself() =>
        Assert.That(_queue.State.CanAddConsumer(new StoryConsumer { Tag = "a", AutoAck = true, Exclusive = true, Priority = 0, Prefetch = 0 }), Is.False);

    [Test]
    public void Basic_get_takes_part() // as of classic queues in RabbitMQ
    {
        _queue.Consume("a", prefetch: 1);
        _queue.Publish("m1", "m2");
        Assert.That((_queue.Deliveries(), _queue.Get()), Is.EqualTo(("a:m1", "m2")));
    }
}
