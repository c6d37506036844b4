using System.Buffers.Binary;
using Amqp.Core.Records;
using Amqp.Storage.Lite;
using Amqp.Storage.Tests.Journal;
using Amqp.Storage.Tests.Messages;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.LiteDb;

/// <summary>
/// Each page of a database is whole, and they are of different times: so it is when the log is lost that they were being taken over
/// from. No checksum tells, and LiteDB follows numbers of pages that lead astray. The store opens all the same, and goes on.
/// </summary>
internal sealed class MixedPagesTests
{
    /// <summary>Where in its first page LiteDB notes that a database is damaged.</summary>
    private const int LiteDbMark = 191;

    private readonly Dictionary<long, string> _texts = [];
    private readonly List<MemoryFiles> _times = [];
    private Random _random = null!;

    [Test]
    public void An_opening_ends_and_serves_nothing_wrong([Range(1, 60)] int seed) => Round(seed);

    [Test]
    [Category("Long")]
    public void An_opening_ends_and_serves_nothing_wrong_in_the_long_run([Range(1_001, 2_000)] int seed) => Round(seed);

    private void Round(int seed)
    {
        _random = new Random(seed);
        _texts.Clear();
        _times.Clear();
        var (segmentBytes, lives) = (8_192 << _random.Next(3), _random.Next(1, 4));
        using var store = new TestStore(LiteDbTestEngine.Instance, segmentBytes);
        store.Start();
        for (var life = 0; life < lives; life++)
        {
            Live(store);
            if (life + 1 < lives) store.LosePowerAndReopen(_random);
        }
        store.Files.Break();
        store.Close();
        var disk = store.Files.Copy();
        foreach (var path in disk.List("").Where(path => path.EndsWith(".seg", StringComparison.Ordinal))) Mix(disk.File(path).Bytes, path);
        foreach (var path in PageLog.FileNames.Select(name => $"{TestStore.Directory}/{name}").Where(disk.List("").Contains))
            if (_random.Next(3) > 0) disk.Delete(path);

        using var mixed = new TestStore(LiteDbTestEngine.Instance, segmentBytes, disk, store.Opening);
        var queue = mixed.Queue(1);
        mixed.Start();
        Check(mixed, seed);
        var next = mixed.Recovered.TryGetValue(queue.Id, out var recovered) ? recovered.NextPosition : 0;
        mixed.CommitAndWait(queue, 1, StoreRecord.Enqueue(new(1), next, MessageOf("new"), expiresAt: 0));
        _texts[next] = "new";
        mixed.Close();
        Assert.That(mixed.Failure, Is.Null, $"seed {seed}");
        mixed.Reopen();
        Assert.That(Check(mixed, seed), Does.ContainKey(next));
    }

    private void Live(TestStore store)
    {
        var queue = store.Queue(1);
        var next = _texts.Count == 0 ? 0 : _texts.Keys.Max() + 1;
        var ticket = 0L;
        for (var step = _random.Next(10, 50); step > 0; step--)
        {
            _texts[next] = $"{next}:{new string((char)('a' + _random.Next(26)), _random.Next(_random.Next(3) == 0 ? 90_000 : 9_000))}";
            var record = StoreRecord.Enqueue(queue.Id, next++, MessageOf(_texts[next - 1]), expiresAt: 0);
            // The last ones are on their way when power fails.
            if (step < 3) store.Commit(queue, ++ticket, record);
            else store.CommitAndWait(queue, ++ticket, record);
            if (_random.Next(3) == 0) store.Commit(queue, 0, StoreRecord.Settle(queue.Id, _random.NextInt64(next)));
            if (_random.Next(4) == 0) _times.Add(store.Files.Copy());
        }
    }

    /// <summary>Takes some of a file's pages from what it was before.</summary>
    private void Mix(byte[] file, string path)
    {
        var before = _times.Where(time => time.List("").Contains(path)).Select(time => time.File(path).Bytes).ToList();
        if (before.Count == 0) return;
        for (var page = 0; (page + 1) * PageFrame.Size <= file.Length; page++)
        {
            var there = file.AsSpan(page * PageFrame.Size, PageFrame.Size);
            var other = before[_random.Next(before.Count)].AsSpan(page * PageFrame.Size, PageFrame.Size);
            if (_random.Next(3) == 0 && PageFrame.IsWhole(other, (uint)page, out var life) && life == BinaryPrimitives.ReadInt64LittleEndian(there[8..])) other.CopyTo(there);
        }
    }

    private Dictionary<long, string> Check(TestStore store, int seed)
    {
        var found = ReadAll(store, seed);
        foreach (var path in store.Files.List("").Where(path => path.EndsWith(".seg", StringComparison.Ordinal)))
            Assert.That(store.Files.File(path).Bytes[PageFrame.HeadSize + LiteDbMark], Is.Zero, $"seed {seed}: LiteDB has written to {path} while it was read");
        return found;
    }

    private Dictionary<long, string> ReadAll(TestStore store, int seed)
    {
        var queue = store.Queue(1);
        if (!store.Recovered.TryGetValue(queue.Id, out var recovered) || recovered.Messages.Count == 0) return [];
        var positions = recovered.Messages.Select(message => message.Position).ToArray();
        var texts = store.Read(queue, positions);
        Assert.That(texts, Is.Not.Null, $"seed {seed}: {store.Failure}");
        var found = positions.Zip(texts!).Where(pair => pair.Second is not null).ToDictionary(pair => pair.First, pair => pair.Second!);
        Assert.That(found.Where(pair => !_texts.TryGetValue(pair.Key, out var text) || text != pair.Value).Select(pair => pair.Key), Is.Empty, $"seed {seed}: only what was stored there");
        return found;
    }
}
