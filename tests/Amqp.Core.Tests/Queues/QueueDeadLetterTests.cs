using Amqp.Core.Queues;

namespace Amqp.Core.Tests.Queues;

/// <summary>Messages that leave a queue for its dead-letter exchange: they are in the queue until they are there.</summary>
public class QueueDeadLetterTests
{
    private static readonly QueueSettings Dead = new() { DeadLetterExchange = "d" };

    private readonly StoryHolder _holder = new();

    [Test]
    public void What_is_rejected_is_held_until_it_has_arrived()
    {
        var queue = new QueueStory(durable: true, settings: Dead);
        queue.State.Publish(QueueStory.NewMessage("m1", persistent: true), queue.Now);
        queue.Get(_holder);
        queue.Reject(_holder, "m1");
        Assert.That((queue.DeadLetters(), queue.Records()), Is.EqualTo(("m1:rejected", "+0:m1")));
        Assert.That((queue.State.ReadyCount, queue.State.UnackedCount, _holder.UnackedCount), Is.EqualTo((0, 1, 0)));
        queue.Arrive();
        Assert.That((queue.Records(), queue.State.UnackedCount, queue.State.HasDeadLetters), Is.EqualTo(("-0", 0, false)));
    }

    [Test]
    public void What_is_acknowledged_or_purged_is_not_dead_lettered()
    {
        var queue = new QueueStory(settings: Dead);
        queue.Publish("m1", "m2", "m3");
        queue.Get(_holder);
        queue.Ack(_holder, "m1");
        queue.State.Purge();
        Assert.That((queue.DeadLetters(), queue.State.HasDeadLetters), Is.EqualTo(("", false)));
    }

    [Test]
    public void More_than_may_wait_leave_all_the_same_though_nothing_else_happens()
    {
        const int Many = 100_000;
        var queue = new QueueStory(settings: Dead with { LengthMax = 0 });
        for (var number = 0; number < Many; number++) queue.Publish("m");
        var count = 0;
        while (queue.State.HasDeadLetters)
        {
            count += queue.DeadLetters().Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
            queue.Arrive();
        }
        Assert.That((count, queue.State.ReadyCount, queue.State.UnackedCount), Is.EqualTo((Many, 0, 0)));
    }

    [Test]
    public void What_expires_is_dead_lettered_in_order()
    {
        var queue = new QueueStory(settings: Dead with { MessageTtlMs = 10 });
        queue.Publish("m1", "m2");
        queue.Now += 11;
        queue.Publish("m3");
        queue.State.DropExpired(queue.Now);
        Assert.That((queue.DeadLetters(), queue.State.ReadyCount), Is.EqualTo(("m1:expired m2:expired", 1)));
    }

    [TestCase(Overflow.DropHead, "m1:maxlen m2:maxlen", "m3 m4")]
    [TestCase(Overflow.RejectPublish, "", "m1 m2")]
    [TestCase(Overflow.RejectPublishDlx, "m3:maxlen m4:maxlen", "m1 m2")]
    public void What_is_beyond_the_length_is_dead_lettered(Overflow overflow, string dead, string left)
    {
        var queue = new QueueStory(settings: Dead with { LengthMax = 2, Overflow = overflow });
        queue.Publish("m1", "m2", "m3", "m4");
        Assert.That((queue.DeadLetters(), queue.State.ReadyCount), Is.EqualTo((dead, 2)));
        queue.Arrive();
        Assert.That((queue.GetAll(), queue.State.UnackedCount), Is.EqualTo((left, 0)));
    }

