using Amqp.Core.Records;
using Microsoft.Extensions.Logging;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

/// <summary>
/// The disk gives back what was not written. The store opens all the same; it serves no body that was not stored in that
/// place; it misses no message but those that the damage has touched, and says so.
/// </summary>
[TestFixtureSource(typeof(TestEngine), nameof(TestEngine.All))]
internal sealed class DamageTests(TestEngine engine)
{
    [Test]
    public void No_damage([Range(1, 40)] int seed) => Round(seed);

    [Test]
    public void A_flipped_bit([Range(1, 100)] int seed) => Round(seed, DamageKind.FlippedBit);

    [Test]
    public void A_zeroed_sector([Range(1, 100)] int seed) => Round(seed, DamageKind.ZeroedSector);

    [Test]
    public void A_file_that_was_cut([Range(1, 100)] int seed) => Round(seed, DamageKind.CutFile);

    [Test]
    public void A_deleted_file([Range(1, 60)] int seed) => Round(seed, DamageKind.DeletedFile);

    [Test]
    public void Many_places_at_once([Range(1, 100)] int seed) => Round(seed, DamageKind.FlippedBit, DamageKind.ZeroedSector, DamageKind.FlippedBit, DamageKind.ZeroedSector);

    [Test]
    [Category("Long")]
    public void A_flipped_bit_in_the_long_run([Range(1_001, 1_500)] int seed) => Round(seed, DamageKind.FlippedBit);

    [Test]
    [Category("Long")]
    public void A_zeroed_sector_in_the_long_run([Range(1_001, 1_500)] int seed) => Round(seed, DamageKind.ZeroedSector);

    [Test]
    [Category("Long")]
    public void A_file_that_was_cut_in_the_long_run([Range(1_001, 1_500)] int seed) => Round(seed, DamageKind.CutFile);

    [Test]
    [Category("Long")]
    public void A_deleted_file_in_the_long_run([Range(1_001, 1_500)] int seed) => Round(seed, DamageKind.DeletedFile);

    [Test]
    [Category("Long")]
    public void Many_places_at_once_in_the_long_run([Range(1_001, 1_500)] int seed) =>
        Round(seed, DamageKind.FlippedBit, DamageKind.ZeroedSector, DamageKind.FlippedBit, DamageKind.ZeroedSector);

    private void Round(int seed, params DamageKind[] kinds)
    {
        var history = new StoreHistory(engine, seed);
        Dictionary<(int Queue, long Position), string> whole;
        using (var undamaged = history.Open(history.Files.Copy()))
        {
            whole = ReadAll(undamaged);
            Assert.That(undamaged.Log.Of(LogLevel.Error), Is.Empty);
            Assert.That(whole, Is.SubsetOf(history.Texts));
            Assert.That(whole, Has.Count.GreaterThan(20));
        }
        var files = history.Files.Copy();
        var atlas = StoreAtlas.Of(engine, files, history.SegmentBytes);
        var damage = engine.Damage(atlas, files);
        var random = new Random(seed);
        foreach (var kind in kinds) damage.Do(kind, random);

        using var store = history.Open(files.Copy());
        Dictionary<(int Queue, long Position), string> found;
        try
        {
            found = ReadAll(store);
            Compare(store, history, atlas, damage, whole, found);
            GoOn(store, found);
        }
        catch
        {
            TestContext.Out.WriteLine(damage.Description);
            foreach (var (level, text) in store.Log.Entries) TestContext.Out.WriteLine($"{level} {text}");
            if (store.Failure is not null) TestContext.Out.WriteLine(store.Failure);
            throw;
        }
    }

