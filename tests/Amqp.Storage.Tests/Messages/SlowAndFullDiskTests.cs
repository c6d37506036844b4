using Amqp.Core.Records;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

/// <summary>A disk without room holds back publishers and no other clients, and is no failure; a slow one makes the groups larger.</summary>
[TestFixtureSource(typeof(TestEngine), nameof(TestEngine.All))]
internal sealed class SlowAndFullDiskTests(TestEngine engine)
{
    private const int SegmentBytes = 8_192;
    private const int Messages = 150;

    private TestStore _store = null!;

    private string BodyText => new('f', 500 * engine.SegmentScale);

    [TearDown]
    public void CloseStore() => _store.Dispose();

    [Test]
    public void On_a_full_disk_commits_wait_until_consumers_have_made_room()
    {
        var queue = Fill();
        var waiting = queue.CommittedTicket;
        Assert.That(waiting, Is.LessThan(Messages));
        SettleAsTheyCome(queue, from: 0);
        Assert.That(_store.Failure, Is.Null);
        Until(() => !_store.IsFull, "it is said that there is room again");
        Assert.That(_store.FullChanges[0], Is.True);
        Assert.That(_store.FullChanges.Where((isFull, index) => isFull != (index % 2 == 0)), Is.Empty, "what is said alternates");
        _store.CommitAndWait(queue, Messages + 1, Enqueue(queue, Messages));
        _store.LosePowerAndReopen(new Random(1));
        Assert.That(_store.Recovered[queue.Id].Messages.Select(message => message.Position), Does.Contain(Messages));
    }

