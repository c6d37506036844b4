using System.Buffers;
using Amqp.Storage.Files;

namespace Amqp.Storage.Lite;

/// <summary>
/// The pages of one database: in its file, or newer in the log. It is what LiteDB gets as its data stream, and what is looked
/// through page by page when LiteDB cannot.
/// </summary>
internal sealed class PageFile(IDataFile file, PageLog log) : Stream
{
    /// <summary>Pages that are written in one go, if they lie side by side.</summary>
    private const int RunPages = 64;

    private readonly byte[] _frame = new byte[PageFrame.Size];
    private readonly SortedSet<uint> _checkpointed = [];
    private bool _isEmpty;

    /// <summary>What tells its pages from those that the file held before.</summary>
    public long Life { get; private set; }

    /// <summary>Bytes of the file, as it was begun: it may have lost its end since.</summary>
    public long FileLength { get; private set; } = file.Length;

    /// <summary>LiteDB may write pages. At any other time it wants to write one only to mark the database, because it has met
    /// something that cannot be: and then nothing is written any more, in whichever thread.</summary>
    public bool IsCheckpointing { get; set; }

    /// <summary>Pages that the file has room for.</summary>
    public uint Count => (uint)(FileLength / PageFrame.Size);

    /// <summary>Every page that there may be.</summary>
    public IEnumerable<uint> Numbers => Enumerable.Range(0, (int)Count).Select(number => (uint)number).Union(log.PagesOf(Life));

    /// <summary>Begins anew: whatever is in the file was there before.</summary>
    public static PageFile Begin(IDataFile file, PageLog log, long life) => new(file, log) { Life = life, _isEmpty = true };

    /// <summary>Opens what is in a file.</summary>
    /// <param name="segment">The segment's number, which is a part of every life of its file.</param>
    /// <param name="isBroken">LiteDB must not be let near the pages: the first one is damaged, or they do not fit together.</param>
    public static PageFile Open(IDataFile file, PageLog log, long segment, out bool isBroken)
    {
        var pages = new PageFile(file, log);
        if (pages.LifeOf(0) is { } life && (int)life == segment)
        {
            (pages.Life, pages.FileLength) = (life, PageFrame.Length(pages._frame));
            isBroken = (PageFrame.Number(pages._frame) & PageFrame.BrokenBit) != 0 || log.IsDamaged(life);
            return pages;
        }
        // A first page that is not whole was being written when power failed, and then the log has it, or it is damaged.
        if ((int)log.Life == segment) pages.Life = log.Life;
        else
        {
            for (var page = 1u; page < pages.Count; page++)
                if (pages.LifeOf(page) is { } other && (int)other == segment) pages.Life = Math.Max(pages.Life, other);
        }
        for (var page = 1u; page < pages.Count; page++)
        {
            if (pages.LifeOf(page) != pages.Life) continue;
            pages.FileLength = PageFrame.Length(pages._frame);
            break;
        }
        if (log.Life == pages.Life && log.DataLength > 0) pages.FileLength = log.DataLength;
        isBroken = log.IsDamaged(pages.Life) || !log.Has(pages.Life, 0) || pages.Count == 0;
        return pages;
    }

    /// <summary>Reads a page. False: it is not what was written there, or nothing was.</summary>
    public bool TryRead(uint page, Span<byte> destination)
    {
        if (log.TryRead(Life, page, destination)) return true;
        if (LifeOf(page) != Life) return false;
        _frame.AsSpan(PageFrame.HeadSize).CopyTo(destination);
        return true;
    }

    /// <summary>Takes over what of it is only in the log. Durable when it returns.</summary>
    public void TakeOver()
    {
        log.FinishTakeOver();
        TakeOver(log.PagesOf(Life), TryRead);
        if (log.IsDamaged(Life))
        {
            // The next opening must not take the pages for a database either.
            var page = new byte[PageFrame.PageSize];
            if (TryRead(0, page)) WritePage(0, page, PageFrame.BrokenBit);
        }
        file.Flush();
    }

    public void CloseFile() => file.Dispose();

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => true;

    /// <summary>All that the file has room for: LiteDB asks only whether there is anything.</summary>
    public override long Length => _isEmpty ? 0 : (long)Count * PageFrame.PageSize;

    public override long Position { get; set; }

    public override int Read(byte[] buffer, int offset, int count)
    {
        var page = (uint)(Position / PageFrame.PageSize);
        if (count != PageFrame.PageSize || !TryRead(page, buffer.AsSpan(offset, count))) throw new InvalidDataException($"page {page} is damaged");
        Position += count;
        return count;
    }

    /// <summary>
    /// LiteDB writes here when it checkpoints: then all of its log has to be on the disk first. Of a page that the log has several
    /// times it writes each; what counts is the last, which is taken over when it flushes.
    /// </summary>
    public override void Write(byte[] buffer, int offset, int count)
    {
        if (count != PageFrame.PageSize) throw new NotSupportedException($"{count} bytes are no page");
        if (!_isEmpty && !IsCheckpointing) throw new NotSupportedException("pages are written in a checkpoint");
        log.Flush();
        var page = (uint)(Position / PageFrame.PageSize);
        if (log.Has(Life, page)) _checkpointed.Add(page);
        else WritePage(page, buffer.AsSpan(offset, count), 0);
        _isEmpty = false;
        Position += count;
    }

    /// <summary>The checkpoint's pages are the log's older file's from here on, and taken over from there.</summary>
    public override void Flush()
    {
        if (_checkpointed.Count == 0)
        {
            file.Flush();
            return;
        }
        var pages = _checkpointed.ToArray();
        _checkpointed.Clear();
        log.TakeOver(from =>
        {
            TakeOver(pages, from.TryRead);
            file.Flush();
        });
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Writes pages out of the log into the file.</summary>
    /// <param name="pages">In order.</param>
    /// <param name="read">Reads one of them.</param>
    private void TakeOver(IEnumerable<uint> pages, PageReader read)
    {
        // From the pool: a large array for each takeover would bring on collections of everything that there is.
        var run = ArrayPool<byte>.Shared.Rent(RunPages * PageFrame.Size);
        var (first, length) = (0u, 0);
        foreach (var page in pages)
        {
            if (length > 0 && (page != first + length || length == RunPages))
            {
                file.Write(run.AsSpan(0, length * PageFrame.Size), (long)first * PageFrame.Size);
                length = 0;
            }
            if (length == 0) first = page;
            var frame = run.AsSpan(length * PageFrame.Size, PageFrame.Size);
            if (!read(page, frame[PageFrame.HeadSize..])) throw new InvalidOperationException($"page {page} is not in the log");
            PageFrame.Seal(frame, page, Life, FileLength);
            length++;
        }
        if (length > 0) file.Write(run.AsSpan(0, length * PageFrame.Size), (long)first * PageFrame.Size);
        ArrayPool<byte>.Shared.Return(run);
    }

    private void WritePage(uint page, ReadOnlySpan<byte> bytes, uint flags)
    {
        bytes.CopyTo(_frame.AsSpan(PageFrame.HeadSize));
        PageFrame.Seal(_frame, page | flags, Life, FileLength);
        file.Write(_frame, (long)page * PageFrame.Size);
    }

    /// <summary>The life that a page of the file was written in, which is left in the buffer. Null: it is not whole.</summary>
    private long? LifeOf(uint page) =>
        file.Read(_frame, (long)page * PageFrame.Size) == _frame.Length && PageFrame.IsWhole(_frame, page, out var life) ? life : null;

    /// <summary>Reads a page. False: it is not there.</summary>
    private delegate bool PageReader(uint page, Span<byte> destination);
}
