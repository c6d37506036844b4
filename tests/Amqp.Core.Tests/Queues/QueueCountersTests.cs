using Amqp.Core.Metrics;
using Amqp.Core.Queues;

namespace Amqp.Core.Tests.Queues;

/// <summary>What a queue counts, which is what its operators see as rates.</summary>
internal sealed class QueueCountersTests
{
    private readonly QueueStory _queue = new();

    [Test]
    public void Deliveries_are_counted_by_how_they_are_acknowledged()
    {
        var manual = _queue.Consume("manual", prefetch: 2);
        _queue.Publish("m1", "m2", "m3");
        _queue.CarryOut();
        _queue.Ack(manual, "m1");
        _queue.Release(manual);
        _queue.Consume("auto", autoAck: true);
        Assert.That(Counted(), Is.EqualTo("Published 3, Delivered 3, DeliveredAutoAck 2, Redelivered 2, Acknowledged 1"));
    }

    [Test]
    public void Gets_are_counted_by_how_they_are_acknowledged()
    {
        var holder = new StoryHolder();
        _queue.Publish("m1", "m2");
        _queue.Get(holder);
        _queue.Get();
        _queue.Get();
        _queue.Requeue(holder, "m1");
        _queue.Get();
        Assert.That(Counted(), Is.EqualTo("Published 2, Got 1, GotAutoAck 2, GetEmpty 1, Redelivered 1"));
    }

    [Test]
    public void What_leaves_otherwise_is_counted_by_why()
    {
        var holder = new StoryHolder();
        _queue.Publish("rejected", "purged");
        _queue.Get(holder);
        _queue.State.Settle(holder, position: 0, Settlement.Reject, _queue.Now);
        _queue.State.Purge();
        _queue.PublishExpiring("expired", 10);
        _queue.Now += 11;
        _queue.State.DropExpired(_queue.Now);
        Assert.That(Counted(), Is.EqualTo("Published 3, Got 1, Rejected 1, Expired 1"));
    }

    [Test]
    public void A_transaction_counts_when_it_is_committed()
    {
        var holder = new StoryHolder();
        _queue.Publish("m1");
        _queue.Get(holder);
        var aborted = new TransactionPart { Settlements = { _queue.Held(holder, "m1", Settlement.Acknowledge) } };
        aborted.Publishes.Add(QueueStory.NewMessage("m2"));
        _queue.State.Prepare(aborted, _queue.Now);
        _queue.State.Abort(aborted, _queue.Now);
        Assert.That(Counted(), Is.EqualTo("Published 1, Got 1"));

        _queue.Get(holder);
        var committed = new TransactionPart { Settlements = { _queue.Held(holder, "m1", Settlement.Acknowledge) } };
        committed.Publishes.Add(QueueStory.NewMessage("m3"));
        _queue.State.Prepare(committed, _queue.Now);
        _queue.State.Commit(committed, _queue.Now);
        Assert.That(Counted(), Is.EqualTo("Published 2, Got 2, Redelivered 1, Acknowledged 1"));
    }

    /// <summary>What is not zero.</summary>
    private string Counted() => string.Join(", ", Enum.GetValues<Measure>()
        .Where(measure => _queue.State.Counters[measure] != 0)
        .Select(measure => $"{measure} {_queue.State.Counters[measure]}"));
}
