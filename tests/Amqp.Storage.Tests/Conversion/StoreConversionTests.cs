using Amqp.Core.Records;
using Amqp.Storage.Conversion;
using Amqp.Storage.Files;
using Amqp.Storage.Inspection;
using Amqp.Storage.Messages.Recovering;
using Amqp.Storage.Segments;
using Amqp.Storage.Tests.Messages;

namespace Amqp.Storage.Tests.Conversion;

/// <summary>Whatever interrupts a conversion, every message is there, by the engine that the directory names.</summary>
[TestFixtureSource(typeof(TestEngine), nameof(TestEngine.All))]
internal sealed class StoreConversionTests(TestEngine engine)
{
    /// <summary>An engine besides the one of the fixture: for the journal, a second journal in another directory.</summary>
    private static readonly TestEngine Other = TestEngine.Journal with { Engine = new StoreEngine("other", "messages-other", _ => new PlainMedium()) };

    private readonly List<(long Position, string Text)> _messages = [];
    private string _path = null!;

    private StoreEngine[] Engines => [engine.Engine, Other.Engine];

    [SetUp]
    public void NewDirectory()
    {
        _path = Directory.CreateTempSubdirectory("amqp-convert-").FullName;
        _messages.Clear();
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_path, recursive: true);

    [Test]
    public void Messages_go_to_the_other_engine_and_back([Values] bool isOrderly)
    {
        Fill(Other, isOrderly);
        var there = Convert(engine);
        Assert.That((there.From, there.Messages), Is.EqualTo(("other", _messages.Count)));
        Check(engine);
        Assert.That(Directory.Exists(Path.Combine(_path, Other.Engine.DirectoryName)), Is.False, "the original goes when the copy is in force");
        Convert(Other);
        Check(Other);
        Convert(engine);
        Check(engine);
    }

    [Test]
    public void An_engine_that_was_killed_while_it_wrote_is_converted_with_all_it_had_flushed()
    {
        Fill(engine, isOrderly: false);
        Assert.That(Convert(Other).Messages, Is.EqualTo(_messages.Count));
        Check(Other);
    }

    [Test]
    public void An_attempt_that_was_interrupted_is_taken_up_and_the_original_was_whole_all_the_time()
    {
        Fill(Other, isOrderly: true);
        var before = Snapshot(Other);
        var steps = 0;
        for (var interrupted = 1; ; interrupted++)
        {
            steps = 0;
            try
            {
                var result = StoreConversion.Run(_path, engine.Engine, Engines, (_, _, _) =>
                {
                    if (++steps == interrupted) throw new OperationCanceledException();
                });
                Assert.That((result.Copied, result.Kept), Is.EqualTo((0, SegmentCount(engine))), "nothing is copied twice");
                break;
            }
            catch (OperationCanceledException)
            {
                Assert.That(DataDirectory.EngineOf(_path), Is.EqualTo("other"));
                Assert.That(Snapshot(Other), Is.EquivalentTo(before));
            }
        }
        Assert.That(steps, Is.GreaterThan(3 * 4), "there are several segments");
        Check(engine);
    }

    [Test]
    public void A_copy_that_is_not_what_the_original_is_is_made_anew()
    {
        Fill(Other, isOrderly: true);
        Assert.That(() => StoreConversion.Run(_path, engine.Engine, Engines, (step, _, _) => _ = step == ConversionStep.Copy ? 0 : throw new OperationCanceledException()), Throws.TypeOf<OperationCanceledException>());
        var files = Directory.GetFiles(Path.Combine(_path, engine.Engine.DirectoryName), "*.seg").Order(StringComparer.Ordinal).ToList();
        var bytes = File.ReadAllBytes(files[0]);
        bytes[bytes.AsSpan().IndexOf("text"u8)] ^= 1;
        File.WriteAllBytes(files[0], bytes);
        File.Delete(files[1]);
        File.WriteAllText(Path.Combine(_path, engine.Engine.DirectoryName, "000000009999.seg"), "of another attempt");
        var result = Convert(engine);
        Assert.That(result.Copied, Is.EqualTo(2));
        Assert.That(result.Kept, Is.EqualTo(files.Count - 2));
        Check(engine);
    }

    [Test]
    public void What_was_left_by_a_kill_behind_the_switch_goes_with_the_next_attempt()
    {
        Fill(engine, isOrderly: true);
        Directory.CreateDirectory(Path.Combine(_path, Other.Engine.DirectoryName));
        Assert.That(Convert(engine), Is.EqualTo(new ConversionResult(engine.Engine.Name, 0, 0, 0)));
        Assert.That(Directory.Exists(Path.Combine(_path, Other.Engine.DirectoryName)), Is.False);
        Check(engine);
    }

