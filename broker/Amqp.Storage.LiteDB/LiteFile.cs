using Amqp.Storage.Files;
using LiteDB;
using LiteDB.Engine;

namespace Amqp.Storage.Lite;

/// <summary>
/// A segment in a database of LiteDB: the bytes that are written at an offset are documents with that offset as their key.
/// <para>
/// LiteDB is used by one thread at a time, under a lock: the one that writes, and the one that reads messages back. A read asks for
/// a few documents, so neither waits long. Flushes are not waited for under the lock, but for a checkpoint that finds the one before unfinished.
/// </para>
/// <para>
/// When LiteDB meets a page that is not what was written, the database is not written any more and LiteDB not asked again:
/// what is whole in it is found page by page (<see cref="Salvage"/>).
/// </para>
/// </summary>
internal sealed class LiteFile : IDataFile
{
    /// <summary>Bytes of a segment for which a page is reckoned: somewhat less than fit.</summary>
    public const int PageBytes = 8_000;

    /// <summary>Pages that are not for blobs: the header, the collection's, and what is begun and not full.</summary>
    public const int PagesBeside = 8;

    private const string Blobs = "blobs";

    /// <summary>Of two comparisons LiteDB would use its index for one, and read every document behind.</summary>
    private const string Between = "$._id BETWEEN @0 AND @1";

    private readonly Lock _lock = new();
    private readonly LiteMedium _medium;
    private readonly PageFile _pages;
    private readonly Action _damaged;
    private readonly bool _mayOverlap;
    private LiteEngine? _engine;
    private bool _isWritable;
    private Salvage? _salvage;
    private uint _lastPage;

    private LiteFile(LiteMedium medium, PageFile pages, Action damaged, bool mayOverlap)
    {
        _medium = medium;
        _pages = pages;
        _damaged = damaged;
        _mayOverlap = mayOverlap;
    }

    public long Length => _pages.FileLength;

    public bool IsDamaged => _salvage is not null;

    public long Room => _salvage is not null || !_medium.IsPrepared ? 0
        : Math.Max(0, _pages.Count - (long)_lastPage - PagesBeside) * PageBytes;

    /// <summary>Makes an empty database in a file.</summary>
    public static LiteFile Begin(LiteMedium medium, PageFile pages)
    {
        var file = new LiteFile(medium, pages, () => { }, mayOverlap: false);
        lock (file._lock) _ = file.WritableEngine();
        return file;
    }

