using Amqp.Core.Records;
using Amqp.Core.Topology;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

/// <summary>A commit of one queue whose records belong together. Random use of that is in <see cref="StoreStorms"/>.</summary>
[TestFixtureSource(typeof(TestEngine), nameof(TestEngine.All))]
internal sealed class CommitTogetherTests(TestEngine engine)
{
    [Test]
    public void Wherever_the_power_fails_all_of_it_is_there_or_nothing([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var text = new string('t', random.Next(3_000) * engine.SegmentScale);
        for (var change = 0; change < 8; change++)
        {
            using var store = new TestStore(engine);
            store.Start();
            var queue = store.Queue(1);
            store.CommitAndWait(queue, 1, [.. Enumerable.Range(0, 6).Select(position => Enqueue(position, text))]);
            store.Files.FailFrom = store.Files.Changes + change;
            // Half of what it settles waits in line before it.
            store.Commit(queue, 2, Enqueue(6, text), Enqueue(7, text));
            store.Store.Commit(queue.Id, [Enqueue(8, text), StoreRecord.Settle(queue.Id, 0, 2), StoreRecord.Settle(queue.Id, 6), Enqueue(9, text) with { MayHaveBeenHere = true }, StoreRecord.Settle(queue.Id, 4)], 3, isTogether: true);
            store.Commit(queue, 4, StoreRecord.Settle(queue.Id, 9), Enqueue(6, text) with { MayHaveBeenHere = true });
            Until(() => store.Failure is not null || queue.CommittedTicket == 4, "it is written, or cannot be");
            var committed = queue.CommittedTicket;
            store.LosePowerAndReopen(random);
            var found = store.Recovered[queue.Id].Messages.Select(message => message.Position).ToList();
            long[] first = [0, 1, 2, 3, 4, 5];
            long[][] possible = [first, [.. first, 6], [.. first, 6, 7], [2, 3, 5, 7, 8, 9], [2, 3, 5, 7, 8], [2, 3, 5, 6, 7, 8, 9], [2, 3, 5, 6, 7, 8]];
            // 9 is settled before it is written, if both come at once.
            Assert.That(possible, Has.Some.EqualTo(found), $"{string.Join(' ', found)} when change {change} failed");
            if (committed >= 3) Assert.That(found, Does.Contain(8));
            if (committed == 4) Assert.That(found, Does.Contain(6));
        }
    }

    [Test]
    public void What_comes_later_finds_what_is_in_it()
    {
        using var store = new TestStore(engine);
        store.Start();
        var queue = store.Queue(1);
        using var stalled = new ManualResetEventSlim();
        using var stalls = new ManualResetEventSlim();
        store.CommitAndWait(queue, 1, Enqueue(0, "0"), Enqueue(1, "1"));
        store.Files.BeforeFlush = () =>
        {
            stalled.Set();
            stalls.Wait();
        };
        store.Commit(queue, 2, Enqueue(2, "stalls"));
        stalled.Wait();
        store.Commit(queue, 3, Enqueue(3, "3"));
        store.Store.Commit(queue.Id, [StoreRecord.Settle(queue.Id, 0), Enqueue(4, "4"), Enqueue(5, "5"), StoreRecord.Settle(queue.Id, 3), StoreRecord.Change(queue.Id, 4, new(0, DeliveryCount: 2))], 4, isTogether: true);
        store.Commit(queue, 5, StoreRecord.Settle(queue.Id, 5), Enqueue(0, "again") with { MayHaveBeenHere = true }, StoreRecord.Change(queue.Id, 0, new(0, DeliveryCount: 3)));
        store.Files.BeforeFlush = () => { };
        stalls.Set();
        store.WaitFor(queue, 5);
        Assert.That(store.Read(queue, 0, 1, 2, 3, 4, 5), Is.EqualTo(["again", "1", "stalls", null, "4", null]));
        store.LosePowerAndReopen(new Random(1));
        Assert.That(store.Recovered[queue.Id].Messages.Select(found => (found.Position, found.Attributes.DeliveryCount)), Is.EqualTo([(0, 3), (1, 0), (2, 0), (4, 2)]));
        Assert.That(store.Read(store.Queue(1), 0), Is.EqualTo(["again"]));
    }

    private static StoreRecord Enqueue(long position, string text) => StoreRecord.Enqueue(new QueueId(1), position, MessageOf(text), expiresAt: 0);
}
