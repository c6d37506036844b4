using Amqp.Core.Records;
using Amqp.Storage.Lite;
using Amqp.Storage.Tests.Journal;

namespace Amqp.Storage.Tests.LiteDb;

internal sealed class PageLogTests
{
    private const long Life = (1L << 32) | 7;

    private readonly MemoryFiles _files = new();

    /// <summary>Power may fail right behind the preparation: then there are frames of no database, and no header.</summary>
    [Test]
    public void A_log_that_was_prepared_and_never_begun_is_empty()
    {
        using (var prepared = Open()) Assert.That(prepared.TryPrepare(), Is.True);
        using var log = Open();
        Assert.That((log.Life, log.Count, log.CutBytes), Is.EqualTo((0L, 0, 0L)));
    }

    [Test]
    public void A_group_that_is_not_whole_is_cut_with_all_behind_it()
    {
        Write([1, 2], flush: true, [3, 4], flushSecond: false);
        Damage(frame: 2);
        using var log = Open();
        Assert.That(log.PagesOf(Life), Is.EqualTo([1u, 2u]));
        Assert.That((log.IsDamaged(Life), log.CutBytes), Is.EqualTo((false, 8192L)));
    }

    [Test]
    public void A_page_that_was_on_the_disk_already_is_damage_and_the_others_count()
    {
        Write([1, 2], flush: true, [3, 4], flushSecond: true);
        Damage(frame: 0);
        using var log = Open();
        Assert.That(log.PagesOf(Life), Is.EqualTo([2u, 3u, 4u]));
        Assert.That((log.IsDamaged(Life), log.CutBytes), Is.EqualTo((true, 0L)));
    }

    [TestCase(0)]
    [TestCase(2048)]
    public void One_header_is_enough(int header)
    {
        Write([1], flush: true, [2], flushSecond: true);
        _files.File(Paths[1]).Bytes[header + 3] ^= 1;
        using var log = Open();
        Assert.That((log.Life, log.Count), Is.EqualTo((Life, 3)));
    }

    [Test]
    public void What_was_taken_over_does_not_come_back()
    {
        Write([1, 2], flush: true, [3], flushSecond: true);
        using (var log = Open())
        {
            log.TryPrepare();
            log.Begin(Life + 1, 0);
            log.Add(Page(9));
            log.Flush();
        }
        using var again = Open();
        Assert.That((again.Life, again.Count), Is.EqualTo((Life + 1, 1)));
        Assert.That(again.PagesOf(Life), Is.Empty);
        Assert.That(again.PagesOf(Life + 1), Is.EqualTo([9u]));
    }

    [Test]
    public void A_log_without_its_end_is_told()
    {
        Write([1], flush: true, [2], flushSecond: true);
        _files.File(Paths[1]).Truncate(30_000);
        using var log = Open();
        Assert.That(log.Short, Is.EqualTo([Paths[1]]));
    }

    [Test]
    public void What_is_being_taken_over_counts_below_what_came_since()
    {
        using (var log = Begun())
        {
            Write(log, [1, 2], flush: true);
            log.TakeOver(_ => { });
            Write(log, [2, 3], flush: true, fill: 7);
        }
        using var again = Open();
        Assert.That(again.PagesOf(Life), Is.EqualTo([1u, 2u, 3u]));
        Assert.That(new[] { 1u, 2u, 3u }.Select(page => Fill(again, page)), Is.EqualTo(new byte[] { 0, 7, 7 }));
    }

    [Test]
    public void What_another_database_had_does_not_count()
    {
        using (var log = Begun())
        {
            Write(log, [1, 2], flush: true);
            log.TakeOver(_ => { });
            Write(log, [3], flush: true);
            log.Begin(Life + 1, 0);
            Write(log, [9], flush: true);
        }
        using var again = Open();
        Assert.That((again.Life, again.PagesOf(Life).Count), Is.EqualTo((Life + 1, 0)));
        Assert.That(again.PagesOf(Life + 1), Is.EqualTo([9u]));
    }

    /// <summary>Behind it alone it looks like the end of what power left, and the next epoch knows that it was on the disk.</summary>
    [Test]
    public void The_last_group_of_the_older_file_is_damage_when_it_is_not_whole()
    {
        using (var log = Begun())
        {
            Write(log, [1], flush: true);
            Write(log, [2, 3], flush: true);
            log.TakeOver(_ => { });
        }
        Damage(frame: 2);
        using var again = Open();
        Assert.That((again.IsDamaged(Life), again.CutBytes), Is.EqualTo((true, 0L)));
        Assert.That(again.PagesOf(Life), Is.EqualTo([1u, 2u]));
    }

