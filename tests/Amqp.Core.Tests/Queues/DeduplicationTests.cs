using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Core.Tests.Queues;

/// <summary>Messages that are known again by their keys: in a queue, and in an exchange.</summary>
public class DeduplicationTests
{
    private static readonly QueueSettings Deduplicating = new() { Deduplicates = true };

    [Test]
    public void A_queue_takes_no_message_whose_key_one_has_that_is_in_it()
    {
        var queue = new QueueStory(settings: Deduplicating);
        var holder = new StoryHolder();
        queue.PublishKeyed("m1", "a");
        queue.PublishKeyed("m2", "a");
        queue.PublishKeyed("m3", "b");
        queue.Publish("no key", "no key");
        Assert.That(queue.State.ReadyCount, Is.EqualTo(4));
        Assert.That(queue.Get(holder), Is.EqualTo("m1"));
        queue.PublishKeyed("m4", "a");
        queue.Requeue(holder, "m1");
        queue.PublishKeyed("m5", "a");
        Assert.That(queue.GetAll(), Is.EqualTo("m1! m3 no key no key"));
        queue.PublishKeyed("m6", "a");
        Assert.That(queue.GetAll(), Is.EqualTo("m6"), "the key is free when the message is gone");
    }

    [Test]
    public void A_duplicate_is_confirmed_with_its_original()
    {
        var queue = new QueueStory(durable: true, settings: Deduplicating);
        var original = queue.PublishKeyed("m1", "a", persistent: true);
        Assert.That((original, queue.PublishKeyed("m2", "a", persistent: true)), Is.EqualTo((0L, 0L)), "it waits for the same record");
        queue.Write();
        Assert.That(queue.PublishKeyed("m3", "a", persistent: true), Is.EqualTo(QueueState.NotStored), "which is there now");
        Assert.That(queue.Records(), Is.EqualTo("+0:m1"));
    }

    [Test]
    public void What_a_transaction_publishes_counts_when_it_is_committed()
    {
        var queue = new QueueStory(settings: Deduplicating);
        var (first, second) = (QueueStory.Part(Keyed("t1", "a"), Keyed("t2", "a"), Keyed("t3", "b")), QueueStory.Part(Keyed("u1", "a")));
        Assert.That((queue.State.Prepare(first, queue.Now), first.Publishes.Count), Is.EqualTo((true, 2)));
        queue.PublishKeyed("m", "b");
        Assert.That((queue.State.Prepare(second, queue.Now), second.Publishes.Count), Is.EqualTo((true, 1)), "the first may come to nothing");
        queue.State.Abort(first, queue.Now);
        queue.State.Commit(second, queue.Now);
        Assert.That(queue.GetAll(), Is.EqualTo("m u1"));
    }

    [Test]
    public void A_transaction_waits_for_the_original_of_its_duplicate()
    {
        var queue = new QueueStory(durable: true, settings: Deduplicating);
        queue.PublishKeyed("m", "a", persistent: true);
        var part = QueueStory.Part(Keyed("t", "a"));
        queue.State.Prepare(part, queue.Now);
        Assert.That((part.Publishes.Count, part.AwaitedPosition), Is.EqualTo((0, 0L)));
    }

    [Test]
    public void After_a_restart_a_queue_knows_the_keys_of_what_it_has()
    {
        var queue = new QueueStory(durable: true, settings: Deduplicating);
        queue.PublishKeyed("m1", "a", persistent: true);
        queue.PublishKeyed("m2", "b", persistent: true);
        queue.Write();
        var again = Restarted(queue, Deduplicating);
        Assert.That(again.State.LacksKeys, Is.True);
        Index(again);
        Assert.That((again.State.LacksKeys, again.PublishKeyed("m3", "b"), again.PublishKeyed("m4", "c", persistent: true)), Is.EqualTo((false, QueueState.NotStored, 2L)));
    }

    /// <summary>Seed 170897 of the simulator of mirrored queues: what a deposed leader had taken last hid what its leader has.</summary>
    [Test]
    public void A_mirror_learns_the_keys_again_of_what_others_hid_that_should_never_have_been_there()
    {
        var queue = new QueueStory(durable: true, settings: Deduplicating);
        foreach (var position in (long[])[20, 10]) queue.State.Replay(StoreRecord.Enqueue(queue.State.Id, position, Keyed($"m{position}", "a"), expiresAt: 0), queue.Now);
        queue.State.Replay(StoreRecord.Settle(queue.State.Id, position: 20), queue.Now);
        queue.State.LoseKeys();
        queue.State.Lead(epoch: 1, mayHaveBeenHandedOut: true, queue.Now);
        Assert.That(queue.State.LacksKeys, Is.True);
        Index(queue);
        Assert.That(queue.PublishKeyed("again", "a"), Is.EqualTo(QueueState.NotStored));
    }

    [Test]
    public void Keys_of_what_is_gone_are_not_kept()
    {
        var queue = new QueueStory(settings: Deduplicating);
        var before = queue.State.MemoryBytes;
        for (var number = 0; number < 100_000; number++)
        {
            queue.PublishKeyed("m", $"{number}");
            queue.Get();
        }
        Assert.That(queue.State.MemoryBytes - before, Is.LessThan(100_000));
    }

    [Test]
    public void An_exchange_lets_each_key_pass_once()
    {
        var queue = Exchange();
        queue.PublishKeyed("m1", "a");
        queue.PublishKeyed("m2", "a");
        queue.PublishKeyed("m3", "b");
        Assert.That((queue.DeadLetters(), queue.State.UnackedCount), Is.EqualTo(("m1: m3:", 2)));
        queue.Arrive();
        queue.PublishKeyed("m4", "a");
        Assert.That((queue.DeadLetters(), queue.State.UnackedCount), Is.EqualTo(("", 0)), "it remembers");
    }