    [Test]
    public void No_more_than_some_are_on_the_way()
    {
        var queue = new QueueStory(settings: Dead);
        for (var number = 0; number < 3_000; number++) queue.Publish($"{number}");
        while (queue.Get(_holder) is not null) { }
        queue.Reject(_holder, [.. Enumerable.Range(0, 3_000).Select(number => $"{number}")]);
        Assert.That(queue.DeadLetters().Split(' '), Has.Length.EqualTo(1_024));
        queue.Arrive(10);
        Assert.That(queue.DeadLetters().Split(' '), Is.EqualTo(Enumerable.Range(1_024, 10).Select(number => $"{number}:rejected")));
        while (queue.State.HasDeadLetters) queue.Arrive();
        Assert.That((queue.DeadLetters().Split(' ')[^1], queue.State.UnackedCount), Is.EqualTo(("2999:rejected", 0)));
    }

    [Test]
    public void Messages_that_have_expired_wait_while_too_many_do_and_are_not_handed_out()
    {
        var queue = new QueueStory(settings: Dead with { MessageTtlMs = 10 });
        for (var number = 0; number < 70_000; number++) queue.Publish($"{number}");
        queue.Now += 11;
        queue.State.DropExpired(queue.Now);
        Assert.That((queue.State.ReadyCount, queue.State.NextExpiry), Is.EqualTo((70_000 - 65_536, (long?)null)));
        queue.Consume("a");
        Assert.That((queue.Deliveries(), queue.Get()), Is.EqualTo(("", (string?)null)));
        for (var rounds = 0; queue.State.HasDeadLetters || queue.State.ReadyCount > 0; rounds++)
        {
            queue.Arrive();
            queue.State.DropExpired(queue.Now);
            Assert.That(rounds, Is.LessThan(1_000));
        }
        Assert.That(queue.DeadLetters().Split(' '), Has.Length.EqualTo(70_000));
    }

    [Test]
    public void What_is_not_in_memory_is_read_for_it()
    {
        var queue = new QueueStory(durable: true, settings: Dead);
        for (var number = 0; number < 600; number++) queue.State.Publish(QueueStory.NewMessage($"{number}", persistent: true), queue.Now);
        queue.Write();
        queue.Evict(keptBytes: 0);
        Assert.That(queue.State.AbsentCount, Is.GreaterThan(500));
        queue.State.Configure(Dead with { LengthMax = 50 });
        Assert.That(queue.DeadLetters().Split(' '), Is.EqualTo(Enumerable.Range(0, 550).Select(number => $"{number}:maxlen")));
        queue.Arrive();
        var figures = queue.State.Figures();
        Assert.That((figures.Ready, figures.Unacked, figures.UnackedInMemory), Is.EqualTo((50, 0, 0)));
    }

    [Test]
    public void A_transaction_rejects_when_it_is_committed()
    {
        var queue = new QueueStory(durable: true, settings: Dead);
        queue.State.Publish(QueueStory.NewMessage("m1", persistent: true), queue.Now);
        queue.State.Publish(QueueStory.NewMessage("m2", persistent: true), queue.Now);
        queue.Get(_holder);
        queue.Get(_holder);
        var part = new TransactionPart();
        part.Settlements.Add(queue.Held(_holder, "m1", Settlement.Reject));
        part.Settlements.Add(queue.Held(_holder, "m2", Settlement.Acknowledge));
        queue.Records();
        queue.State.Prepare(part, queue.Now);
        Assert.That((queue.DeadLetters(), part.Records.Count), Is.EqualTo(("", 1)), "only what is acknowledged leaves with the transaction");
        queue.State.Commit(part, queue.Now);
        Assert.That((queue.DeadLetters(), queue.Records()), Is.EqualTo(("m1:rejected", "")));
        queue.Arrive();
        Assert.That(queue.Records(), Is.EqualTo("-0"));
    }

    [Test]
    public void Without_an_exchange_they_are_gone()
    {
        var queue = new QueueStory(settings: Dead);
        queue.Publish("m1", "m2");
        queue.Get(_holder);
        queue.Get(_holder);
        queue.State.Configure(QueueSettings.None);
        queue.Reject(_holder, "m1");
        queue.State.Configure(Dead);
        queue.Reject(_holder, "m2");
        Assert.That(queue.DeadLetters(), Is.EqualTo("m2:rejected"));
    }
}
