using Amqp.Storage.Files;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Lite;

/// <summary>Segments in databases of LiteDB, one in a file of each, so that a segment that is not needed goes with its file.</summary>
public static class LiteDbEngine
{
    /// <summary>What a data directory says that belongs to this engine.</summary>
    public const string Name = "litedb";

    public static StoreEngine Engine { get; } = With(LiteLimits.Default);

    internal static StoreEngine With(LiteLimits limits) => new(Name, "messages-litedb", directory => new LiteMedium(directory, limits));
}

/// <param name="CheckpointPages">Pages in the log at which they are taken over. LiteDB's cache holds 662, and as many with those that a
/// group of commits adds; with the next its size is 1,662, made anew for each segment.</param>
/// <param name="CommitBytes">Bytes that one transaction writes at most.</param>
/// <param name="TakeOvers">Makes what takes them over, for each directory.</param>
internal sealed record LiteLimits(int CheckpointPages, int CommitBytes, Func<ITakeOvers> TakeOvers)
{
    public static LiteLimits Default { get; } = new(500, 4 << 20, () => new TakeOverThread());
}

/// <summary>What the databases of a directory share: the log, which belongs to the one that is being written.</summary>
internal sealed class LiteMedium : ISegmentMedium
{
    /// <summary>How many databases are kept open for reading.</summary>
    private const int OpenMax = 8;

    private readonly LiteLimits _limits;
    private readonly SegmentDirectory _directory;
    private readonly PageLog _log;
    private readonly byte[] _cells = new byte[Cells.SizeOf(Cells.BytesMax)];
    private readonly LiteFile?[] _open = new LiteFile?[OpenMax];
    private int _opened;
    private LiteFile? _owner;
    private string? _missing;

    public LiteMedium(SegmentDirectory directory, LiteLimits limits)
    {
        _limits = limits;
        _directory = directory;
        var frames = limits.CheckpointPages + (2 * (limits.CommitBytes / LiteFile.PageBytes)) + 64;
        _log = new PageLog(directory.Files, directory.Path, frames, 2 * limits.CheckpointPages, limits.TakeOvers());
        _missing = _log.Missing;
        foreach (var path in _log.Short) directory.Damaged(path, true);
    }

    /// <summary>A page that is begun, one of the index, and the pages of what the segment says of itself.</summary>
    public int BlobOverheadMax => 3 * PageFrame.Size;

    public int CommitBytes => _limits.CommitBytes;

    public bool IsPrepared { get; private set; }

    public bool NeedsCheckpoint => _log.Count >= _limits.CheckpointPages;

    public long FileBytes(long bytes) => (((bytes + LiteFile.PageBytes - 1) / LiteFile.PageBytes) + LiteFile.PagesBeside + 8) * PageFrame.Size;

    public bool TryPrepare() => IsPrepared = _log.TryPrepare();

    public IDataFile Begin(SegmentId segment, IDataFile file) =>
        LiteFile.Begin(this, PageFile.Begin(file, _log, (_directory.Opening << 32) | segment.Number));

    public IDataFile Open(SegmentId segment, string path, IDataFile file)
    {
        if (_missing is not null) _directory.Damaged(_missing, false);
        _missing = null;
        var pages = PageFile.Open(file, _log, segment.Number, out var isBroken);
        var opened = LiteFile.Open(this, pages, isBroken, () => _directory.Damaged(path, true));
        if (_log.Life == 0 || _log.Life != pages.Life) return opened;
        _owner = opened;
        if (_log.CutBytes > 0) _directory.Cut(segment, 0, _log.CutBytes);
        return opened;
    }

    /// <summary>Shuts the log into the file, as is due on an orderly end.</summary>
    public void Sealed(IDataFile file)
    {
        if (_owner != file) return;
        PassLog(0, 0);
        _owner = null;
    }

    public void Dispose() => _log.Dispose();

    /// <summary>The log is this database's from here on.</summary>
    public void TakeLog(LiteFile owner, long life, long dataLength)
    {
        PassLog(life, dataLength);
        _owner = owner;
    }

    /// <summary>An array of that size for what goes into a document. It is used again for the next.</summary>
    public byte[] CellsOf(int size) => size == _cells.Length ? _cells : new byte[size];

    public LogStream LogFor(Action<uint> written) => new(_log, written);

    public void EndGroup() => _log.EndGroup();

    public void CutGroup() => _log.CutGroup();

    public void FlushLogOf(LiteFile file)
    {
        if (_owner == file) _log.Flush();
    }

    /// <summary>A database that is not there any more has nothing in the log, and nothing is written to its file.</summary>
    public void Forget(LiteFile file)
    {
        if (_owner != file) return;
        _log.EndTakeOver();
        _owner = null;
    }

    /// <summary>A database was opened for reading: from any thread. The one that was opened longest ago rests.</summary>
    public void NoteOpened(LiteFile file)
    {
        var slot = (uint)Interlocked.Increment(ref _opened) % OpenMax;
        if (Interlocked.Exchange(ref _open[slot], file) is { } before && before != file) before.Rest();
    }

    private void PassLog(long life, long dataLength)
    {
        if (_owner is null) _log.Begin(life, dataLength);
        else _owner.Release(() => _log.Begin(life, dataLength));
    }
}
