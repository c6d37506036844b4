using Amqp.Core.Metrics;
using Amqp.Core.Queues;

namespace Amqp.Core.Tests.Queues;

/// <summary>How many messages may be ready, and what becomes of others.</summary>
public class QueueLengthTests
{
    private static readonly QueueSettings Three = new() { LengthMax = 3 };
    private static readonly QueueSettings ThreeRefused = new() { LengthMax = 3, Overflow = Overflow.RejectPublish };

    [Test]
    public void The_oldest_leave_for_those_that_come()
    {
        var queue = new QueueStory(durable: true, settings: Three);
        queue.Publish("m1", "m2", "m3", "m4", "m5");
        Assert.That(queue.State.Counters[Measure.BeyondLength], Is.EqualTo(2));
        Assert.That(queue.GetAll(), Is.EqualTo("m3 m4 m5"));
    }

    [Test]
    public void What_leaves_the_store_hears_of()
    {
        var queue = new QueueStory(durable: true, settings: Three);
        foreach (var name in (string[])["m1", "m2", "m3", "m4"]) queue.State.Publish(QueueStory.NewMessage(name, persistent: true), queue.Now);
        Assert.That(queue.Records(), Is.EqualTo("+0:m1 +1:m2 +2:m3 -0 +3:m4"));
    }

    [TestCase(5, "b c ddd")]
    [TestCase(4, "c ddd")]
    [TestCase(3, "ddd")]
    [TestCase(2, "")]
    [TestCase(0, "")]
    public void Bytes_count_as_those_of_bodies(long bytesMax, string left)
    {
        var queue = new QueueStory(settings: new QueueSettings { BytesMax = bytesMax });
        queue.Publish("aa", "b", "c", "ddd");
        Assert.That(queue.GetAll(), Is.EqualTo(left));
    }

    [Test]
    public void What_a_consumer_takes_at_once_or_holds_does_not_count()
    {
        var queue = new QueueStory(settings: new QueueSettings { LengthMax = 0 });
        var consumer = queue.Consume("a", prefetch: 2);
        queue.Publish("m1", "m2", "m3");
        Assert.That((queue.Deliveries(), queue.State.ReadyCount), Is.EqualTo(("a:m1 a:m2", 0)));
        queue.Requeue(consumer, "m1");
        Assert.That((queue.Deliveries(), queue.State.ReadyCount), Is.EqualTo(("", 0)), "it came back to a queue that may have none");
        queue.Publish("m4");
        Assert.That(queue.Deliveries(), Is.EqualTo("a:m4"));
    }

    [Test]
    public void Those_that_come_back_are_the_oldest()
    {
        var queue = new QueueStory(settings: Three);
        var holder = new StoryHolder();
        queue.Publish("m1", "m2");
        queue.Get(holder);
        queue.Get(holder);
        queue.Publish("m3", "m4");
        queue.Release(holder);
        Assert.That(queue.GetAll(), Is.EqualTo("m2! m3 m4"));
    }

    [Test]
    public void A_full_queue_refuses_what_comes()
    {
        var queue = new QueueStory(settings: ThreeRefused);
        queue.Publish("m1", "m2", "m3");
        Assert.That((queue.TryPublish("m4"), queue.State.Counters[Measure.BeyondLength]), Is.EqualTo((false, 1L)));
        queue.Get();
        Assert.That((queue.TryPublish("m5"), queue.TryPublish("m6")), Is.EqualTo((true, false)));
        Assert.That(queue.GetAll(), Is.EqualTo("m2 m3 m5"));
    }

    /// <summary>will_overflow of rabbit_amqqueue_process.erl: it is asked first.</summary>
    [Test]
    public void A_queue_that_may_have_none_refuses_what_its_consumer_could_take()
    {
        var queue = new QueueStory(settings: new QueueSettings { LengthMax = 0, Overflow = Overflow.RejectPublish });
        queue.Consume("a");
        Assert.That((queue.TryPublish("m1"), queue.Deliveries()), Is.EqualTo((false, "")));
    }

    [TestCase(2, "aa b")]
    [TestCase(3, "aa b")]
    [TestCase(4, "aa b c")]
    public void A_full_queue_refuses_what_has_too_many_bytes(long bytesMax, string taken)
    {
        var queue = new QueueStory(settings: new QueueSettings { BytesMax = bytesMax, Overflow = Overflow.RejectPublish });
        if (bytesMax == 2) taken = "aa";
        queue.Publish("aa", "b", "c");
        Assert.That(queue.GetAll(), Is.EqualTo(taken));
    }

    [Test]
    public void What_comes_back_is_never_refused()
    {
        var queue = new QueueStory(settings: ThreeRefused);
        var holder = new StoryHolder();
        queue.Publish("m1", "m2", "m3");
        queue.Get(holder);
        queue.Publish("m4");
        queue.Release(holder);
        Assert.That(queue.GetAll(), Is.EqualTo("m1! m2 m3 m4"));
    }

    [Test]
    public void Other_settings_act_at_once()
    {
        var queue = new QueueStory();
        queue.Publish("m1", "m2", "m3", "m4", "m5");
        queue.State.Configure(ThreeRefused);
        Assert.That((queue.State.ReadyCount, queue.TryPublish("m6")), Is.EqualTo((5, false)), "where what comes is refused, what is there stays");
        queue.State.Configure(Three);
        Assert.That(queue.GetAll(), Is.EqualTo("m3 m4 m5"));
        queue.State.Configure(QueueSettings.None);
        queue.Publish("a", "b", "c", "d");
        Assert.That(queue.GetAll(), Is.EqualTo("a b c d"));
    }

    [Test]
    public void A_transaction_is_refused_as_a_whole()
    {
        var queue = new QueueStory(settings: ThreeRefused);
        var holder = new StoryHolder();
        queue.Publish("m1", "m2");
        queue.Get(holder);
        var part = QueueStory.Part(QueueStory.NewMessage("m3"), QueueStory.NewMessage("m4"), QueueStory.NewMessage("m5"));
        part.Settlements.Add(queue.Held(holder, "m1", Settlement.Acknowledge));
        Assert.That(queue.State.Prepare(part, queue.Now), Is.False);
        queue.State.Abort(part, queue.Now);
        Assert.That((queue.State.ReadyCount, holder.UnackedCount), Is.EqualTo((1, 1)), "its holder still has what it was to settle");
        part = QueueStory.Part(QueueStory.NewMessage("m3"), QueueStory.NewMessage("m4"));
        Assert.That(queue.State.Prepare(part, queue.Now), Is.True);
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.GetAll(), Is.EqualTo("m2 m3 m4"));
    }

    [Test]
    public void Of_a_transaction_too_the_oldest_leave()
    {
        var queue = new QueueStory(settings: Three);
        queue.Publish("m1", "m2");
        var part = QueueStory.Part(QueueStory.NewMessage("m3"), QueueStory.NewMessage("m4"));
        queue.State.Prepare(part, queue.Now);
        Assert.That(queue.State.ReadyCount, Is.EqualTo(2));
        queue.State.Commit(part, queue.Now);
        Assert.That(queue.GetAll(), Is.EqualTo("m2 m3 m4"));
    }
}
