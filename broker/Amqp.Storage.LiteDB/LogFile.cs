using System.Buffers.Binary;
using Amqp.Core.Records;
using Amqp.Storage.Files;

namespace Amqp.Storage.Lite;

/// <summary>
/// One of the two files of the log (<see cref="PageLog"/>): pages of a database, as its transactions wrote them. Its frames stay in memory
/// until it begins anew: a takeover reads them, and whatever reads messages that were just written.
/// <code>
/// 0        2048     4096          12320
/// +--------+--------+-------------+-------------+- - -
/// | header | header | frame 0     | frame 1     |         the header of the larger epoch counts
/// +--------+--------+-------------+-------------+- - -
///
/// header   "AMQPLLOG" | version u32 | 0 u32 | epoch u64 | life u64 | length of the file u64 | length of the database's file u64
///          | frames of the epoch before u32 | 0 ... | CRC-32C u32 of the 60 bytes before
///
/// frame    0         4        8         16       24          28             32
///          +---------+--------+---------+--------+-----------+--------------+------------+
///          | CRC-32C | number | epoch   | life   | last of   | flushed      | page       |
///          | of all  |        |         |        | its group | before       |            |
///          +---------+--------+---------+--------+-----------+--------------+------------+
///            u32       u32      u64       u64      u32         u32            8192 bytes
///
/// epoch    begins when the file is used anew; it is on the disk before its first frame
/// life     the database's, see PageFrame
/// group    what one transaction has written; it counts when it is whole
/// flushed  frames that were on the disk before this one was written: among them one that is not whole is damage,
///          behind them it is where power failed
/// </code>
/// </summary>
internal sealed class LogFile : IDisposable
{
    private const int Version = 2;
    private const int TwoFilesVersion = 2;
    private const int HeaderSize = 64;
    private const int HeaderDistance = 2048;
    private const int FramesStart = 4096;
    private const int FrameHead = 32;
    private const int FrameSize = FrameHead + PageFrame.PageSize;
    private const int ZerosBytes = 1 << 20;

    private static ReadOnlySpan<byte> Magic => "AMQPLLOG"u8;

    private readonly IFileLayer _files;
    private readonly long _capacity;
    private readonly int _framesKept;
    private readonly Dictionary<uint, int> _latest = [];
    private IDataFile? _file;
    private byte[] _frames = [];
    private Head[] _found = [];
    private int _written;
    private int _flushed;
    private bool _isFlushed = true;

    /// <summary>Opens what there is of it. <see cref="CountFrames"/> tells what of it counts.</summary>
    /// <param name="frames">For how many there is to be space on the disk: those that there are at most.</param>
    /// <param name="framesKept">For how many there is memory all the time. What more takes is given back when it begins anew.</param>
    /// <exception cref="StorageException">A newer version wrote it.</exception>
    public LogFile(IFileLayer files, string path, int frames, int framesKept)
    {
        _files = files;
        Path = path;
        _capacity = OffsetOf(frames);
        _framesKept = framesKept;
        if (!files.List(System.IO.Path.GetDirectoryName(path)!).Contains(path)) return;
        _file = files.Open(path);
        Header = ReadHeaders();
        _found = FindFrames();
    }

    public string Path { get; }

    /// <summary>What it is used for; zeros if it never was.</summary>
    public LogHeader Header { get; private set; }

    /// <summary>Frames written in this epoch.</summary>
    public int Count { get; private set; }

    /// <summary>A frame that was on the disk already is not what was written.</summary>
    public bool IsDamaged { get; private set; }

    /// <summary>There is a file.</summary>
    public bool Exists => _file is not null;

    /// <summary>It is of the time when the log had no other file.</summary>
    public bool IsAlone { get; private set; }

    /// <summary>The file has lost its end, and what was in it is unknown.</summary>
    public bool IsShort { get; private set; }

    /// <summary>Bytes of a write that power interrupted, found on opening.</summary>
    public long CutBytes { get; private set; }

    /// <summary>The pages that it has.</summary>
    public IReadOnlyCollection<uint> Pages => _latest.Keys;

