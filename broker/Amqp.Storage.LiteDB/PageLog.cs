using Amqp.Storage.Files;

namespace Amqp.Storage.Lite;

/// <summary>
/// LiteDB's log, for whichever database is being written: the pages of its transactions since they were last taken over into the
/// database's file. LiteDB's own log has no checksums and is never flushed, so this one does both.
/// <para>
/// It has two files, used in turns. In a checkpoint the one that was written becomes the older, and its pages are taken over while the
/// next transactions go into the other. So what is not in the database's file yet is in these two, and of a page that both have, the
/// current one's counts.
/// </para>
/// </summary>
internal sealed class PageLog : IDisposable
{
    /// <summary>Names of its files.</summary>
    public static readonly IReadOnlyList<string> FileNames = ["litedb.log", "litedb-2.log"];

    private readonly IFileLayer _files;
    private readonly string _directory;
    private readonly ITakeOvers _takeOvers;
    private readonly LogFile[] _both;

    // Volatile, because a read of any other database asks whose log this is, without the lock under which that changes.
    private volatile LogFile _current;
    private LogFile _older;
    private bool _isPrepared;

    /// <param name="frames">For how many there is to be space on the disk in each file: those that there are at most.</param>
    /// <param name="framesKept">For how many each file has memory all the time.</param>
    /// <exception cref="StorageException">A newer version wrote it.</exception>
    public PageLog(IFileLayer files, string directory, int frames, int framesKept, ITakeOvers takeOvers)
    {
        _files = files;
        _directory = directory;
        _takeOvers = takeOvers;
        _both = [.. FileNames.Select(name => new LogFile(files, Path.Combine(directory, name), frames, framesKept))];
        (_current, _older) = _both[0].Header.Epoch > _both[1].Header.Epoch ? (_both[0], _both[1]) : (_both[1], _both[0]);
        _current.CountFrames(0);
        // What it has of another database, or of an earlier epoch, was taken over before the current one began.
        if (_older.Header.Life == Life && _older.Header.Epoch == _current.Header.Epoch - 1) _older.CountFrames(_current.Header.FramesBefore);
        else _older.Forget();
    }

    /// <summary>The database whose pages these are; 0: of none.</summary>
    public long Life => _current.Header.Life;

    /// <summary>How long its file is, in bytes: it may have lost its end since. 0: unknown.</summary>
    public long DataLength => Math.Max(_current.Header.DataLength, _older.Header.Life == Life ? _older.Header.DataLength : 0);

    /// <summary>Frames written in this epoch.</summary>
    public int Count => _current.Count;

    /// <summary>The file that is missing: the first is begun first, so that without it something is lost, and what was never begun has
    /// no other. Null: none is.</summary>
    public string? Missing => !_both[0].Exists ? _both[0].Path : !_both[1].Exists && _both[0].Header.Epoch > 0 && !_both[0].IsAlone ? _both[1].Path : null;

    /// <summary>Files that have lost their ends, and what was in them is unknown.</summary>
    public IEnumerable<string> Short => _both.Where(file => file.IsShort).Select(file => file.Path);

    /// <summary>Bytes of a write that power interrupted, found on opening.</summary>
    public long CutBytes => _current.CutBytes + _older.CutBytes;

    /// <summary>Makes sure that there is space for it on the disk. False: there is none.</summary>
    public bool TryPrepare()
    {
        if (_isPrepared) return true;
        try
        {
            foreach (var file in _both) file.Prepare();
            _files.FlushDirectory(_directory);
        }
        catch (IOException exception) when (DiskFull.Is(exception))
        {
            return false;
        }
        return _isPrepared = true;
    }

    /// <summary>A page in it that was on the disk already is not what was written.</summary>
    public bool IsDamaged(long life) => life == Life && (_current.IsDamaged || _older.IsDamaged);

    public bool Has(long life, uint page) => life == Life && (_current.Has(page) || _older.Has(page));

    /// <summary>The pages that it has of a database.</summary>
    public IReadOnlyList<uint> PagesOf(long life) => life == Life ? [.. _current.Pages.Union(_older.Pages).Order()] : [];

    /// <inheritdoc cref="LogFile.TryRead"/>
    public bool TryRead(long life, uint page, Span<byte> destination) =>
        life == Life && (_current.TryRead(page, destination) || _older.TryRead(page, destination));

    /// <summary>The page of a frame of this epoch, as LiteDB wrote it.</summary>
    public void Read(int number, Span<byte> destination) => _current.Read(number, destination);

    /// <summary>Adds a page, which is written when its group ends.</summary>
    public void Add(ReadOnlySpan<byte> page) => _current.Add(page);

    /// <summary>A transaction is complete: its pages are written, in one go.</summary>
    public void EndGroup() => _current.EndGroup();

    /// <summary>A transaction did not come to its end: its pages count for nothing.</summary>
    public void CutGroup() => _current.CutGroup();

    /// <summary>Returns when every group is on the disk.</summary>
    public void Flush() => _current.Flush();

    /// <summary>Begins anew for the same database, while what the log has is taken over.</summary>
    /// <param name="job">Takes it over, from the file that it gets, and flushes what it wrote it to: in another thread.</param>
    public void TakeOver(Action<LogFile> job)
    {
        Flush();
        _takeOvers.Finish();
        BeginNext(Life, DataLength);
        var older = _older;
        _takeOvers.Begin(() => job(older));
    }

    /// <summary>Returns when everything but what the current file has is in the database's file.</summary>
    public void FinishTakeOver() => _takeOvers.Finish();

    /// <summary>Returns when nothing is taken over any more.</summary>
    public void EndTakeOver() => _takeOvers.End();

    /// <summary>Forgets what is in it, which is in its database's file now, and begins anew for a database.</summary>
    public void Begin(long life, long dataLength)
    {
        _takeOvers.Finish();
        BeginNext(life, dataLength);
        _older.Forget();
    }

    public void Dispose()
    {
        _takeOvers.Dispose();
        foreach (var file in _both) file.Dispose();
    }

    private void BeginNext(long life, long dataLength)
    {
        var (next, before) = (_older, _current);
        next.Begin(new LogHeader(before.Header.Epoch + 1, life) { DataLength = dataLength, FramesBefore = before.Count });
        (_current, _older) = (next, before);
    }
}

