using Amqp.Core.Records;
using Amqp.Storage.Files;
using Microsoft.Extensions.Logging;

namespace Amqp.Storage.Tests.Messages;

/// <summary>The store under random use on the real file system, ended in order or as <c>kill -9</c> ends a process: what was written is there.</summary>
[TestFixtureSource(typeof(TestEngine), nameof(TestEngine.All))]
internal sealed class RealFilesTests(TestEngine engine)
{
    private string _directory = null!;

    [SetUp]
    public void NewDirectory() => _directory = Directory.CreateTempSubdirectory("amqp-messages-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public void What_was_promised_survives_on_real_files([Range(1, 6)] int seed)
    {
        var random = new Random(seed);
        var files = new MortalFiles(new DiskFiles());
        using var store = new TestStore(engine, 8_192 << random.Next(4), files, _directory);
        store.Start();
        var model = new StoreModel(store, random, queueCount: random.Next(1, 5)) { LargestBody = random.Next(3) == 0 ? 20_000 : 800 * engine.BodyScale };
        for (var life = 1; life <= 5; life++)
        {
            for (var steps = random.Next(120); steps > 0; steps--) model.Step();
            var isOrderly = random.Next(2) == 0;
            files.IsDead = !isOrderly;
            store.Close();
            if (isOrderly) model.NotePromisesOfOrderlyEnd();
            else model.NotePromises();
            files.IsDead = false;
            store.Reopen();
            model.Check($"seed {seed}, after life {life}");
        }
        Assert.That(store.Log.Of(LogLevel.Error), Is.Empty, "nothing was damaged");

        // Of all that there may be nothing left to keep.
        var last = store.Queue(99);
        store.CommitAndWait(last, 1, StoreRecord.Enqueue(last.Id, 0, TestStore.MessageOf("last"), expiresAt: 0));
        Assert.That(Directory.GetFiles(_directory), Is.Not.Empty, "files are written where they are looked for");
    }
}