    /// <summary>Makes sure that there is space for it on the disk.</summary>
    /// <exception cref="IOException">There is none.</exception>
    public void Prepare()
    {
        _file ??= _files.Open(Path);
        var zeros = new byte[ZerosBytes];
        for (var end = _file.Length; end < _capacity; end = _file.Length)
            _file.Write(zeros.AsSpan(0, (int)Math.Min(zeros.Length, _capacity - end)), end);
        _file.Flush();
    }

    public bool Has(uint page) => _latest.ContainsKey(page);

    /// <summary>The page as it was written last, and as it belongs into the database's file. False: it is not here.</summary>
    public bool TryRead(uint page, Span<byte> destination)
    {
        if (!_latest.TryGetValue(page, out var number)) return false;
        Read(number, destination);
        LitePage.ClearTransaction(destination);
        return true;
    }

    /// <summary>A frame's page, as LiteDB wrote it.</summary>
    public void Read(int number, Span<byte> destination) => FrameOf(number)[FrameHead..].CopyTo(destination);

    /// <summary>Adds a page, which is written when its group ends.</summary>
    public void Add(ReadOnlySpan<byte> page)
    {
        var length = (Count + 1) * FrameSize;
        if (_frames.Length < length) Array.Resize(ref _frames, Math.Max(_framesKept * FrameSize, Math.Max(2 * _frames.Length, length)));
        page.CopyTo(FrameOf(Count)[FrameHead..]);
        _latest[LitePage.Number(page)] = Count++;
    }

    /// <summary>A transaction is complete: its pages are written, in one go.</summary>
    public void EndGroup()
    {
        if (Count == _written) return;
        for (var number = _written; number < Count; number++)
        {
            var frame = FrameOf(number);
            BinaryPrimitives.WriteInt32LittleEndian(frame[4..], number);
            BinaryPrimitives.WriteInt64LittleEndian(frame[8..], Header.Epoch);
            BinaryPrimitives.WriteInt64LittleEndian(frame[16..], Header.Life);
            BinaryPrimitives.WriteInt32LittleEndian(frame[24..], Count - 1);
            BinaryPrimitives.WriteInt32LittleEndian(frame[28..], _flushed);
            BinaryPrimitives.WriteUInt32LittleEndian(frame, Crc32C.Of(frame[4..]));
        }
        _isFlushed = false;
        _file!.Write(_frames.AsSpan(_written * FrameSize, (Count - _written) * FrameSize), OffsetOf(_written));
        _written = Count;
    }

