using System.Buffers.Binary;
using Amqp.Core.Records;
using Amqp.Storage.Files;

namespace Amqp.Storage.Lite;

/// <summary>
/// LiteDB's log, for whichever database is being written: the pages of its transactions since they were last taken over into the
/// database's file. LiteDB's own log has no checksums and is never flushed, so this one does both.
/// <code>
/// 0        2048     4096          12320
/// +--------+--------+-------------+-------------+- - -
/// | header | header | frame 0     | frame 1     |         the header of the larger epoch counts
/// +--------+--------+-------------+-------------+- - -
///
/// header   "AMQPLLOG" | version u32 | 0 u32 | epoch u64 | life u64 | length of the log u64 | length of the database's file u64 | 0 ...
///          | CRC-32C u32 of the 60 bytes before
///
/// frame    0         4        8         16       24          28             32
///          +---------+--------+---------+--------+-----------+--------------+------------+
///          | CRC-32C | number | epoch   | life   | last of   | flushed      | page       |
///          | of all  |        |         |        | its group | before       |            |
///          +---------+--------+---------+--------+-----------+--------------+------------+
///            u32       u32      u64       u64      u32         u32            8192 bytes
///
/// epoch    begins when the log is empty again, or another database's; it is on the disk before its first frame
/// life     the database's, see PageFrame
/// group    what one transaction has written; it counts when it is whole
/// flushed  frames that were on the disk before this one was written: among them one that is not whole is damage,
///          behind them it is where power failed
/// </code>
/// </summary>
internal sealed class PageLog : IDisposable
{
    public const string FileName = "litedb.log";

    private const int Version = 1;
    private const int HeaderSize = 64;
    private const int HeaderDistance = 2048;
    private const int FramesStart = 4096;
    private const int FrameHead = 32;
    private const int FrameSize = FrameHead + PageFrame.PageSize;
    private const int ZerosBytes = 1 << 20;

    private static ReadOnlySpan<byte> Magic => "AMQPLLOG"u8;

    private readonly IFileLayer _files;
    private readonly string _directory;
    private readonly long _capacity;
    private readonly Dictionary<uint, int> _latest = [];
    private IDataFile? _file;
    private byte[] _group = new byte[64 * FrameSize];
    private readonly byte[] _frame = new byte[FrameSize];
    private readonly byte[] _page = new byte[PageFrame.PageSize];
    private int _written;
    private int _flushed;
    private bool _isFlushed = true;
    private bool _isPrepared;
    private bool _isDamaged;
    private long _epoch;

    /// <param name="frames">For how many there is to be space on the disk.</param>
    public PageLog(IFileLayer files, string directory, int frames)
    {
        _files = files;
        _directory = directory;
        _capacity = FramesStart + ((long)frames * FrameSize);
        if (!files.List(directory).Contains(FilePath)) return;
        _file = files.Open(FilePath);
        Recover();
    }

    /// <summary>The database whose pages these are; 0: of none.</summary>
    public long Life { get; private set; }

    /// <summary>How long its file is, in bytes: it may have lost its end since.</summary>
    public long DataLength { get; private set; }

    /// <summary>Frames written in this epoch.</summary>
    public int Count { get; private set; }

    /// <summary>There is a file of it.</summary>
    public bool Exists => _file is not null;

    /// <summary>The file has lost its end, and what was in it is unknown.</summary>
    public bool IsShort { get; private set; }

    /// <summary>Bytes of a write that power interrupted, found on opening.</summary>
    public long CutBytes { get; private set; }

    private string FilePath => Path.Combine(_directory, FileName);

    /// <summary>Makes sure that there is space for it on the disk. False: there is none.</summary>
    /// <exception cref="StorageException">A newer version wrote it.</exception>
    public bool TryPrepare()
    {
        if (_isPrepared) return true;
        try
        {
            _file ??= _files.Open(FilePath);
            var zeros = new byte[ZerosBytes];
            for (var end = _file.Length; end < _capacity; end = _file.Length)
                _file.Write(zeros.AsSpan(0, (int)Math.Min(zeros.Length, _capacity - end)), end);
            _file.Flush();
            _files.FlushDirectory(_directory);
        }
        catch (IOException exception) when (DiskFull.Is(exception))
        {
            return false;
        }
        return _isPrepared = true;
    }

