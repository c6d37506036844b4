using Amqp.Core.Records;
using Amqp.Storage.Lite;
using Amqp.Storage.Tests.Messages;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.LiteDb;

internal sealed class LargeBlobTests
{
    /// <summary>Its space is prepared: what it grew beyond would be written when the disk may be full.</summary>
    [Test]
    public void The_log_keeps_its_size_however_large_a_blob_is()
    {
        using var store = new TestStore(LiteDbTestEngine.Instance);
        store.Start();
        var queue = store.Queue(1);
        store.CommitAndWait(queue, 1, StoreRecord.Enqueue(queue.Id, 0, MessageOf("first"), expiresAt: 0));
        var logs = PageLog.FileNames.Select(name => store.Files.File($"{TestStore.Directory}/{name}")).ToList();
        var length = logs[0].Length;
        var large = new string('l', 8 * (int)length);
        store.CommitAndWait(queue, 2, StoreRecord.Enqueue(queue.Id, 1, MessageOf(large), expiresAt: 0));
        Assert.That(logs.Select(log => log.Length), Is.All.EqualTo(length));
        store.LosePowerAndReopen(new Random(1));
        Assert.That(store.Read(store.Queue(1), 0, 1), Is.EqualTo(["first", large]));
    }
}
