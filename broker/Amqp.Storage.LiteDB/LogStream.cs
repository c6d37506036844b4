namespace Amqp.Storage.Lite;

/// <summary>The log as LiteDB writes it.</summary>
internal sealed class LogStream(PageLog log, Action<uint> written) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => true;

    public override long Length => (long)log.Count * PageFrame.PageSize;

    public override long Position { get; set; }

    public override int Read(byte[] buffer, int offset, int count)
    {
        log.Read((int)(Position / PageFrame.PageSize), buffer.AsSpan(offset, PageFrame.PageSize));
        Position += PageFrame.PageSize;
        return PageFrame.PageSize;
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        if (count != PageFrame.PageSize || Position != Length) throw new NotSupportedException($"{count} bytes at {Position} are not the next page");
        var page = buffer.AsSpan(offset, count);
        written(LitePage.Number(page));
        log.Add(page);
        Position += count;
    }

    /// <summary>LiteDB never calls this where it would matter, so it is done where it does.</summary>
    public override void Flush()
    {
    }

    /// <summary>After a checkpoint, which has begun the log anew.</summary>
    public override void SetLength(long value)
    {
        if (value != 0 || log.Count != 0) throw new NotSupportedException("a log is emptied by a checkpoint, and not cut");
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
}
