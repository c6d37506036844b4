using Amqp.Storage.Files;

namespace Amqp.Storage.Lite;

/// <summary>
/// The pages of one database: in its file, or newer in the log. It is what LiteDB gets as its data stream, and what is looked
/// through page by page when LiteDB cannot.
/// </summary>
internal sealed class PageFile(IDataFile file, PageLog log) : Stream
{
    private readonly byte[] _frame = new byte[PageFrame.Size];
    private bool _isEmpty;

    /// <summary>What tells its pages from those that the file held before.</summary>
    public long Life { get; private set; }

    /// <summary>Pages that the file has room for.</summary>
    public uint Count => (uint)(file.Length / PageFrame.Size);

    /// <summary>Bytes of the file.</summary>
    public long FileLength => file.Length;

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
            pages.Life = life;
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
        isBroken = log.IsDamaged(pages.Life) || !log.Has(pages.Life, 0);
        return pages;
    }

    /// <summary>Reads a page. False: it is not what was written there, or nothing was.</summary>
    public bool TryRead(uint page, Span<byte> destination)
    {
        if (log.TryRead(Life, page, destination))
        {
            LitePage.ClearTransaction(destination);
            return true;
        }
        if (LifeOf(page) != Life) return false;
        _frame.AsSpan(PageFrame.HeadSize).CopyTo(destination);
        return true;
    }

    /// <summary>Takes over what of it is only in the log. Durable when it returns.</summary>
    public void TakeOver()
    {
        var page = new byte[PageFrame.PageSize];
        var isDamaged = log.IsDamaged(Life);
        foreach (var number in log.PagesOf(Life))
            if (TryRead(number, page)) WritePage(number, page, number == 0 && isDamaged ? PageFrame.BrokenBit : 0);
        if (isDamaged && !log.Has(Life, 0) && LifeOf(0) == Life) WritePage(0, _frame.AsSpan(PageFrame.HeadSize).ToArray(), PageFrame.BrokenBit);
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

    /// <summary>LiteDB writes here when it checkpoints: then all of its log has to be on the disk first.</summary>
    public override void Write(byte[] buffer, int offset, int count)
    {
        if (count != PageFrame.PageSize) throw new NotSupportedException($"{count} bytes are no page");
        log.Flush();
        WritePage((uint)(Position / PageFrame.PageSize), buffer.AsSpan(offset, count), 0);
        _isEmpty = false;
        Position += count;
    }

    public override void Flush() => file.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private void WritePage(uint page, ReadOnlySpan<byte> bytes, uint flags)
    {
        bytes.CopyTo(_frame.AsSpan(PageFrame.HeadSize));
        PageFrame.Seal(_frame, page | flags, Life);
        file.Write(_frame, (long)page * PageFrame.Size);
    }

    /// <summary>The life that a page of the file was written in, which is left in the buffer. Null: it is not whole.</summary>
    private long? LifeOf(uint page) =>
        file.Read(_frame, (long)page * PageFrame.Size) == _frame.Length && PageFrame.IsWhole(_frame, page, out var life) ? life : null;
}