    /// <summary>A page in it that was on the disk already is not what was written.</summary>
    public bool IsDamaged(long life) => life == Life && _isDamaged;

    public bool Has(long life, uint page) => life == Life && _latest.ContainsKey(page);

    /// <summary>The pages that it has of a database.</summary>
    public IReadOnlyList<uint> PagesOf(long life) => life == Life ? [.. _latest.Keys.Order()] : [];

    /// <summary>The page as it was written last. False: it is not in the log.</summary>
    public bool TryRead(long life, uint page, Span<byte> destination)
    {
        if (life != Life || !_latest.TryGetValue(page, out var number)) return false;
        Read(number, destination);
        return true;
    }

    /// <summary>A frame's page.</summary>
    public void Read(int number, Span<byte> destination)
    {
        if (number >= _written)
        {
            _group.AsSpan(((number - _written) * FrameSize) + FrameHead, PageFrame.PageSize).CopyTo(destination);
            return;
        }
        if (!TryReadFrame(number, _epoch)) throw new IOException($"'{FilePath}' does not give back what was written to it: frame {number} is damaged");
        _frame.AsSpan(FrameHead).CopyTo(destination);
    }

    /// <summary>Adds a page, which is kept until its group ends.</summary>
    public void Add(ReadOnlySpan<byte> page)
    {
        var start = (Count - _written) * FrameSize;
        if (_group.Length < start + FrameSize) Array.Resize(ref _group, 2 * _group.Length);
        page.CopyTo(_group.AsSpan(start + FrameHead));
        _latest[LitePage.Number(page)] = Count++;
    }

    /// <summary>A transaction is complete: its pages are written, in one go.</summary>
    public void EndGroup()
    {
        if (Count == _written) return;
        for (var number = _written; number < Count; number++)
        {
            var frame = _group.AsSpan((number - _written) * FrameSize, FrameSize);
            BinaryPrimitives.WriteInt32LittleEndian(frame[4..], number);
            BinaryPrimitives.WriteInt64LittleEndian(frame[8..], _epoch);
            BinaryPrimitives.WriteInt64LittleEndian(frame[16..], Life);
            BinaryPrimitives.WriteInt32LittleEndian(frame[24..], Count - 1);
            BinaryPrimitives.WriteInt32LittleEndian(frame[28..], _flushed);
            BinaryPrimitives.WriteUInt32LittleEndian(frame, Crc32C.Of(frame[4..]));
        }
        _isFlushed = false;
        _file!.Write(_group.AsSpan(0, (Count - _written) * FrameSize), OffsetOf(_written));
        _written = Count;
    }

    /// <summary>A transaction did not come to its end: its pages count for nothing.</summary>
    public void CutGroup()
    {
        Count = _written;
        _latest.Clear();
        for (var number = 0; number < Count; number++)
        {
            Read(number, _page);
            _latest[LitePage.Number(_page)] = number;
        }
    }

    /// <summary>Returns when every group is on the disk.</summary>
    public void Flush()
    {
        EndGroup();
        if (_isFlushed) return;
        _file!.Flush();
        _flushed = _written;
        _isFlushed = true;
    }