    /// <summary>Opens the database in a file.</summary>
    /// <param name="damaged">Called when it turns out to be damaged.</param>
    public static LiteFile Open(LiteMedium medium, PageFile pages, bool isBroken, Action damaged)
    {
        var file = new LiteFile(medium, pages, damaged, mayOverlap: true);
        var header = new byte[PageFrame.PageSize];
        if (isBroken) file.BeginSalvage();
        else if (pages.TryRead(0, header)) file._lastPage = LitePage.LastPage(header);
        return file;
    }

    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        lock (_lock)
        {
            if (_salvage is not null) throw NotWritten();
            try
            {
                var engine = WritableEngine();
                if (_mayOverlap) DeleteBetween(engine, offset, offset + bytes.Length);
                for (var start = 0; start < bytes.Length; start += _medium.CommitBytes)
                {
                    // Between the parts of a large blob, too: the log has its space on the disk for one part, and not for all.
                    if (_medium.NeedsCheckpoint) Checkpoint(engine);
                    Insert(engine, bytes[start..Math.Min(bytes.Length, start + _medium.CommitBytes)], offset + start);
                }
            }
            catch (Exception exception) when (_mayOverlap && exception is not IOException)
            {
                // All of it could be read, and LiteDB has stumbled where it looked for room.
                _medium.CutGroup();
                (_engine, _isWritable) = (null, false);
                BeginSalvage();
                throw NotWritten(exception);
            }
        }
    }

    /// <summary>What was written is in the log: that is flushed. Bytes where nothing stands are zeros.</summary>
    public void Flush() => _medium.FlushLogOf(this);

    public int Read(Span<byte> destination, long offset)
    {
        if (offset >= Length) return 0;
        destination = destination[..(int)Math.Min(destination.Length, Length - offset)];
        bool isOpened;
        lock (_lock)
        {
            isOpened = Read(destination, offset, out var isRead);
            if (!isRead)
            {
                BeginSalvage();
                destination.Clear();
                _salvage!.Read(destination, offset);
            }
        }
        if (isOpened) _medium.NoteOpened(this);
        return destination.Length;
    }

    /// <summary>Lets another database have the log, when all of it is in the file.</summary>
    /// <param name="pass">Gives the log away: under the lock, because a read of this database looks for its pages there.</param>
    public void Release(Action pass)
    {
        lock (_lock)
        {
            if (_isWritable) Checkpoint(_engine!);
            else _pages.TakeOver();
            (_engine, _isWritable) = (null, false);
            pass();
        }
    }

    /// <summary>Gives back the memory that reading takes. The next read opens it again.</summary>
    public void Rest()
    {
        lock (_lock)
        {
            if (!_isWritable) _engine = null;
        }
    }

    public void Dispose()
    {
        // LiteDB would checkpoint or roll back here, and there is nothing to be done in either way: what it has
        // committed is in the log.
        lock (_lock) (_engine, _isWritable) = (null, false);
        _medium.Forget(this);
        _pages.CloseFile();
    }

    private LiteEngine WritableEngine()
    {
        if (_isWritable) return _engine!;
        _medium.TakeLog(this, _pages.Life, _pages.FileLength);
        _engine = new LiteEngine(new EngineSettings { DataStream = _pages, LogStream = _medium.LogFor(page => _lastPage = Math.Max(_lastPage, page)) });
        _isWritable = true;
        // When to checkpoint is decided here, so that none begins in the midst of a commit.
        _engine.Pragma(Pragmas.CHECKPOINT, 0);
        _medium.EndGroup();
        return _engine;
    }

    private void Checkpoint(LiteEngine engine)
    {
        _medium.FlushLogOf(this);
        _pages.IsCheckpointing = true;
        engine.Checkpoint();
        _pages.IsCheckpointing = false;
    }

    private void Insert(LiteEngine engine, ReadOnlySpan<byte> bytes, long offset)
    {
        engine.BeginTrans();
        for (var start = 0; start < bytes.Length; start += Cells.BytesMax)
        {
            var part = bytes.Slice(start, Math.Min(Cells.BytesMax, bytes.Length - start));
            var cells = _medium.CellsOf(Cells.SizeOf(part.Length));
            Cells.Write(part, offset + start, cells);
            engine.Insert(Blobs, [new BsonDocument { ["_id"] = offset + start, ["b"] = cells }], BsonAutoId.Int64);
        }
        engine.Commit();
        _medium.EndGroup();
    }

    /// <summary>Where a write that was cut off stands, something else may be written.</summary>
    private void DeleteBetween(LiteEngine engine, long offset, long end)
    {
        var ids = new List<BsonValue>();
        foreach (var document in Find(engine, Between, Query.Ascending, int.MaxValue, offset, end - 1)) ids.Add(document["_id"]);
        if (ids.Count == 0) return;
        engine.Delete(Blobs, ids);
        _medium.EndGroup();
    }

    /// <returns>True: LiteDB was opened for it.</returns>
    private bool Read(Span<byte> destination, long offset, out bool isRead)
    {
        destination.Clear();
        isRead = _salvage is null;
        if (!isRead)
        {
            _salvage!.Read(destination, offset);
            isRead = true;
            return false;
        }
        var isOpened = _engine is null;
        try
        {
            _engine ??= new LiteEngine(new EngineSettings { DataStream = _pages, ReadOnly = true });
            var end = offset;
            foreach (var document in Find(_engine, "$._id <= @0", Query.Descending, 1, offset)) end = Math.Max(end, Cells.Read(document["b"].AsBinary, destination, offset));
            if (end < offset + destination.Length)
            {
                foreach (var document in Find(_engine, Between, Query.Ascending, int.MaxValue, offset + 1, offset + destination.Length - 1))
                    Cells.Read(document["b"].AsBinary, destination, offset);
            }
        }
        catch (Exception exception) when (exception is not IOException)
        {
            // Whatever it has stumbled over: a page that is damaged ends here.
            isRead = false;
        }
        return isOpened && isRead;
    }

    private void BeginSalvage()
    {
        if (!_isWritable) _engine = null;
        _salvage = new Salvage(_pages);
        _damaged();
    }

    private static IOException NotWritten(Exception? exception = null) => new("a damaged segment is not written any more", exception);

    private static IEnumerable<BsonDocument> Find(LiteEngine engine, string where, int order, int limit, params BsonValue[] values)
    {
        var query = new Query { OrderBy = "$._id", Order = order, Limit = limit };
        query.Where.Add(BsonExpression.Create(where, values));
        using var reader = engine.Query(Blobs, query);
        while (reader.Read()) yield return reader.Current.AsDocument;
    }
}
