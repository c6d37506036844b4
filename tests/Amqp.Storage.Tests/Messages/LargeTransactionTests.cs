using Amqp.Core.Records;
using Amqp.Storage.Files;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

/// <summary>A transaction takes what is written of it, on the disk and in memory, however large it is and however many queues it is for.</summary>
[TestFixtureSource(typeof(TestEngine), nameof(TestEngine.All))]
internal sealed class LargeTransactionTests(TestEngine engine)
{
    private const int Queues = 9;

    /// <summary>Counted in each of its queues, and for each of its messages there, the body would be 3 GB.</summary>
    [Test]
    public void A_body_that_queues_share_counts_once()
    {
        const int PerQueue = 350;
        const int BodyBytes = 1 << 20;
        using var store = new TestStore(engine);
        store.Start();
        var body = new string('b', BodyBytes);
        var message = MessageOf(body, store.Store.NextBodyId());
        Commit(store, [.. Enumerable.Range(0, Queues * PerQueue).Select(number =>
            StoreRecord.Enqueue(store.Queue(1 + (number / PerQueue)).Id, number % PerQueue, message, expiresAt: 0))]);
        Assert.That(store.Engine.Segments.Sum(segment => segment.Bytes), Is.LessThan(2 * BodyBytes));

        store.LosePowerAndReopen(new Random(1));
        for (var id = 1; id <= Queues; id++)
        {
            Assert.That(store.Recovered[store.Queue(id).Id].Messages.Select(found => found.Position), Is.EqualTo(Enumerable.Range(0, PerQueue)));
            Assert.That(store.Read(store.Queue(id), PerQueue - 1), Is.EqualTo([body]), $"queue {id}");
        }
    }

    [Test]
    public void Many_small_messages_and_settlements_for_many_queues_fit_as_well()
    {
        const int Each = 5_000;
        using var store = new TestStore(engine);
        store.Start();
        var queues = Enumerable.Range(1, Queues).Select(store.Queue).ToList();
        Commit(store, [.. Messages(from: 0)]);
        Commit(store, [.. queues.SelectMany(queue => Enumerable.Range(0, Each).Select(position => StoreRecord.Settle(queue.Id, position))), .. Messages(from: Each)]);
        store.LosePowerAndReopen(new Random(2));
        foreach (var queue in queues)
            Assert.That(store.Recovered[queue.Id].Messages.Select(found => found.Position), Is.EqualTo(Enumerable.Range(Each, Each)));

        IEnumerable<StoreRecord> Messages(int from)
        {
            var messages = Enumerable.Range(from, Each).Select(number => MessageOf("x", number % 2 == 0 ? store.Store.NextBodyId() : 0)).ToList();
            return queues.SelectMany(queue => messages.Select((message, index) => StoreRecord.Enqueue(queue.Id, from + index, message, expiresAt: 1)));
        }
    }

    [Test]
    public void It_takes_its_size_in_memory_once_and_nothing_afterwards()
    {
        const int Messages = 48;
        const long Bytes = Messages << 20;
        var directory = System.IO.Directory.CreateTempSubdirectory("amqp-messages-").FullName;
        try
        {
            using var store = new TestStore(engine, 1 << 20, new DiskFiles(), directory);
            store.Start();
            store.CommitAndWait(store.Queue(1), 1, StoreRecord.Enqueue(store.Queue(1).Id, 0, MessageOf("first"), expiresAt: 0));
            var message = MessageOf(new string('b', 1 << 20));
            StoreRecord[] records = [.. Enumerable.Range(1, Messages).Select(position => StoreRecord.Enqueue(store.Queue(1).Id, position, message, expiresAt: 0))];
            var before = GC.GetTotalMemory(forceFullCollection: true);
            var allocated = GC.GetTotalAllocatedBytes(precise: true);
            Commit(store, records);
            allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
            Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(Bytes / 4), "kept");
            // What LiteDB makes of it are small objects, and none is kept.
            if (engine.IsJournal) Assert.That(allocated, Is.LessThan(Bytes * 5 / 4), "allocated");
        }
        finally
        {
            System.IO.Directory.Delete(directory, recursive: true);
        }
    }

    private static void Commit(TestStore store, StoreRecord[] records)
    {
        var committed = false;
        store.Store.CommitTransaction(records, () => Volatile.Write(ref committed, true));
        Until(() => Volatile.Read(ref committed) || store.Failure is not null, "the transaction is durable");
        Assert.That(store.Failure, Is.Null);
    }
}
