using Amqp.Broker.Queues;
using Amqp.Core;
using Amqp.Core.Errors;
using Amqp.Core.Queues;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Queues;

/// <summary>A durable queue and its store: when publishers are told, and what a restart brings back.</summary>
internal sealed class StoredQueueTests
{
    private static readonly QueueOperation Impossible = QueueOperation.Resume(null!);

    private readonly ActorStory _story = new(durable: true);

    [TearDown]
    public void The_store_was_told_no_nonsense() => Assert.That(_story.Store.Complaints, Is.Empty);

    [Test]
    public async Task A_message_is_confirmed_when_it_is_written()
    {
        _story.Store.Hold();
        _story.Publish("m1", number: 1);
        _story.Publish("transient", number: 2, persistent: false);
        Assert.That(_story.Confirms.Text, Is.EqualTo("2"));
        _story.Store.Release();
        await Eventually.That(() => _story.Confirms.Text, Is.EqualTo("1 2"));
    }

    [Test]
    public async Task A_message_that_is_settled_before_it_is_written_is_confirmed_at_once()
    {
        _story.Store.Hold();
        for (var number = 1; number <= 4; number++) _story.Publish($"m{number}", number);
        Assert.That(await _story.Get(noAck: false), Is.EqualTo("m1"));
        var second = _story.BeginGet(noAck: false).GetResult();
        Assert.That(_story.Confirms.Text, Is.Empty, "they may come back");
        _story.Do(QueueOperation.Settle(Settlement.Acknowledge, _story.Holder, second.Position));
        Assert.That(_story.Confirms.Text, Is.EqualTo("2"));
        Assert.That(await _story.Get(noAck: true), Is.EqualTo("m3"));
        Assert.That(_story.Confirms.Text, Is.EqualTo("2 3"));
        _story.Store.Release();
        await Eventually.That(() => _story.Confirms.Text, Is.EqualTo("1 2 3 4"));
    }

    [Test]
    public void A_deletion_confirms_what_is_not_written_and_a_failure_refuses_it()
    {
        var failed = new ActorStory(durable: true);
        foreach (var story in new[] { _story, failed })
        {
            story.Store.Hold();
            story.Publish("m1", number: 1);
            story.Publish("m2", number: 2);
        }
        _story.Do(QueueOperation.Delete(DeleteConditions.None, reply: null));
        failed.Do(Impossible);
        Assert.That((_story.Confirms.Text, failed.Confirms.Text), Is.EqualTo(("1 2", "!1 !2")));
    }

    [Test]
    public async Task A_restart_brings_back_what_is_persistent_and_was_not_settled()
    {
        _story.Publish("m0");
        _story.Publish("transient", persistent: false);
        _story.Publish("m2");
        _story.Publish("m3");
        Assert.That(await _story.Get(), Is.EqualTo("m0"));
        Assert.That(await _story.Get(), Is.EqualTo("transient"));
        _story.Restart(clean: true);
        Assert.That(_story.ReadyCount, Is.EqualTo(2));
        _story.Publish("m4");
        Assert.That(_story.Store.Text(1), Is.EqualTo("2:m2 3:m3 4:m4"), "positions go on");
        Assert.That(await _story.GetAll(), Is.EqualTo("m2 m3 m4"));
        Assert.That(_story.Store.Text(1), Is.Empty);
    }

    [Test]
    public async Task After_an_orderly_stop_only_what_was_handed_out_counts_as_redelivered()
    {
        _story.Publish("m1");
        _story.Publish("m2");
        Assert.That(await _story.Get(noAck: false), Is.EqualTo("m1"));
        _story.Do(QueueOperation.Release(_story.Holder));
        _story.Restart(clean: true);
        Assert.That(await _story.GetAll(), Is.EqualTo("m1! m2"));
    }

    [Test]
    public async Task After_a_crash_everything_may_have_been_handed_out()
    {
        _story.Publish("m1");
        _story.Restart(clean: false);
        Assert.That(await _story.GetAll(), Is.EqualTo("m1!"));
    }

    [Test]
    public async Task A_message_whose_life_ends_while_the_broker_is_down_is_gone_when_it_starts()
    {
        _story.Publish("short", expirationMs: 5_000);
        _story.Publish("long", expirationMs: 500_000);
        await _story.Settled(); // An answer of the store may still have the queue at work on another thread.
        _story.End(clean: false);
        _story.Time.Advance(10_000);
        _story.Begin();
        await Eventually.That(() => _story.ReadyCount, Is.EqualTo(1));
        Assert.That(_story.Store.Text(1), Is.EqualTo("1:long!"));
        _story.Time.Advance(490_000);
        Assert.That(_story.ReadyCount, Is.EqualTo(1), "its last millisecond");
        _story.Time.Advance(1);
        Assert.That(_story.ReadyCount, Is.Zero);
    }

    /// <summary>Longer than a timer of the runtime can be set for.</summary>
    [Test]
    public async Task A_message_that_may_live_for_ten_years_does_over_a_restart_too()
    {
        const int Day = 86_400_000;
        _story.Publish("m1", expirationMs: Limits.TimeToLiveMs);
        _story.Time.Advance(Limits.TimeToLiveMs - Day);
        Assert.That(_story.ReadyCount, Is.EqualTo(1));
        await _story.Settled();
        _story.Restart(clean: false);
        await Eventually.That(() => _story.ReadyCount, Is.EqualTo(1));
        _story.Time.Advance(Day);
        Assert.That(_story.ReadyCount, Is.EqualTo(1), "its last millisecond");
        _story.Time.Advance(1);
        Assert.That(_story.ReadyCount, Is.Zero);
    }

    [Test]
    public async Task What_a_deleted_queue_had_is_released_at_once()
    {
        _story.Publish("m1");
        _story.Restart(clean: true);
        _story.Store.Hold();
        var waiting = _story.BeginGet();
        Assert.That(waiting.IsCompleted, Is.False, "it has to be read first");
        _story.Do(QueueOperation.Delete(DeleteConditions.None, reply: null));
        Assert.That(() => ActorStory.Answer(waiting), Throws.TypeOf<BrokerException>().With.Message.Contains("no queue 'q'"));
        _story.Store.Release();
        await _story.Settled();
    }

    [Test]
    public async Task A_damaged_message_is_lost_and_reported_and_the_next_one_follows()
    {
        foreach (var body in new[] { "m0", "m1", "m2", "m3" }) _story.Publish(body);
        await _story.Settled();
        _story.Restart(clean: true);
        _story.Store.Damaged.UnionWith([0, 2]);
        Assert.That(await _story.GetAll(), Is.EqualTo("m1 m3"));
        Assert.That(_story.Store.Text(1), Is.Empty, "the store need not keep what it cannot read");
        Assert.That(_story.Logs.Complaints, Has.One.Contains("2 messages of queue 'q' in vhost '/' are lost"));
    }
}
