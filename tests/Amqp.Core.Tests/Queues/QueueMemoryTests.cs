using Amqp.Core.Ports;
using Amqp.Core.Queues;
using static Amqp.Core.Tests.Queues.QueueStory;

namespace Amqp.Core.Tests.Queues;

/// <summary>What a queue tells its store, and which messages it has in memory.</summary>
internal sealed class QueueMemoryTests
{
    private const long Large = 1_000_000;

    [Test]
    public void A_persistent_message_is_recorded_when_it_comes_and_when_it_goes()
    {
        var queue = new QueueStory(durable: true);
        var holder = new StoryHolder();
        PublishPersistent(queue, "m0", "m1", "m2");
        queue.Publish("transient");
        Assert.That(queue.Records(), Is.EqualTo("+0:m0 +1:m1 +2:m2"));
        queue.Get(holder);
        queue.Requeue(holder, "m0");
        Assert.That(queue.Records(), Is.Empty, "it is still there");
        queue.Get(holder);
        queue.Ack(holder, "m0");
        Assert.That(queue.Records(), Is.EqualTo("-0"));
        queue.State.Purge();
        Assert.That(queue.Records(), Does.StartWith("-1").And.Not.Contain("3"));
    }

    [Test]
    public void A_message_that_leaves_as_it_comes_is_not_recorded()
    {
        var queue = new QueueStory(durable: true);
        queue.Consume("a", autoAck: true);
        PublishPersistent(queue, "m0");
        Assert.That((queue.Deliveries(), queue.Records()), Is.EqualTo(("a:m0", "")));
    }

    [Test]
    public void Records_live_by_the_wall_clock()
    {
        var queue = new QueueStory(messageTtlMs: 100, durable: true);
        queue.State.WallClockAheadMs = 1_700_000_000_000;
        PublishPersistent(queue, "m0");
        queue.CarryOut();
        Assert.That(queue.Store.Messages[0].Attributes.ExpiresAt, Is.EqualTo(1_700_000_000_000 + queue.Now + 100));
        var restored = new QueueStory(durable: true);
        restored.State.WallClockAheadMs = 1_700_000_000_050;
        restored.State.Restore(new RecoveredQueue(1, [new RecoveredMessage(0, 200, 72, queue.Store.Messages[0].Attributes, Redelivered: true)]), now: 0);
        Assert.That(restored.State.NextExpiry, Is.EqualTo(queue.Now + 50));
    }

    [Test]
    public void What_survived_counts_with_its_body_alone()
    {
        var restored = new QueueStory(durable: true);
        restored.State.Restore(new RecoveredQueue(9, [new RecoveredMessage(0, 1_000, 72, default, Redelivered: false), new RecoveredMessage(8, 500, 0, default, Redelivered: true)]), now: 0);
        var figures = restored.State.Figures();
        Assert.That((figures.ReadyBytes, figures.PersistentBytes, figures.Ready), Is.EqualTo((72, 72, 2)));
    }

    [Test]
    public void What_is_behind_the_window_is_evicted_once_it_is_written()
    {
        var queue = new QueueStory(durable: true);
        PublishPersistent(queue, [.. Enumerable.Range(0, 100).Select(number => $"m{number}")]);
        queue.Evict(keptBytes: 1_400);
        Assert.That(queue.State.AbsentCount, Is.Zero, "the store has them, but not for sure");
        queue.Write();
        queue.Evict(keptBytes: 1_400);
        Assert.That(queue.State.BodyBytes, Is.LessThan(3_000));
        Assert.That(queue.State.AbsentCount, Is.GreaterThan(80));
        Assert.That(queue.State.ReadyCount, Is.EqualTo(100));
    }

    [Test]
    public void Consumers_do_not_wait_for_what_was_read_ahead()
    {
        var queue = Restored(10_000);
        var consumer = queue.Consume("a", autoAck: true);
        consumer.Room = 0;
        queue.Load(Large);
        var delivered = 0;
        while (delivered < 10_000)
        {
            consumer.Room = 100;
            queue.State.Resume(consumer, queue.Now);
            delivered += queue.Deliveries().Split(' ').Length;
            Assert.That(delivered % 100, Is.Zero, "a hundred were asked for, and came at once");
            queue.Load(Large);
        }
    }