    [Test]
    public void A_third_epoch_waits_until_the_first_is_taken_over()
    {
        using var log = Begun();
        var taken = new List<uint>();
        for (var page = 1u; page <= 3; page++)
        {
            Write(log, [page], flush: true);
            log.TakeOver(from => taken.AddRange(from.Pages));
        }
        Assert.That(taken, Is.EqualTo([1u, 2u]));
        log.FinishTakeOver();
        Assert.That(taken, Is.EqualTo([1u, 2u, 3u]));
    }

    /// <summary>So a header whose write power interrupts leaves the one before.</summary>
    [Test]
    public void The_headers_of_each_file_take_turns()
    {
        using (var log = Begun())
        {
            for (var page = 1u; page <= 4; page++)
            {
                Write(log, [page], flush: true);
                log.TakeOver(_ => { });
            }
        }
        foreach (var path in Paths)
        {
            var bytes = _files.File(path).Bytes;
            Assert.That(new[] { bytes[0], bytes[2048] }, Is.All.EqualTo((byte)'A'), path);
        }
    }

    [TestCase(0)]
    [TestCase(1)]
    public void A_file_that_is_missing_is_told(int file)
    {
        using (var log = Begun()) Write(log, [1], flush: true);
        _files.Delete(Paths[file]);
        using var again = Open();
        Assert.That(again.Missing, Is.EqualTo(Paths[file]));
    }

    [Test]
    public void A_log_of_one_file_which_an_earlier_version_wrote_misses_none()
    {
        using (var log = Open())
        {
            log.TryPrepare();
            log.Begin(Life, 0);
            Write(log, [1], flush: true);
        }
        _files.Delete(Paths[1]);
        var header = _files.File(Paths[0]).Bytes.AsSpan(0, 64);
        BitConverter.TryWriteBytes(header[8..], 1);
        BitConverter.TryWriteBytes(header[60..], Crc32C.Of(header[..60]));
        using var again = Open();
        Assert.That((again.Missing, again.Count), Is.EqualTo(((string?)null, 1)));
    }

    [Test]
    public void A_takeover_that_fails_ends_the_log_where_it_is_waited_for_and_from_then_on()
    {
        using var log = Begun(new TakeOverThread());
        using var mayEnd = new ManualResetEventSlim();
        var hasEnded = false;
        log.TakeOver(_ =>
        {
            mayEnd.Wait();
            hasEnded = true;
            throw new IOException("the disk has failed");
        });
        Write(log, [1], flush: true);
        Assert.That(hasEnded, Is.False, "the log goes on meanwhile");
        mayEnd.Set();
        Assert.That(log.FinishTakeOver, Throws.InstanceOf<IOException>());
        Assert.That(hasEnded, Is.True);
        log.EndTakeOver();
        Assert.That(() => log.TakeOver(_ => { }), Throws.InstanceOf<IOException>());
    }

    private static IReadOnlyList<string> Paths { get; } = [.. PageLog.FileNames.Select(name => $"/segments/{name}")];

    private PageLog Open(ITakeOvers? takeOvers = null) => new(_files, "/segments", frames: 16, framesKept: 2, takeOvers ?? new LateTakeOvers());

    /// <summary>Begun twice: so that the database's pages are in the second file.</summary>
    private PageLog Begun(ITakeOvers? takeOvers = null)
    {
        var log = Open(takeOvers);
        log.TryPrepare();
        log.Begin(Life - 1, 0);
        log.Begin(Life, 0);
        return log;
    }

    [SetUp]
    public void NewDisk()
    {
        foreach (var path in Paths.Where(_files.List("").Contains)) _files.Delete(path);
    }

    private void Write(uint[] first, bool flush, uint[] second, bool flushSecond)
    {
        using var log = Begun();
        Write(log, first, flush);
        Write(log, second, flushSecond);
        // Only another frame proves that those before it were flushed.
        if (flushSecond) Write(log, [second[^1]], flush: false);
    }

    private static void Write(PageLog log, uint[] pages, bool flush, byte fill = 0)
    {
        foreach (var page in pages) log.Add(Page(page, fill));
        log.EndGroup();
        if (flush) log.Flush();
    }

    private static byte[] Page(uint number, byte fill = 0)
    {
        var page = new byte[PageFrame.PageSize];
        BitConverter.TryWriteBytes(page, number);
        page[^1] = fill;
        return page;
    }

    private static byte Fill(PageLog log, uint number)
    {
        var page = new byte[PageFrame.PageSize];
        Assert.That(log.TryRead(Life, number, page), Is.True);
        return page[^1];
    }

    private void Damage(int frame) => _files.File(Paths[1]).Bytes[4096 + (frame * 8224) + 100] ^= 1;
}
