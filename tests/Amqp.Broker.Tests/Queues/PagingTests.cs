using Amqp.Broker.Loops;
using Amqp.Broker.Queues;
using Amqp.Core.Queues;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Queues;

/// <summary>Queues that are larger than the memory they may have.</summary>
internal sealed class PagingTests
{
    private const int Messages = 1_000;
    private const long MemoryBytes = 20_000; // of about 130 a message

    private static string Expected => string.Join(' ', Enumerable.Range(0, Messages).Select(number => $"m{number}"));

    [TestCase(false, false)]
    [TestCase(true, false)]
    [TestCase(true, true)]
    public async Task A_queue_larger_than_memory_gives_everything_back_in_order(bool durable, bool persistent)
    {
        var story = await Filled(durable, persistent);
        Assert.That(story.Store.Count(1), Is.GreaterThan(Messages / 2));
        Assert.That(story.Store.PagesWritten > 0, Is.EqualTo(!persistent), "what is stored anyway is not stored again");
        Assert.That(await story.GetAll(), Is.EqualTo(Expected));
        Assert.That((story.Store.Count(1), story.Queue.BodyBytes), Is.EqualTo((0, 0)));
        Assert.That(story.Store.ReadsAsked, Is.LessThan(Messages / 4), "several at a time");
        Assert.That(story.Store.Complaints, Is.Empty);
    }

    [Test]
    public async Task Messages_that_are_paged_out_return_to_their_place()
    {
        var story = await Filled(durable: false, persistent: false);
        for (var number = 0; number < Messages; number++) Assert.That(await story.Get(noAck: false), Is.EqualTo($"m{number}"));
        await Eventually.That(() => story.Queue.BodyBytes, Is.LessThan(MemoryBytes));
        story.Do(QueueOperation.Release(story.Holder));
        Assert.That(await story.GetAll(), Is.EqualTo(Expected.Replace(" ", "! ", StringComparison.Ordinal) + "!"));
        Assert.That(story.Store.Complaints, Is.Empty);
    }

    [Test]
    public async Task A_get_waits_for_a_head_that_is_not_in_memory_and_others_wait_behind_it()
    {
        var story = await Filled(durable: false, persistent: false);
        story.Store.Hold();
        var gets = new List<Reply<GetResult>>();
        while (gets.TrueForAll(get => get.IsCompleted)) gets.Add(story.BeginGet());
        gets.Add(story.BeginGet());
        Assert.That(gets[^1].IsCompleted, Is.False);
        story.Store.Release();
        for (var number = 0; number < gets.Count; number++)
            Assert.That(ActorStory.Text(await ActorStory.Answer(gets[number])), Is.EqualTo($"m{number}"));
    }

    [Test]
    public async Task A_get_whose_channel_is_gone_takes_nothing()
    {
        var story = await Filled(durable: false, persistent: false);
        story.Store.Hold();
        while (story.BeginGet(noAck: false).IsCompleted) { }
        story.Do(QueueOperation.Release(story.Holder));
        story.Store.Release();
        await story.Settled();
        Assert.That((story.ReadyCount, story.Holder.UnackedCount), Is.EqualTo((Messages, 0)));
    }

    [Test]
    public async Task A_purge_reaches_what_is_paged_out()
    {
        var story = await Filled(durable: false, persistent: false);
        Assert.That(story.Ask<int>(QueueOperation.Purge), Is.EqualTo(Messages));
        Assert.That((story.Store.Count(1), story.Queue.BodyBytes), Is.EqualTo((0, 0L)));
        story.Publish("last");
        Assert.That(await story.GetAll(), Is.EqualTo("last"));
        Assert.That(story.Store.Complaints, Is.Empty);
    }

    [Test]
    public async Task A_purge_while_messages_are_being_read_leaves_nothing()
    {
        var story = await Filled(durable: false, persistent: false);
        story.Store.Hold();
        while (story.BeginGet().IsCompleted) { }
        story.Ask<int>(QueueOperation.Purge);
        story.Store.Release();
        await story.Settled();
        Assert.That(await story.Get(), Is.Null);
        Assert.That((story.Store.Count(1), story.Queue.BodyBytes), Is.EqualTo((0, 0L)));
    }

    [Test]
    public async Task Messages_that_are_paged_out_expire()
    {
        var story = await Filled(durable: false, persistent: false, expirationMs: 1_000);
        story.Time.Advance(1_001);
        Assert.That(story.ReadyCount, Is.Zero);
        Assert.That((story.Store.Count(1), story.Queue.BodyBytes), Is.EqualTo((0, 0L)));
    }

    [Test]
    public void A_queue_that_is_emptied_as_fast_as_it_is_filled_has_nothing_to_do_with_the_store()
    {
        var story = new ActorStory(memoryBytes: 10_000);
        var large = new string('m', 8_000);
        for (var number = 0; number < Messages; number++)
        {
            // Two together are too much, so memory is tight now and then; but there is no backlog.
            story.Do(QueueOperation.Publish(ActorStory.Message(large), null, 0), QueueOperation.Publish(ActorStory.Message("m"), null, 0));
            Assert.That(story.BeginGet().IsCompleted && story.BeginGet().IsCompleted, Is.True);
        }
        Assert.That(story.Store.Text(1), Is.EqualTo("nothing"));
    }

    private static async Task<ActorStory> Filled(bool durable, bool persistent, long expirationMs = -1)
    {
        var story = new ActorStory(durable, MemoryBytes);
        for (var number = 0; number < Messages; number++) story.Publish($"m{number}", persistent: persistent, expirationMs: expirationMs);
        await Eventually.That(() => story.Queue.BodyBytes, Is.LessThan(MemoryBytes));
        await story.Settled();
        return story;
    }
}
