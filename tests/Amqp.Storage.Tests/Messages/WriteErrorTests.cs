using Amqp.Core.Records;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

/// <summary>Every change of the disk fails once, in a story that has all kinds of them: it is the end of the store, and nothing is lost.</summary>
[TestFixtureSource(typeof(TestEngine), nameof(TestEngine.All))]
internal sealed class WriteErrorTests(TestEngine engine)
{
    private const int Published = 120;

    /// <summary>More than any story has: LiteDB writes every page twice, and a slow machine merges in smaller steps.</summary>
    private const int ChangesMax = 5_000;

    private readonly List<long> _notedTickets = [];
    private TestStore _store = null!;
    private bool _settledForGood;
    private bool _merged;

    [TearDown]
    public void CloseStore() => _store.Dispose();

    /// <summary>Every so many changes, where the story takes long.</summary>
    private int Stride => engine.IsJournal ? 1 : 11;

    [Test]
    public void A_disk_that_goes_ends_the_store_and_what_was_promised_is_there() => Changes(Stride, isDiskBack: false);

    [Test]
    public void An_error_that_passes_ends_the_store_all_the_same() => Changes(Stride, isDiskBack: true);

    [Test]
    [Category("Long")]
    public void Every_change_of_the_disk_may_fail([Values] bool isDiskBack) => Changes(stride: 1, isDiskBack);

    private void Changes(int stride, bool isDiskBack)
    {
        var change = 1;
        for (var passes = false; !passes; change += stride)
        {
            passes = Round(change, isDiskBack);
            Assert.That(change, Is.LessThan(ChangesMax));
        }
        Assert.That(_merged, Is.True, "the story has a merge in it");
        Assert.That(change, Is.GreaterThan(100));
    }

    /// <returns>True: the story passed before the change that was to fail.</returns>
    private bool Round(int change, bool isDiskBack)
    {
        _store = new TestStore(engine, engine.IsJournal ? 4_096 : 8_192);
        _store.Files.FailFrom = change;
        if (isDiskBack) _store.Files.FailTo = change + 1;
        _notedTickets.Clear();
        _store.WhenFailed = () =>
        {
            if (Thread.CurrentThread.Name == "store") _notedTickets.AddRange([_store.CommittedTicket(1), _store.CommittedTicket(2)]);
        };
        Tell();
        _store.Close();
        var (promised, marked) = (_store.CommittedTicket(1), _store.CommittedTicket(2));
        var failed = _store.Files.Failed.ToList();
        var when = $"change {change}: {string.Join(", then ", failed)}";
        Assert.That(_store.FailureCount, Is.EqualTo(failed.Count > 0 ? 1 : 0), $"{when}: said once");
        Assert.That(failed, Is.Unique, $"{when}: nothing is tried again");
        Assert.That(failed, Has.Count.LessThanOrEqualTo(2), $"{when}: one for the thread that writes, one for the one that prepares");
        if (_notedTickets.Count > 0) Assert.That((long[])[promised, marked], Is.EqualTo(_notedTickets), $"{when}: nothing is completed afterwards");

        _store.Files.FailFrom = int.MaxValue;
        _store.Files.LosePower(new Random(change));
        _store.Reopen();
        CheckPromises(promised, when);
        _store.Close();
        return failed.Count == 0;
    }

    private void Tell()
    {
        (_settledForGood, _merged) = (false, false);
        _store.Start();
        var (queue, marks) = (_store.Queue(1), _store.Queue(2));
        for (var position = 0; position < Published; position += 2)
        {
            _store.CommitAndWait(queue, 1 + (position / 2), Enqueue(queue, position, TextAt(position)), Enqueue(queue, position + 1, TextAt(position + 1)));
            if (_store.Failure is not null) return;
        }
        var segments = _store.Engine.Segments.Count;
        _store.Commit(queue, 0, [.. Enumerable.Range(0, Published).Where(position => position % 6 != 0).Select(position => StoreRecord.Settle(queue.Id, position))]);
        _store.CommitAndWait(marks, 1, Enqueue(marks, 0, "settled"));
        if (_store.Failure is not null) return;
        _settledForGood = true;
        Until(() => _store.Failure is not null || _store.Engine.Segments.Count <= segments / 2, "what is sparse is merged");
        _merged = _store.Failure is null;
    }

    private void CheckPromises(long promised, string when)
    {
        var found = _store.Recovered.TryGetValue(new(1), out var recovered) ? recovered.Messages.Select(message => message.Position).ToArray() : [];
        for (var position = 0; position < 2 * promised; position++)
        {
            if (position % 6 == 0) Assert.That(found, Does.Contain(position), $"{when}: message {position} is lost");
            else if (_settledForGood) Assert.That(found, Does.Not.Contain(position), $"{when}: message {position} came back");
        }
        if (found.Length > 0) Assert.That(_store.Read(_store.Queue(1), found), Is.EqualTo(found.Select(TextAt)), when);
    }

    private string TextAt(long position) => $"{position} {new string('t', 250 * engine.SegmentScale)}";

    private static StoreRecord Enqueue(TestQueue queue, long position, string text) =>
        StoreRecord.Enqueue(queue.Id, position, MessageOf(text), expiresAt: 0);
}
