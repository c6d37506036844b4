using Amqp.Core.Records;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

[TestFixtureSource(typeof(TestEngine), nameof(TestEngine.All))]
internal sealed class MessageStoreTests(TestEngine engine)
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
    public void What_is_durable_is_found_again_in_order_and_can_be_read()
    {
        var queue = _store.Queue(1);
        _store.CommitAndWait(queue, 1, Enqueue(queue, 0, "a"), Enqueue(queue, 1, "b"), Enqueue(queue, 2, "c"));
        Assert.That(_store.Read(queue, 0, 2), Is.EqualTo(["a", "c"]));
        _store.LosePowerAndReopen(new Random(1));

        Assert.That(Recovered(1), Is.EqualTo([0, 1, 2]));
        Assert.That(_store.Read(_store.Queue(1), 0, 1, 2), Is.EqualTo(["a", "b", "c"]));
        Assert.That(_store.Recovered[queue.Id].NextPosition, Is.EqualTo(3));
    }

    [Test]
    public void What_was_settled_does_not_come_back()
    {
        var queue = _store.Queue(1);
        _store.CommitAndWait(queue, 1, Enqueue(queue, 0, "a"), Enqueue(queue, 1, "b"), Enqueue(queue, 2, "c"));
        _store.CommitAndWait(queue, 2, StoreRecord.Settle(queue.Id, 0, count: 2), Enqueue(queue, 3, "d"));
        _store.LosePowerAndReopen(new Random(1));
        Assert.That(Recovered(1), Is.EqualTo([2, 3]));
        Assert.That(_store.Recovered[queue.Id].NextPosition, Is.EqualTo(4));
    }

    [Test]
    public void A_message_settled_before_it_was_written_is_never_written()
    {
        var queue = _store.Queue(1);
        using var stalled = new ManualResetEventSlim();
        using var stalls = new ManualResetEventSlim();
        _store.CommitAndWait(queue, 1, Enqueue(queue, 0, "first"));
        _store.Files.BeforeFlush = () =>
        {
            stalled.Set();
            stalls.Wait();
        };
        _store.Commit(queue, 2, Enqueue(queue, 1, "stalls"));
        stalled.Wait();
        _store.Commit(queue, 3, Enqueue(queue, 2, "never written " + new string('x', 5000)));
        _store.Commit(queue, 0, StoreRecord.Settle(queue.Id, 2));
        _store.Files.BeforeFlush = () => { };
        stalls.Set();
        _store.WaitFor(queue, 3);
        _store.Close();
        var written = _store.Files.List("").SelectMany(path => _store.Files.File(path).Bytes).ToArray();
        Assert.That(written.AsSpan().IndexOf("never written"u8), Is.EqualTo(-1));
        Assert.That(written.AsSpan().IndexOf("stalls"u8), Is.GreaterThan(0));
    }

    [Test]
    public void A_body_for_many_queues_is_stored_once_and_settled_by_each_alone()
    {
        var queues = Enumerable.Range(1, 5).Select(_store.Queue).ToList();
        var body = new string('b', 1000);
        var message = MessageOf(body, _store.Store.NextBodyId());
        foreach (var queue in queues) _store.CommitAndWait(queue, 1, StoreRecord.Enqueue(queue.Id, 0, message, expiresAt: 0));
        var blobs = _store.Engine.Segments.SelectMany(segment => _store.Engine.ReadBlobs(segment.Id, broken => Assert.Fail($"{broken}")));
        Assert.That(blobs.Sum(blob => blob.Bytes.Span.Count(System.Text.Encoding.UTF8.GetBytes(body))), Is.EqualTo(1));

        _store.CommitAndWait(queues[0], 2, StoreRecord.Settle(queues[0].Id, 0), Enqueue(queues[0], 1, "next"));
        _store.LosePowerAndReopen(new Random(2));
        Assert.That(Recovered(1), Is.EqualTo([1]));
        for (var id = 2; id <= 5; id++) Assert.That(_store.Read(_store.Queue(id), 0), Is.EqualTo([body]), $"queue {id}");
    }

    [Test]
    public void A_transaction_over_queues_is_found_as_a_whole()
    {
        var (one, two, three) = (_store.Queue(1), _store.Queue(2), _store.Queue(3));
        _store.CommitAndWait(three, 1, Enqueue(three, 0, "to be settled"));
        var committed = 0;
        var shared = MessageOf("shared", _store.Store.NextBodyId());
        _store.Store.CommitTransaction(
            [
                StoreRecord.Enqueue(one.Id, 0, shared, expiresAt: 0),
                StoreRecord.Enqueue(two.Id, 0, shared, expiresAt: 0),
                StoreRecord.Enqueue(two.Id, 1, MessageOf("own"), expiresAt: 0),
                StoreRecord.Settle(three.Id, 0),
            ],
            () => Interlocked.Increment(ref committed));
        Until(() => Volatile.Read(ref committed) == 1, "the transaction is durable");
        _store.LosePowerAndReopen(new Random(3));
        Assert.That(Recovered(1), Is.EqualTo([0]));
        Assert.That(Recovered(2), Is.EqualTo([0, 1]));
        Assert.That(Recovered(3), Is.Empty);
        Assert.That(_store.Read(_store.Queue(2), 0, 1), Is.EqualTo(["shared", "own"]));
    }

    [Test]
    public void Expiry_is_kept_and_redelivered_is_exact_after_an_orderly_end_only()
    {
        var queue = _store.Queue(1);
        _store.CommitAndWait(
            queue, 1, StoreRecord.Enqueue(queue.Id, 0, MessageOf("a"), expiresAt: 1234), Enqueue(queue, 1, "b"), StoreRecord.Delivered(queue.Id, 1));
        _store.Close();
        _store.Reopen();
        Assert.That(_store.Recovered[queue.Id].Messages.Select(message => message.Attributes.ExpiresAt), Is.EqualTo([1234, 0]));
        Assert.That(_store.Recovered[queue.Id].Messages.Select(message => message.Redelivered), Is.EqualTo([false, true]));
        _store.CommitAndWait(_store.Queue(1), 1, Enqueue(queue, 2, "c"));
        _store.LosePowerAndReopen(new Random(4));
        Assert.That(_store.Recovered[queue.Id].Messages.Select(message => message.Redelivered), Is.EqualTo([true, true, true]));
    }

    [TestCase(false, TestName = "Sizes_of_bodies_are_exact_after_an_end_by_footers")]
    [TestCase(true, TestName = "Sizes_of_bodies_are_exact_after_an_end_by_records")]
    public void Sizes_of_bodies_are_exact_after_an_end(bool losesPower)
    {
        var (one, two) = (_store.Queue(1), _store.Queue(2));
        var shared = MessageOf(new string('s', 300), _store.Store.NextBodyId());
        _store.CommitAndWait(one, 1, Enqueue(one, 0, ""), Enqueue(one, 7, new string('a', 100)), StoreRecord.Enqueue(one.Id, 1000, shared, expiresAt: 5));
        _store.CommitAndWait(two, 1, StoreRecord.Enqueue(two.Id, 0, shared, expiresAt: 0), StoreRecord.Enqueue(two.Id, 1, MessageOf("expires"), expiresAt: 5));
        for (var opening = 0; opening < 2; opening++)
        {
            if (losesPower) _store.LosePowerAndReopen(new Random(opening));
            else
            {
                _store.Close();
                _store.Reopen();
            }
            Assert.That(_store.Recovered[one.Id].Messages.Select(message => message.BodySize), Is.EqualTo([0, 100, 300]));
            Assert.That(_store.Recovered[two.Id].Messages.Select(message => message.BodySize), Is.EqualTo([300, 7]));
        }
    }

    [Test]
    public void A_queue_that_is_opened_again_hears_of_its_own_commits_only()
    {
        var first = _store.Queue(1);
        for (var position = 0; position < 50; position++) _store.Commit(first, position + 1, Enqueue(first, position, $"{position}"));
        _store.Commit(first, 0, StoreRecord.Settle(first.Id, 7), StoreRecord.Page(first.Id, 50, MessageOf("a page")));
        var second = new TestQueue(first.Id);
        List<long>? found = null;
        _store.Store.Close(first.Id, () =>
        {
            var recovered = _store.Store.Open(second.Id, second)!;
            Volatile.Write(ref found, [.. recovered.Messages.Select(message => message.Position)]);
        });
        Until(() => Volatile.Read(ref found) is not null, "the queue was opened again");
        Assert.That(found, Is.EqualTo(Enumerable.Range(0, 50).Where(position => position != 7)), "what was settled and what was only paged out is gone");
        Assert.That((first.CommittedTicket, second.CommittedTicket), Is.EqualTo((50, 0)));
        _store.CommitAndWait(second, 1, Enqueue(second, 51, "next"));
        Assert.That(_store.Read(second, 49, 51), Is.EqualTo(["49", "next"]));
        Assert.That(first.CommittedTicket, Is.EqualTo(50));
    }

    [Test]
    public void A_queue_can_be_open_once_at_a_time()
    {
        var queue = _store.Queue(1);
        Assert.That(() => _store.Store.Open(queue.Id, new TestQueue(queue.Id)), Throws.InvalidOperationException.With.Message.Contains("open already"));
    }

    [Test]
    public void Pages_can_be_read_and_end_with_the_process()
    {
        var queue = _store.Queue(1);
        _store.CommitAndWait(queue, 1, StoreRecord.Page(queue.Id, 0, MessageOf("transient")), Enqueue(queue, 1, "persistent"));
        Assert.That(_store.Read(queue, 0, 1), Is.EqualTo(["transient", "persistent"]));
        _store.Close();
        _store.Reopen();
        Assert.That(Recovered(1), Is.EqualTo([1]));
    }

    [Test]
    public void Space_comes_back_when_a_queue_is_drained_or_removed()
    {
        var (drained, removed) = (_store.Queue(1), _store.Queue(2));
        var ticket = 0L;
        for (var position = 0; position < 400; position++)
        {
            _store.Commit(drained, ++ticket, Enqueue(drained, position, new string('d', 500 * engine.SegmentScale)));
            _store.CommitAndWait(removed, ticket, Enqueue(removed, position, new string('r', 500 * engine.SegmentScale)));
        }
        Assert.That(_store.Engine.Segments, Has.Count.GreaterThan(20));
        _store.Commit(drained, 0, StoreRecord.Settle(drained.Id, 0, count: 400));
        _store.Remove(removed);
        Until(() => _store.Engine.Segments.Count <= 2, "the segments are gone");
        _store.LosePowerAndReopen(new Random(5));
        Assert.That(Recovered(1), Is.Empty);
        Assert.That(Recovered(2), Is.Empty);
    }

    [Test]
    public void Sparse_segments_are_merged_and_nothing_is_lost_or_comes_back()
    {
        var queue = _store.Queue(1);
        var ticket = 0L;
        for (var position = 0; position < 1000; position++) _store.CommitAndWait(queue, ++ticket, Enqueue(queue, position, $"{position} {new string('m', 300 * engine.SegmentScale)}"));
        var before = _store.Engine.Segments.Count;
        for (var position = 0; position < 1000; position++)
            if (position % 10 != 0) _store.CommitAndWait(queue, ++ticket, StoreRecord.Settle(queue.Id, position), Enqueue(queue, 1000 + position, "x"), StoreRecord.Settle(queue.Id, 1000 + position));
        Until(() => _store.Engine.Segments.Count < before / 3, "sparse segments were merged");
        Assert.That(_store.Read(queue, 0, 500, 990)!.Select(text => text?.Split(' ')[0]), Is.EqualTo(["0", "500", "990"]));
        _store.LosePowerAndReopen(new Random(6));
        Assert.That(Recovered(1), Is.EqualTo(Enumerable.Range(0, 100).Select(number => 10L * number)));
    }

    private static StoreRecord Enqueue(TestQueue queue, long position, string text) =>
        StoreRecord.Enqueue(queue.Id, position, MessageOf(text), expiresAt: 0);

    private IEnumerable<long> Recovered(int id) =>
        _store.Recovered.TryGetValue(new Amqp.Core.Topology.QueueId(id), out var found) ? found.Messages.Select(message => message.Position) : [];
}
