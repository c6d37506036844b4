using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using Amqp.Core;
using Amqp.Storage.Files;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Journal;

/// <summary>
/// The built-in engine: append-only segment files in one directory. A file is filled with zeros once, when it is made, and
/// used again when its segment is dropped: overwriting blocks that the file system has already given costs a flush a third of
/// what appending does (measured: 133 us against 449 us for 4 KiB).
/// <code>
/// 000000000007.seg   a segment
/// 000000000008.seg   the current one
/// 3.free             prepared, and no segment yet: the next one
/// </code>
/// One prepared file is kept in reserve, so that on a full disk acknowledgements and deletions, which free space, still have
/// somewhere to go.
/// </summary>
public sealed class JournalEngine : ISegmentEngine
{
    /// <summary>What a data directory says that belongs to this engine.</summary>
    public const string Name = "journal";

    /// <summary>Bytes of a segment file, unless another size is asked for.</summary>
    public const int SegmentBytesDefault = 32 << 20;

    /// <summary>Prepared files kept; more are deleted.</summary>
    private const int SparesKept = 2;
    private const int ZerosBytes = 1 << 20;

    private readonly IFileLayer _files;
    private readonly string _directory;
    private readonly int _segmentBytes;
    private readonly long _opening;
    private readonly ISegmentMedium _medium;
    // Filled by the thread that prepares, too.
    private readonly ConcurrentQueue<string> _spares = new();

    // Replaced as a whole by the one thread that writes, so that readers on other threads always see a list that held.
    private volatile ImmutableSortedDictionary<SegmentId, SegmentFile> _segments = ImmutableSortedDictionary<SegmentId, SegmentFile>.Empty;
    private SegmentFile? _current;
    private SegmentId _last;
    private long _lastSpare;
    private volatile bool _directoryChanged;

    private JournalEngine(IFileLayer files, string directory, int segmentBytes, long opening, ISegmentMedium medium)
    {
        _opening = opening;
        _medium = medium;
        _files = files;
        _directory = directory;
        _segmentBytes = segmentBytes;
    }

    public IReadOnlyList<SegmentInfo> Segments =>
        [.. _segments.Values.Select(segment => new SegmentInfo(segment.Id, segment.IsSealed, segment.Capacity))];

    /// <summary>The segments' files, oldest first.</summary>
    internal IReadOnlyList<SegmentFile> Files => [.. _segments.Values];

    public int BlobOverheadMax => _medium.BlobOverheadMax;

    public int RoomLeft => _current?.RoomLeft ?? 0;

    public bool HasReserve => !_spares.IsEmpty;