    [Test]
    public void It_forgets_a_key_after_its_time_and_the_oldest_when_there_are_too_many()
    {
        var queue = Exchange(new QueueSettings { Role = QueueRole.Deduplication, LengthMax = 2, MessageTtlMs = 100, MaxPriority = 1 });
        foreach (var key in (string[])["a", "b", "c"])
        {
            queue.PublishKeyed($"1{key}", key);
            queue.DeadLetters();
            queue.Arrive();
        }
        queue.PublishKeyed("2a", "a");
        queue.PublishKeyed("2c", "c");
        Assert.That(queue.DeadLetters(), Is.EqualTo("2a:"), "there is room for two");
        queue.Now += 101;
        queue.PublishKeyed("3c", "c");
        Assert.That(queue.DeadLetters(), Is.EqualTo("3c:"));
    }

    [Test]
    public void A_message_may_say_how_long_its_key_is_remembered()
    {
        var queue = Exchange();
        queue.State.Publish(Keyed("m1", "a").WithHeader("x-cache-ttl", FieldValue.From(50)), queue.Now);
        queue.DeadLetters();
        queue.Arrive();
        queue.Now += 51;
        queue.PublishKeyed("m2", "a");
        Assert.That(queue.DeadLetters(), Is.EqualTo("m2:"));
    }

    [Test]
    public void Nothing_passes_before_it_is_durable_and_its_key_is_stored_before_it_is_gone()
    {
        var queue = Exchange(durable: true);
        queue.PublishKeyed("m", "a", persistent: true);
        Assert.That((queue.DeadLetters(), queue.Records()), Is.EqualTo(("", "+0:m")));
        queue.Write();
        Assert.That(queue.DeadLetters(), Is.EqualTo("m:"));
        queue.Arrive();
        Assert.That(queue.Records(), Does.Match("^\\+1:.* -0$").And.Not.Contain("m"));
    }

    [Test]
    public void After_a_restart_what_was_on_its_way_goes_on_and_keys_are_remembered()
    {
        var settings = new QueueSettings { Role = QueueRole.Deduplication, MaxPriority = 1 };
        var queue = Exchange(settings, durable: true);
        queue.PublishKeyed("m1", "a", persistent: true);
        queue.Write();
        queue.DeadLetters();
        queue.Arrive();
        queue.PublishKeyed("m2", "b", persistent: true);
        queue.Write();
        Assert.That(queue.DeadLetters(), Is.EqualTo("m2:"));

        var again = Restarted(queue, settings);
        again.PublishKeyed("m3", "a", persistent: true);
        again.PublishKeyed("m4", "b", persistent: true);
        again.Write();
        Assert.That(again.DeadLetters(), Is.Empty, "keys are not known yet");
        Index(again);
        Assert.That(again.DeadLetters(), Is.EqualTo("m2:"));
        again.Arrive();
        Assert.That((again.State.UnackedCount, again.State.ReadyCount), Is.EqualTo((0, 2)), "two keys");
    }

    private static readonly (string Name, FieldValue[] Values, bool AreSame)[] Keys =
    [
        ("text", [FieldValue.From("a"), FieldValue.From("a")], true),
        ("other text", [FieldValue.From("a"), FieldValue.From("b")], false),
        ("numbers of any width", [FieldValue.From(1), FieldValue.From(1L), FieldValue.From((short)1)], true),
        ("a number and its digits", [FieldValue.From(1), FieldValue.From("1")], false),
        ("truth", [FieldValue.From(true), FieldValue.From(true)], true),
        ("truth and its word", [FieldValue.From(true), FieldValue.From("true")], false),
    ];

    [TestCaseSource(nameof(Keys))]
    public void Keys_are_compared_by_value((string Name, FieldValue[] Values, bool AreSame) keys) =>
        Assert.That(keys.Values.Select(value => HeaderKey.Of(FieldTable.From((HeaderKey.Deduplication, value)), HeaderKey.Deduplication)).Distinct().Count() == 1, Is.EqualTo(keys.AreSame));

    [Test]
    public void A_message_without_a_key_or_with_an_empty_value_has_none() => Assert.That(
        (Key(null), Key(FieldTable.Empty), Key(FieldTable.From((HeaderKey.Deduplication, FieldValue.Void)))),
        Is.EqualTo(((UInt128?)null, (UInt128?)null, (UInt128?)null)));

    private static UInt128? Key(FieldTable? headers) => HeaderKey.Of(headers, HeaderKey.Deduplication);

    private static QueueStory Exchange(QueueSettings? settings = null, bool durable = false) =>
        new(durable: durable, settings: settings ?? new QueueSettings { Role = QueueRole.Deduplication, MaxPriority = 1 });

    private static Message Keyed(string name, string key) => QueueStory.NewMessage(name).WithHeader("x-deduplication-header", FieldValue.From(key));

    private static QueueStory Restarted(QueueStory queue, QueueSettings settings)
    {
        queue.Write();
        var again = new QueueStory(durable: true, settings: settings, store: queue.Store) { Now = queue.Now };
        again.State.Restore(
            new RecoveredQueue(queue.State.End, queue.Store.Messages.Values.Select(record => new RecoveredMessage(record.Position, 200, 72, record.Attributes, Redelivered: false))),
            again.Now);
        return again;
    }

    private static void Index(QueueStory queue)
    {
        var part = new BrowsedPart(from: 0, countMax: 100);
        var absent = queue.State.Browse(part, queue.Now);
        queue.State.Browsed(part, absent, queue.Store.Read(absent));
        queue.State.Index(part, isLast: true);
    }
}