    /// <summary>Forgets what is in it, which is in its database's file now, and begins anew for a database.</summary>
    public void Begin(long life, long dataLength)
    {
        (_epoch, Life, DataLength) = (_epoch + 1, life, dataLength);
        (Count, _written, _flushed, _isFlushed, _isDamaged) = (0, 0, 0, true, false);
        _latest.Clear();
        Span<byte> header = stackalloc byte[HeaderSize];
        header.Clear();
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], _epoch);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], life);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], _file!.Length);
        BinaryPrimitives.WriteInt64LittleEndian(header[40..], dataLength);
        BinaryPrimitives.WriteUInt32LittleEndian(header[^4..], Crc32C.Of(header[..^4]));
        _file.Write(header, (_epoch & 1) * HeaderDistance);
        _file.Flush();
    }

    public void Dispose() => _file?.Dispose();

    private static long OffsetOf(int frame) => FramesStart + ((long)frame * FrameSize);

    /// <summary>Finds out which frames count.</summary>
    private void Recover()
    {
        (_epoch, Life, DataLength) = ReadHeaders();
        var frames = new Head[Math.Max(0, (_file!.Length - FramesStart) / FrameSize)];
        for (var number = 0; number < frames.Length; number++)
        {
            if (!TryReadFrame(number, epoch: null)) continue;
            frames[number] = Head.Of(_frame);
            // The headers may both be damaged: then the frames say what they said.
            if (frames[number].Epoch > _epoch) (_epoch, Life, DataLength) = (frames[number].Epoch, frames[number].Life, 0);
        }
        if (_epoch == 0) return; // power failed before it was begun

        var flushed = frames.Where(frame => frame.Epoch == _epoch).Select(frame => frame.Flushed).DefaultIfEmpty(0).Max();
        var counted = 0;
        for (; counted < flushed; counted++)
        {
            var isWhole = counted < frames.Length && frames[counted].Epoch == _epoch;
            _isDamaged |= !isWhole;
            if (isWhole) _latest[frames[counted].Page] = counted;
        }
        while (counted < frames.Length && frames[counted].Epoch == _epoch)
        {
            var last = frames[counted].Last;
            if (last < counted || last >= frames.Length || frames[counted..(last + 1)].Any(frame => frame.Epoch != _epoch)) break;
            for (; counted <= last; counted++) _latest[frames[counted].Page] = counted;
        }
        Count = _written = _flushed = counted;
        CutBytes = (long)frames.Skip(counted).Count(frame => frame.Epoch == _epoch) * PageFrame.PageSize;
    }

    /// <summary>The later of the two headers; zeros if there is none that is whole.</summary>
    private (long Epoch, long Life, long DataLength) ReadHeaders()
    {
        var found = (Epoch: 0L, Life: 0L, DataLength: 0L);
        var header = new byte[HeaderSize];
        foreach (var offset in (int[])[0, HeaderDistance])
        {
            if (_file!.Read(header, offset) < HeaderSize || !header.AsSpan().StartsWith(Magic)) continue;
            if (BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(^4..)) != Crc32C.Of(header.AsSpan(..^4))) continue;
            var version = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
            if (version > Version)
            {
                throw new StorageException($"'{FilePath}' was written by a newer version of the broker (log format {version}, this one knows "
                    + $"{Version}). Start that version again, or restore the data directory from before the upgrade.");
            }
            var epoch = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(16));
            if (epoch > found.Epoch) found = (epoch, BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(24)), BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(40)));
            IsShort |= BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(32)) > _file.Length;
        }
        return found;
    }

    /// <summary>Reads a frame into the buffer. False: it is not whole, or of another epoch than the one that is asked for.</summary>
    private bool TryReadFrame(int number, long? epoch)
    {
        if (_file!.Read(_frame, OffsetOf(number)) < FrameSize || BinaryPrimitives.ReadUInt32LittleEndian(_frame) != Crc32C.Of(_frame.AsSpan(4))) return false;
        return BinaryPrimitives.ReadInt32LittleEndian(_frame.AsSpan(4)) == number && (epoch is null || epoch == Head.Of(_frame).Epoch);
    }

    /// <summary>What a frame says; nothing but zeros if it is not whole.</summary>
    private readonly record struct Head(long Epoch, long Life, int Last, int Flushed, uint Page)
    {
        public static Head Of(ReadOnlySpan<byte> frame) => new(
            BinaryPrimitives.ReadInt64LittleEndian(frame[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(frame[16..]),
            BinaryPrimitives.ReadInt32LittleEndian(frame[24..]),
            BinaryPrimitives.ReadInt32LittleEndian(frame[28..]),
            LitePage.Number(frame[FrameHead..]));
    }
}

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

    /// <summary>A checkpoint has taken everything over.</summary>
    public override void SetLength(long value)
    {
        if (value != 0) throw new NotSupportedException("a log is emptied, not cut");
        log.Begin(log.Life, log.DataLength);
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
}