    private static void Compare(
        TestStore store, StoreHistory history, StoreAtlas atlas, Damage damage,
        Dictionary<(int Queue, long Position), string> whole, Dictionary<(int Queue, long Position), string> found)
    {
        Assert.That(found, Is.SubsetOf(history.Texts), $"{damage.Description} no body but the one that was stored there");
        var isReported = store.Log.Of(LogLevel.Error).Any();
        foreach (var (queue, position) in whole.Keys.Except(found.Keys))
        {
            var record = atlas.Message(queue, position);
            var body = record.BodyId == 0 ? record : atlas.Body(record.BodyId);
            Assert.That(damage.MayCost(record) || damage.MayCost(body), Is.True, $"{damage.Description} message {position} of queue {queue} in {record.Segment.Path} at {record.Extent} is missing");
            Assert.That(isReported || damage.IsFileGone || damage.MayBeTorn(record.Segment) || damage.MayBeTorn(body.Segment), Is.True, $"{damage.Description} the loss is not reported");
        }
        foreach (var (queue, position) in found.Keys.Except(whole.Keys))
        {
            Assert.That(atlas.SettlementsOf(queue, position).Any(damage.MayCost), Is.True, $"{damage.Description} message {position} of queue {queue} came back; {atlas.StoryOf(queue, position)}");
        }
        if (store.Log.Of(LogLevel.Error).Any(text => text.Contains("were copied", StringComparison.Ordinal)))
            Assert.That(store.Files.List("").Any(path => path.EndsWith(".damaged", StringComparison.Ordinal)), Is.True, $"{damage.Description} what is damaged is set aside");
    }

    /// <summary>Use goes on, and the next opening finds no damage that this one has dealt with.</summary>
    private void GoOn(TestStore store, Dictionary<(int Queue, long Position), string> found)
    {
        var expected = new Dictionary<(int Queue, long Position), string>(found);
        for (var id = 1; id <= StoreHistory.Queues; id++)
        {
            var queue = store.Queue(id);
            var next = store.Recovered.TryGetValue(queue.Id, out var recovered) ? recovered.NextPosition : 0;
            Assert.That(expected.Keys.Where(key => key.Queue == id).Select(key => key.Position), Is.All.LessThan(next));
            store.CommitAndWait(queue, 1, StoreRecord.Enqueue(queue.Id, next, MessageOf($"new in {id}"), expiresAt: 0));
            expected[(id, next)] = $"new in {id}";
            var settled = expected.Keys.Where(key => key.Queue == id).Select(key => key.Position).Order().Where((_, index) => index % 3 == 0).ToList();
            store.Commit(queue, 0, [.. settled.Select(position => StoreRecord.Settle(queue.Id, position))]);
            settled.ForEach(position => expected.Remove((id, position)));
        }
        store.Close();
        Assert.That(store.Failure, Is.Null);
        var before = store.Log.Entries.Count();
        store.Reopen();
        // A header is not written again, and a record whose segment has a footer is only found damaged when it is read or copied.
        string[] untouched = ["damaged in what says how it is laid out", "does not begin like one", "have lost their body", "is damaged on the disk"];
        // A database with a damaged page is not written any more, and so gets no footer that knows of the damage.
        if (!engine.IsJournal) untouched = [.. untouched, "of the message store is damaged", "was being written when the broker was stopped"];
        Assert.That(
            store.Log.Entries.Skip(before).Where(entry => entry.Level > LogLevel.Information).Select(entry => entry.Text)
                .Where(text => !untouched.Any(part => text.Contains(part, StringComparison.Ordinal))),
            Is.Empty, "the damage was dealt with");
        Assert.That(ReadAll(store), Is.EquivalentTo(expected));
    }

    /// <summary>Every message that the store has and can read.</summary>
    private static Dictionary<(int Queue, long Position), string> ReadAll(TestStore store)
    {
        var all = new Dictionary<(int Queue, long Position), string>();
        for (var id = 1; id <= StoreHistory.Queues; id++)
        {
            var queue = store.Queue(id);
            if (!store.Recovered.TryGetValue(queue.Id, out var recovered) || recovered.Messages.Count == 0) continue;
            var positions = recovered.Messages.Select(message => message.Position).ToArray();
            Assert.That(positions, Is.Ordered.And.Unique);
            var texts = store.Read(queue, positions)!;
            for (var index = 0; index < positions.Length; index++)
                if (texts[index] is { } text) all.Add((id, positions[index]), text);
        }
        return all;
    }
}