    /// <summary>Opens the segments of a directory.</summary>
    /// <param name="directory">It exists.</param>
    /// <param name="segmentBytes">Size of new segment files.</param>
    /// <param name="opening">A number that no other opening of this directory has or had.</param>
    /// <param name="damaged">Told the path of each segment whose file does not begin and end as it should, and whether it can be
    /// used all the same. One that cannot is left where it is.</param>
    /// <param name="medium">What segments are kept in, files by default; the engine's from here on.</param>
    /// <exception cref="StorageException">A newer version wrote a segment.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static JournalEngine Open(
        IFileLayer files, string directory, int segmentBytes, long opening, Action<string, bool> damaged, ISegmentMedium? medium = null)
    {
        var engine = new JournalEngine(files, directory, segmentBytes, opening, medium ?? new PlainMedium());
        foreach (var path in files.List(directory).Order(StringComparer.Ordinal)) engine.Adopt(path, damaged);
        return engine;
    }

    public bool TryRoll(int roomAtLeast, ReadOnlySpan<byte> footer)
    {
        if (!_medium.TryPrepare()) return false;
        var bytes = Math.Max(_segmentBytes, _medium.FileBytes((long)BlobFrame.SizeOf(roomAtLeast) + SegmentFile.Overhead));
        var spare = TakeSpare(bytes);
        if (spare is null) return false;
        if (_current is { IsSealed: false } && !TrySeal(_current.Id, footer))
            throw new InvalidOperationException($"segment {_current.Id} has no room for its footer of {footer.Length} bytes");
        _last = new SegmentId(_last.Number + 1);
        var path = Path.Combine(_directory, $"{_last}.seg");
        // The header is on the disk before the name is, so whatever is named like a segment has been one.
        _current = SegmentFile.Begin(new SegmentIncarnation(_last, _opening), path, _medium.Begin(_last, _files.Open(spare)));
        _current.Flush();
        _files.Rename(spare, path);
        _directoryChanged = true;
        _segments = _segments.Add(_last, _current);
        return true;
    }

    public BlobAddress Append(ReadOnlySpan<byte> blob) => Current.Append(blob);

    public void Flush()
    {
        if (_directoryChanged) _files.FlushDirectory(_directory);
        _directoryChanged = false;
        _current?.Flush();
    }

    public bool TrySeal(SegmentId segment, ReadOnlySpan<byte> footer)
    {
        var file = Find(segment);
        if (!_medium.TryPrepare() || !file.TrySeal(footer)) return false;
        file.Flush();
        _medium.Sealed(file.File);
        return true;
    }

    public byte[]? ReadFooter(SegmentId segment) => Find(segment).ReadFooter();

    public IEnumerable<Blob> ReadBlobs(SegmentId segment, Action<BrokenRange> broken)
    {
        var file = Find(segment);
        // A segment is sealed before the next of the same opening is begun.
        var wasSealed = _segments.Values.Any(other => other.Opening == file.Opening && other.Id.CompareTo(segment) > 0);
        return file.ReadBlobs(wasSealed, broken);
    }

    public int Read(SegmentId segment, long offset, Span<byte> destination) => Find(segment).Read(offset, destination);

    public void Drop(SegmentId segment)
    {
        var dropped = Find(segment);
        _segments = _segments.Remove(segment);
        if (_current == dropped) _current = null;
        dropped.Dispose();
        // What the segment took itself for is not asked: its file may have lost its end.
        if (LengthOf(dropped.Path) == _segmentBytes && _spares.Count < SparesKept)
        {
            var spare = NextSparePath();
            _files.Rename(dropped.Path, spare);
            _spares.Enqueue(spare);
        }
        else
        {
            _files.Delete(dropped.Path);
        }
        // Now and not with the next flush: a segment that came back after a loss of power would bring back messages whose
        // acknowledgements stood in segments that were dropped after it.
        _files.FlushDirectory(_directory);
    }

    public bool TryPrepareReserve()
    {
        if (HasReserve) return true;
        if (TryMakeFile(_segmentBytes) is not { } path) return false;
        _spares.Enqueue(path);
        return true;
    }

    public void Dispose()
    {
        foreach (var segment in _segments.Values) segment.Dispose();
        _segments = _segments.Clear();
        _medium.Dispose();
    }

    private SegmentFile Current => _current ?? throw new InvalidOperationException("no segment was begun");

    private SegmentFile Find(SegmentId segment) => _segments[segment];

    private void Adopt(string path, Action<string, bool> damaged)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        if (!DecimalDigits.TryParse(name, out var number)) return;
        switch (Path.GetExtension(path))
        {
            case ".seg": AdoptSegment(new SegmentId(number), path, damaged); break;
            case ".free": AdoptSpare(number, path); break;
            default: break;
        }
    }

    private void AdoptSegment(SegmentId id, string path, Action<string, bool> damaged)
    {
        _last = id.CompareTo(_last) > 0 ? id : _last; // its number is used, whatever is in it
        var file = _medium.Open(id, path, _files.Open(path));
        var segment = SegmentFile.Open(id, path, file, out var isDamaged);
        if (segment is null) file.Dispose();
        else _segments = _segments.Add(id, segment);
        if (isDamaged) damaged(path, segment is not null);
    }

    /// <summary>A file of another size, or one whose making was cut off, is not worth keeping.</summary>
    private void AdoptSpare(long number, string path)
    {
        _lastSpare = Math.Max(_lastSpare, number);
        if (LengthOf(path) == _segmentBytes && _spares.Count < SparesKept) _spares.Enqueue(path);
        else _files.Delete(path);
    }

    private long LengthOf(string path)
    {
        using var file = _files.Open(path);
        return file.Length;
    }

    private string? TakeSpare(long bytes) =>
        bytes == _segmentBytes && _spares.TryDequeue(out var spare) ? spare : TryMakeFile(bytes);

    /// <summary>Makes a file full of zeros, on the disk as such. Null: there is no room for it.</summary>
    private string? TryMakeFile(long bytes)
    {
        var path = NextSparePath();
        try
        {
            using var file = _files.Open(path);
            var zeros = new byte[ZerosBytes];
            for (var offset = 0L; offset < bytes; offset += zeros.Length)
                file.Write(zeros.AsSpan(0, (int)Math.Min(zeros.Length, bytes - offset)), offset);
            file.Flush();
        }
        catch (IOException exception) when (DiskFull.Is(exception))
        {
            _files.Delete(path);
            return null;
        }
        _directoryChanged = true;
        return path;
    }

    private string NextSparePath() =>
        Path.Combine(_directory, $"{Interlocked.Increment(ref _lastSpare).ToString(CultureInfo.InvariantCulture)}.free");
}