    /// <summary>A transaction did not come to its end: its pages count for nothing.</summary>
    public void CutGroup()
    {
        Count = _written;
        _latest.Clear();
        for (var number = 0; number < Count; number++) _latest[LitePage.Number(FrameOf(number)[FrameHead..])] = number;
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

    /// <summary>Forgets what is in it, and begins anew.</summary>
    public void Begin(LogHeader header)
    {
        Header = header;
        Forget();
        (_written, _flushed, _isFlushed) = (0, 0, true);
        Span<byte> bytes = stackalloc byte[HeaderSize];
        bytes.Clear();
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], header.Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[24..], header.Life);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[32..], _file!.Length);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[40..], header.DataLength);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[48..], header.FramesBefore);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[^4..], Crc32C.Of(bytes[..^4]));
        // Of two epochs one is this file's, so that it is the second bit that alternates here.
        _file.Write(bytes, ((header.Epoch >> 1) & 1) * HeaderDistance);
        _file.Flush();
    }

    /// <summary>What is in it counts no longer.</summary>
    public void Forget()
    {
        _latest.Clear();
        (Count, IsDamaged, _found) = (0, false, []);
        if (_frames.Length > _framesKept * FrameSize) _frames = [];
    }

    /// <summary>Finds out which of the frames that were found on opening count.</summary>
    /// <param name="flushed">That many were on the disk, as the other file says.</param>
    public void CountFrames(int flushed)
    {
        var frames = _found;
        _found = [];
        if (Header.Epoch == 0) return; // power failed before it was begun
        flushed = Math.Max(flushed, frames.Where(IsOurs).Select(frame => frame.Flushed).DefaultIfEmpty(0).Max());
        var counted = 0;
        for (; counted < flushed; counted++)
        {
            var isWhole = counted < frames.Length && IsOurs(frames[counted]);
            IsDamaged |= !isWhole;
            if (isWhole) _latest[frames[counted].Page] = counted;
        }
        while (counted < frames.Length && IsOurs(frames[counted]))
        {
            var last = frames[counted].Last;
            if (last < counted || last >= frames.Length || !frames[counted..(last + 1)].All(IsOurs)) break;
            for (; counted <= last; counted++) _latest[frames[counted].Page] = counted;
        }
        Count = _written = _flushed = counted;
        CutBytes = (long)frames.Skip(counted).Count(IsOurs) * PageFrame.PageSize;
        _frames = new byte[Count * FrameSize];
        _file!.Read(_frames, FramesStart);
        foreach (var number in _latest.Values)
            if (!IsWhole(FrameOf(number), number)) throw new IOException($"'{Path}' does not give back what it did a moment ago: frame {number} is damaged");
    }

    public void Dispose() => _file?.Dispose();

    private static long OffsetOf(int frame) => FramesStart + ((long)frame * FrameSize);

    private Span<byte> FrameOf(int number) => _frames.AsSpan(number * FrameSize, FrameSize);

    private bool IsOurs(Head frame) => frame.Epoch == Header.Epoch;

    /// <summary>The later of the two headers; zeros if there is none that is whole.</summary>
    private LogHeader ReadHeaders()
    {
        var found = default(LogHeader);
        var header = new byte[HeaderSize];
        foreach (var offset in (int[])[0, HeaderDistance])
        {
            if (_file!.Read(header, offset) < HeaderSize || !header.AsSpan().StartsWith(Magic)) continue;
            if (BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(^4..)) != Crc32C.Of(header.AsSpan(..^4))) continue;
            var version = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
            if (version > Version)
            {
                throw new StorageException($"'{Path}' was written by a newer version of the broker (log format {version}, this one knows "
                    + $"{Version}). Start that version again, or restore the data directory from before the upgrade.");
            }
            var epoch = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(16));
            if (epoch > found.Epoch)
            {
                IsAlone = version < TwoFilesVersion;
                found = new LogHeader(epoch, BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(24)))
                {
                    DataLength = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(40)),
                    FramesBefore = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(48)),
                };
            }
            IsShort |= BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(32)) > _file.Length;
        }
        return found;
    }

    private Head[] FindFrames()
    {
        var found = new Head[Math.Max(0, (_file!.Length - FramesStart) / FrameSize)];
        var frame = new byte[FrameSize];
        for (var number = 0; number < found.Length; number++)
        {
            if (_file.Read(frame, OffsetOf(number)) < FrameSize || !IsWhole(frame, number)) continue;
            found[number] = Head.Of(frame);
            // The headers may both be damaged: then the frames say what they said.
            if (found[number].Epoch > Header.Epoch) Header = new LogHeader(found[number].Epoch, found[number].Life);
        }
        return found;
    }

    private static bool IsWhole(ReadOnlySpan<byte> frame, int number) =>
        BinaryPrimitives.ReadInt32LittleEndian(frame[4..]) == number && BinaryPrimitives.ReadUInt32LittleEndian(frame) == Crc32C.Of(frame[4..]);

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

/// <summary>What a file of the log says of itself.</summary>
/// <param name="Epoch">Grows with each beginning of either file.</param>
/// <param name="Life">The database whose pages are in it; 0: of none.</param>
internal readonly record struct LogHeader(long Epoch, long Life)
{
    /// <summary>How long the database's file is, in bytes: it may have lost its end since. 0: unknown.</summary>
    public long DataLength { get; init; }

    /// <summary>Frames that the other file has of the epoch before, all of them on the disk.</summary>
    public int FramesBefore { get; init; }
}