    [Test]
    public void A_directory_in_use_is_refused()
    {
        Fill(Other, isOrderly: true);
        using var broker = DataDirectory.Open(_path, "other");
        Assert.That(() => Convert(engine), Throws.TypeOf<StorageException>().With.Message.Contains("used by another broker"));
    }

    [Test]
    public void A_segment_that_cannot_be_read_is_named_and_nothing_changes()
    {
        Fill(Other, isOrderly: true);
        var segment = Directory.GetFiles(Path.Combine(_path, Other.Engine.DirectoryName), "*.seg").Order(StringComparer.Ordinal).First();
        File.WriteAllBytes(segment, new byte[1_000]);
        var before = Snapshot(Other);
        Assert.That(() => Convert(engine), Throws.TypeOf<StorageException>().With.Message.Contains(segment));
        Assert.That(Snapshot(Other), Is.EquivalentTo(before));
        Assert.That(DataDirectory.EngineOf(_path), Is.EqualTo("other"));
    }

    [Test]
    public void A_damaged_message_is_as_damaged_in_the_copy_and_the_others_are_there()
    {
        Fill(Other, isOrderly: true);
        var text = System.Text.Encoding.UTF8.GetBytes(_messages[^1].Text);
        foreach (var segment in Directory.GetFiles(Path.Combine(_path, Other.Engine.DirectoryName), "*.seg"))
        {
            var bytes = File.ReadAllBytes(segment);
            if (bytes.AsSpan().IndexOf(text) is >= 0 and var place) bytes[place] ^= 1;
            File.WriteAllBytes(segment, bytes);
        }
        Assert.That(Convert(engine).Messages, Is.EqualTo(_messages.Count - 1));
    }

    private ConversionResult Convert(TestEngine target) => StoreConversion.Run(_path, target.Engine, Engines, (_, _, _) => { });

    /// <summary>Some segments with messages, of which a part was settled.</summary>
    private void Fill(TestEngine filled, bool isOrderly)
    {
        DataDirectory.Open(_path, filled.Engine.Name).Dispose();
        var files = new MortalFiles(new DiskFiles());
        using var store = Open(filled, files);
        var queue = store.Queue(1);
        for (var position = 0; position < 60; position++)
        {
            var text = $"{position} text {new string('x', 500 * filled.SegmentScale)}";
            store.CommitAndWait(queue, position + 1, StoreRecord.Enqueue(queue.Id, position, TestStore.MessageOf(text), expiresAt: 0));
            if (position % 3 == 0) _messages.Add((position, text));
        }
        store.CommitAndWait(queue, 100, [.. Enumerable.Range(0, 60).Where(position => position % 3 != 0).Select(position => StoreRecord.Settle(queue.Id, position)), StoreRecord.Enqueue(queue.Id, 60, TestStore.MessageOf("last"), expiresAt: 0)]);
        store.CommitAndWait(queue, 101, StoreRecord.Enqueue(queue.Id, 61, TestStore.MessageOf("behind the settlements"), expiresAt: 0));
        _messages.AddRange([(60, "last"), (61, "behind the settlements")]);
        // A mirror has given it again.
        store.CommitAndWait(queue, 102, StoreRecord.Enqueue(queue.Id, 1, TestStore.MessageOf("again"), expiresAt: 0) with { MayHaveBeenHere = true });
        _messages.Insert(1, (1, "again"));
        files.IsDead = !isOrderly;
        store.Close();
    }

    private void Check(TestEngine by)
    {
        Assert.That(DataDirectory.EngineOf(_path), Is.EqualTo(by.Engine.Name));
        using (var inspection = StoreInspection.Open(_path, Engines)) Assert.That(inspection.Verify((_, _) => { }).Damages, Is.Empty);
        using var store = Open(by, new DiskFiles());
        var queue = store.Queue(1);
        Assert.That(store.Recovered[queue.Id].Messages.Select(message => message.Position), Is.EqualTo(_messages.Select(message => message.Position)));
        Assert.That(store.Read(queue, [.. _messages.Select(message => message.Position)]), Is.EqualTo(_messages.Select(message => message.Text)));
        Assert.That(store.Log.Of(Microsoft.Extensions.Logging.LogLevel.Error), Is.Empty);
    }

    private TestStore Open(TestEngine by, IFileLayer files)
    {
        var path = Path.Combine(_path, by.Engine.DirectoryName);
        Directory.CreateDirectory(path);
        var store = new TestStore(by, 4_096, files, path, opening: Environment.TickCount64);
        store.Queue(1);
        store.Start();
        return store;
    }

    private int SegmentCount(TestEngine by) => Directory.GetFiles(Path.Combine(_path, by.Engine.DirectoryName), "*.seg").Length;

    private Dictionary<string, string> Snapshot(TestEngine of) => Directory.GetFiles(Path.Combine(_path, of.Engine.DirectoryName))
        .ToDictionary(file => file, file => System.Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file))));
}