    [Test]
    public void Power_may_fail_while_the_disk_is_full([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var queue = Fill();
        var settled = random.Next((int)queue.CommittedTicket);
        _store.Commit(queue, 0, StoreRecord.Settle(queue.Id, 0, settled));
        _store.Files.Break();
        _store.Close();
        var promised = queue.CommittedTicket;
        _store.Files.LosePower(random);
        _store.Reopen();
        queue = _store.Queue(1);
        var found = _store.Recovered[queue.Id].Messages.Select(message => message.Position).ToList();
        for (long position = settled; position < promised; position++) Assert.That(found, Does.Contain(position));

        // And it goes on from there.
        _store.Commit(queue, 0, [.. found.Select(position => StoreRecord.Settle(queue.Id, position))]);
        _store.CommitAndWait(queue, 1, Enqueue(queue, _store.Recovered[queue.Id].NextPosition));
        Assert.That(_store.Failure, Is.Null);
    }

    [Test]
    public void A_disk_too_small_for_the_first_segment_is_full_from_the_beginning()
    {
        _store = new TestStore(engine, SegmentBytes);
        _store.Files.Room = _store.SegmentBytes / 2;
        _store.Start();
        var queue = _store.Queue(1);
        _store.Commit(queue, 1, Enqueue(queue, 0));
        Until(() => _store.IsFull, "it is said that the disk is full");
        _store.Commit(queue, 0, StoreRecord.Settle(queue.Id, 0));
        _store.WaitFor(queue, 1); // what is settled needs no room
        _store.Commit(queue, 2, Enqueue(queue, 1));
        _store.Files.Room = (4 * _store.SegmentBytes) + engine.BytesBeside;
        _store.WaitFor(queue, 2);
        Until(() => !_store.IsFull, "it is said that there is room again");
        Assert.That(_store.Failure, Is.Null);
        Assert.That(_store.FullChanges, Is.EqualTo([true, false]));
        Assert.That(_store.Files.List(""), Is.Not.Empty);
    }

    [Test]
    public void A_store_can_be_closed_while_the_disk_is_full()
    {
        var queue = Fill();
        var promised = queue.CommittedTicket;
        _store.Close();
        Assert.That(_store.Failure, Is.Null);
        _store.Reopen();
        var found = _store.Recovered[queue.Id].Messages.Select(message => message.Position);
        Assert.That(found.Count(), Is.GreaterThanOrEqualTo((int)promised));
    }

    [Test]
    public void What_comes_while_a_flush_stalls_shares_the_next()
    {
        _store = new TestStore(engine, 1 << 20); // no other is begun meanwhile
        _store.Start();
        var queues = Enumerable.Range(1, 20).Select(_store.Queue).ToList();
        foreach (var queue in queues) _store.CommitAndWait(queue, 1, Small(queue, 0));
        Until(() => _store.Engine.HasReserve, "the reserve is prepared, which flushes too");
        using var stalled = new ManualResetEventSlim();
        using var goesOn = new ManualResetEventSlim();
        _store.Files.BeforeFlush = () =>
        {
            stalled.Set();
            goesOn.Wait();
        };
        _store.Commit(queues[0], 2, Small(queues[0], 1));
        stalled.Wait();
        var flushes = _store.Files.Flushes;
        foreach (var queue in queues.Skip(1))
        {
            _store.Commit(queue, 2, Small(queue, 1));
            _store.Commit(queue, 3, Small(queue, 2));
        }
        Assert.That(queues.Select(queue => queue.CommittedTicket), Is.All.EqualTo(1), "nobody is told before the flush");
        _store.Files.BeforeFlush = () => { };
        goesOn.Set();
        foreach (var queue in queues.Skip(1)) _store.WaitFor(queue, 3);
        Assert.That(_store.Files.Flushes - flushes, Is.EqualTo(2).Or.EqualTo(2 + engine.FlushesBeside), "the one that stalled, and one for all the others");

        // All together they are less than what LiteDB writes between two checkpoints.
        static StoreRecord Small(TestQueue queue, long position) => StoreRecord.Enqueue(queue.Id, position, MessageOf("small"), expiresAt: 0);
    }

    [Test]
    public void Messages_are_read_while_a_flush_stalls([Values("small", "begins a segment")] string stalling)
    {
        _store = new TestStore(engine, SegmentBytes);
        _store.Start();
        var (queue, removed) = (_store.Queue(1), _store.Queue(2));
        var shared = MessageOf("shared", _store.Store.NextBodyId());
        _store.CommitAndWait(queue, 1, Enqueue(queue, 0), StoreRecord.Enqueue(queue.Id, 1, shared, expiresAt: 0), StoreRecord.Page(queue.Id, 2, MessageOf("page")));
        _store.CommitAndWait(removed, 1, StoreRecord.Enqueue(removed.Id, 0, shared, expiresAt: 0));
        Until(() => _store.Engine.HasReserve, "the reserve is prepared, which flushes too");
        using var stalled = new ManualResetEventSlim();
        using var goesOn = new ManualResetEventSlim();
        _store.Files.BeforeFlush = () =>
        {
            stalled.Set();
            goesOn.Wait();
        };
        try
        {
            var text = stalling == "small" ? stalling : new string('l', _store.SegmentBytes - (1_000 * engine.SegmentScale));
            _store.Commit(queue, 2, StoreRecord.Enqueue(queue.Id, 3, MessageOf(text), expiresAt: 0));
            stalled.Wait();
            Assert.That(_store.Read(queue, 0, 1, 2), Is.EqualTo([BodyText, "shared", "page"]));
            _store.Commit(queue, 3, StoreRecord.Settle(queue.Id, 0));
            _store.Remove(removed);
            Assert.That(_store.Read(queue, 1), Is.EqualTo(["shared"]));
            Assert.That(queue.CommittedTicket, Is.EqualTo(1), "the flush is under way still");
        }
        finally
        {
            _store.Files.BeforeFlush = () => { };
            goesOn.Set();
        }
        _store.WaitFor(queue, 3);
        Assert.That(_store.Read(queue, 0, 1), Is.EqualTo([null, "shared"]));
    }

    private TestQueue Fill()
    {
        _store = new TestStore(engine, SegmentBytes);
        _store.Files.Room = (4 * _store.SegmentBytes) + engine.BytesBeside;
        _store.Start();
        var queue = _store.Queue(1);
        for (var position = 0; position < Messages; position++) _store.Commit(queue, position + 1, Enqueue(queue, position));
        Until(() => _store.IsFull && queue.CommittedTicket > 0, "it is said that the disk is full");
        return queue;
    }

    /// <summary>Consumers get what is durable, and acknowledge it.</summary>
    private void SettleAsTheyCome(TestQueue queue, long from)
    {
        var settled = from;
        Until(
            () =>
            {
                var durable = queue.CommittedTicket;
                if (durable > settled) _store.Commit(queue, 0, StoreRecord.Settle(queue.Id, settled, durable - settled));
                settled = durable;
                return durable == Messages || _store.Failure is not null;
            },
            "all of them are durable");
    }

    private StoreRecord Enqueue(TestQueue queue, long position) =>
        StoreRecord.Enqueue(queue.Id, position, MessageOf(BodyText), expiresAt: 0);
}