    [Test]
    public void A_queue_without_consumers_reads_nothing()
    {
        var queue = Restored(10);
        queue.State.ReadAhead(Large, isGetWaiting: false);
        queue.CarryOut();
        Assert.That(queue.Store.Reads, Is.Empty);
        queue.Consume("a", autoAck: true);
        queue.State.ReadAhead(Large, isGetWaiting: false);
        queue.CarryOut();
        Assert.That(queue.Store.Reads, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_window_holds_one_message_at_least()
    {
        var queue = Restored(3);
        Assert.That(queue.Load(windowBytes: 0), Is.EqualTo(1));
        Assert.That(queue.Get(), Is.EqualTo("m0"));
    }

    [Test]
    public void A_damaged_message_is_dropped_wherever_it_waits()
    {
        var queue = Restored(10);
        var holder = new StoryHolder();
        queue.Load(Large);
        for (var count = 0; count < 4; count++) queue.Get(holder);
        queue.Evict(keptBytes: 0);
        queue.State.Release(holder, queue.Now);
        queue.Store.Damaged.UnionWith([0, 2, 7]);
        queue.Load(Large);
        Assert.That(queue.State.ReadyCount, Is.EqualTo(7));
        var all = queue.GetAll();
        if (queue.Load(Large) > 0) all += $" {queue.GetAll()}";
        Assert.That(all, Is.EqualTo("m1! m3! m4 m5 m6 m8 m9"));
        queue.CarryOut();
        Assert.That(queue.Store.Messages, Is.Empty);
    }

    [Test]
    public void Gaps_of_any_size_cost_nothing()
    {
        const long Far = 50_000_000_000;
        var queue = new QueueStory(durable: true);
        var before = GC.GetAllocatedBytesForCurrentThread();
        queue.State.Restore(new RecoveredQueue(2 * Far, [new RecoveredMessage(7, 200, 72, default, Redelivered: false), new RecoveredMessage(Far, 200, 72, default, Redelivered: false)]), now: 0);
        queue.Publish("last");
        Assert.That(queue.State.End, Is.EqualTo((2 * Far) + 1));
        Assert.That(queue.State.Purge(), Is.EqualTo(3));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(50_000));
    }

    [Test]
    public void A_message_that_is_not_in_memory_costs_a_few_bytes_and_none_when_it_is_gone()
    {
        const int Count = 1_000_000;
        var effects = new QueueEffects();
        var state = new QueueState(new(7), epoch: 0, isDurable: true, QueueSettings.None, effects);
        var message = NewMessage("m");
        var before = GC.GetTotalMemory(forceFullCollection: true);
        state.Restore(new RecoveredQueue(Count, Enumerable.Range(0, Count).Select(position => new RecoveredMessage(position, 200, 72, default, Redelivered: false))), now: 0);
        Assert.That((GC.GetTotalMemory(forceFullCollection: true) - before) / Count, Is.LessThan(32));

        // Through the hands of a consumer and back, so that table and heap have grown as well.
        Assert.That(state.Purge(), Is.EqualTo(Count));
        effects.Clear();
        var holder = new StoryHolder();
        for (var count = 0; count < Count; count++) state.Publish(message, now: 1);
        while (state.TryGet(holder, now: 1, out _, out _, out _) == GetOutcome.Found) { }
        state.Release(holder, now: 1);
        Assert.That(state.Purge(), Is.EqualTo(Count));
        effects.Clear();
        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(500_000));
        GC.KeepAlive(state);
    }

    private static void PublishPersistent(QueueStory queue, params string[] names)
    {
        foreach (var name in names) queue.State.Publish(NewMessage(name, persistent: true), queue.Now);
    }

    /// <summary>A queue after a restart, and a store that has its messages.</summary>
    private static QueueStory Restored(int count)
    {
        var queue = new QueueStory(durable: true);
        var messages = Enumerable.Range(0, count).Select(number => NewMessage($"m{number}", persistent: true)).ToArray();
        queue.Store.Add(messages.Select((message, position) => Core.Records.StoreRecord.Enqueue(new(7), position, message, 0)).ToArray());
        queue.Store.Write();
        queue.State.Restore(new RecoveredQueue(count, messages.Select((message, position) => new RecoveredMessage(position, message.Size, message.BodySize, default, Redelivered: false))), now: 0);
        return queue;
    }
}
