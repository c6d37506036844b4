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
        _files.File(Path).Bytes[header + 3] ^= 1;
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
        _files.File(Path).Truncate(30_000);
        using var log = Open();
        Assert.That(log.IsShort, Is.True);
    }

    private static string Path => $"/segments/{PageLog.FileName}";

    private PageLog Open() => new(_files, "/segments", frames: 16);

    [SetUp]
    public void NewDisk()
    {
        if (_files.List("").Contains(Path)) _files.Delete(Path);
    }

    private void Write(uint[] first, bool flush, uint[] second, bool flushSecond)
    {
        using var log = Open();
        log.TryPrepare();
        log.Begin(Life - 1, 0);
        log.Begin(Life, 0);
        Write(log, first, flush);
        Write(log, second, flushSecond);
        // Only another frame proves that those before it were flushed.
        if (flushSecond) Write(log, [second[^1]], flush: false);
    }

    private static void Write(PageLog log, uint[] pages, bool flush)
    {
        foreach (var page in pages) log.Add(Page(page));
        log.EndGroup();
        if (flush) log.Flush();
    }

    private static byte[] Page(uint number)
    {
        var page = new byte[PageFrame.PageSize];
        BitConverter.TryWriteBytes(page, number);
        return page;
    }

    private void Damage(int frame) => _files.File(Path).Bytes[4096 + (frame * 8224) + 100] ^= 1;
}
