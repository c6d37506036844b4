using Amqp.Core.Records;
using Amqp.Core.Topology;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

/// <summary>A mirror is given once more what it has settled, at the same position. Random use of that is in <see cref="StoreStorms"/>.</summary>
[TestFixtureSource(typeof(TestEngine), nameof(TestEngine.All))]
internal sealed class EnqueuedAgainTests(TestEngine engine)
{
    private TestStore _store = null!;

    [SetUp]
    public void NewStore()
    {
        _store = new TestStore(engine);
        _store.Start();
    }

    [TearDown]
    public void CloseStore() => _store.Dispose();

    [Test]
    public void A_settlement_is_for_the_message_that_was_there_when_it_came([Values] bool isInOneCommit)
    {
        var queue = _store.Queue(1);
        _store.CommitAndWait(queue, 1, First(0, "a"), First(1, "b"));
        if (isInOneCommit) _store.CommitAndWait(queue, 2, Settle(0), Again(0, "a"), Settle(0), Again(0, "a"));
        else
        {
            _store.Commit(queue, 0, Settle(0));
            _store.CommitAndWait(queue, 2, Again(0, "a"));
        }
        Assert.That(_store.Read(queue, 0, 1), Is.EqualTo(["a", "b"]));
        _store.LosePowerAndReopen(new Random(1));
        Assert.That(Recovered, Is.EqualTo([0, 1]));
        Assert.That(_store.Read(_store.Queue(1), 0, 1), Is.EqualTo(["a", "b"]));

        _store.CommitAndWait(_store.Queue(1), 1, Settle(0), First(2, "c"));
        _store.LosePowerAndReopen(new Random(2));
        Assert.That(Recovered, Is.EqualTo([1, 2]));
    }

    [Test]
    public void A_range_that_is_settled_may_have_some_of_them()
    {
        var queue = _store.Queue(1);
        _store.CommitAndWait(queue, 1, [.. Enumerable.Range(0, 6).Select(position => First(position, "x"))]);
        _store.CommitAndWait(queue, 2, Settle(1, 3), Again(1, "x"), Again(3, "x"));
        _store.CommitAndWait(queue, 3, Settle(0, 5), First(6, "y"));
        _store.LosePowerAndReopen(new Random(1));
        Assert.That(Recovered, Is.EqualTo([5, 6]));
    }

    [Test]
    public void They_are_found_in_their_places_and_the_next_position_is_above_all_of_them([Values] bool isReopened)
    {
        var queue = _store.Queue(1);
        _store.CommitAndWait(queue, 1, [.. Enumerable.Range(0, 600).Select(position => First(position, "x"))]);
        _store.CommitAndWait(queue, 2, Settle(3), Settle(300, 300), Again(599, "x"), Again(3, "x"), Again(350, "x"));
        if (isReopened)
        {
            _store.CloseQueue(queue);
            _store.Queue(1);
        }
        else _store.LosePowerAndReopen(new Random(1));
        Assert.That(Recovered, Is.EqualTo([.. Enumerable.Range(0, 300), 350, 599]));
        Assert.That(_store.Recovered[queue.Id].NextPosition, Is.EqualTo(600));
    }

    [Test]
    public void What_the_one_before_had_become_is_not_what_it_is()
    {
        var queue = _store.Queue(1);
        _store.CommitAndWait(queue, 1, First(0, "a"), First(1, "b"));
        _store.CommitAndWait(queue, 2, StoreRecord.Change(queue.Id, 0, new(0, DeliveryCount: 7)), StoreRecord.Change(queue.Id, 1, new(0, DeliveryCount: 7)));
        _store.CommitAndWait(queue, 3, Settle(0, 2), Again(0, "a"), Again(1, "b"));
        _store.CommitAndWait(queue, 4, StoreRecord.Change(queue.Id, 1, new(0, DeliveryCount: 1)), StoreRecord.Delivered(queue.Id, 0, 2));
        _store.Close();
        _store.Reopen();
        Assert.That(_store.Recovered[queue.Id].Messages.Select(found => (found.Position, found.Attributes.DeliveryCount, found.Redelivered)), Is.EqualTo([(0, 0, true), (1, 1, true)]));
    }

    [Test]
    public void A_position_that_never_was_there_is_one_like_others()
    {
        var queue = _store.Queue(1);
        _store.CommitAndWait(queue, 1, Again(0, "a"), First(1, "b"), Again(2, "c", bodyId: _store.Store.NextBodyId()));
        Assert.That(_store.Read(queue, 0, 1, 2), Is.EqualTo(["a", "b", "c"]));
        _store.LosePowerAndReopen(new Random(1));
        Assert.That(_store.Read(_store.Queue(1), 0, 1, 2), Is.EqualTo(["a", "b", "c"]));
        Assert.That(_store.Recovered[queue.Id].NextPosition, Is.EqualTo(3));
    }

    /// <summary>Otherwise the one before would be there again when this one is settled.</summary>
    [Test]
    public void It_is_never_on_the_disk_without_the_settlement_of_the_one_before([Range(0, 11)] int change)
    {
        var queue = _store.Queue(1);
        var text = new string('l', 10_000 * engine.SegmentScale);
        _store.CommitAndWait(queue, 1, First(0, "a"), First(1, "b"));
        _store.Files.FailFrom = _store.Files.Changes + change;
        // More than a segment takes, so that it is written in pieces.
        _store.Commit(queue, 2, Settle(0), Again(0, text), First(2, text), First(3, text));
        Until(() => _store.Failure is not null || queue.CommittedTicket == 2, "it is written, or cannot be");
        _store.LosePowerAndReopen(new Random(change));
        Assert.That(Recovered, Does.Contain(1));
        _store.CommitAndWait(_store.Queue(1), 1, Settle(0), First(4, "settled"));
        _store.CommitAndWait(_store.Queue(1), 2, First(5, "settled by now"));
        _store.LosePowerAndReopen(new Random(change));
        Assert.That(Recovered, Does.Not.Contain(0));
    }

    /// <summary>As if the settlement of the one before had been damaged.</summary>
    [Test]
    public void Of_two_that_are_there_the_newer_counts()
    {
        var queue = _store.Queue(1);
        _store.CommitAndWait(queue, 1, First(0, "old"), Again(1, "old"));
        _store.CommitAndWait(queue, 2, Again(0, "new"), Again(1, "new"));
        _store.LosePowerAndReopen(new Random(1));
        Assert.That(Recovered, Is.EqualTo([0, 1]));
        Assert.That(_store.Read(_store.Queue(1), 0, 1), Is.EqualTo(["new", "new"]));
    }

    private IEnumerable<long> Recovered => _store.Recovered.TryGetValue(new QueueId(1), out var found) ? found.Messages.Select(message => message.Position) : [];

    private static StoreRecord First(long position, string text) => StoreRecord.Enqueue(new(1), position, MessageOf(text), expiresAt: 0);

    private static StoreRecord Again(long position, string text, long bodyId = 0) => StoreRecord.Enqueue(new(1), position, MessageOf(text, bodyId), expiresAt: 0) with { MayHaveBeenHere = true };

    private static StoreRecord Settle(long position, long count = 1) => StoreRecord.Settle(new(1), position, count);
}
