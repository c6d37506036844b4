using System.Buffers.Binary;
using Amqp.Storage.Lite;
using Amqp.Storage.Tests.Journal;
using Amqp.Storage.Tests.Messages;

namespace Amqp.Storage.Tests.LiteDb;

/// <summary>
/// What a bad disk has done to databases and their log. A damaged page may cost the bytes of segments that stand in it, and a page
/// that only says where others are costs nothing. A damaged group at the end of the log, where power may have failed, costs the group.
/// </summary>
internal sealed class LiteDbDamage : Damage
{
    private const int LogFrameSize = 32 + PageFrame.PageSize;
    private const int LogStart = 4096;
    private static readonly string[] Logs = [.. PageLog.FileNames.Select(name => $"{TestStore.Directory}/{name}")];

    /// <summary>Where in a file pages stand that are in use, and which bytes of which segment are in each.</summary>
    private readonly List<(string File, Extent Place, string Segment, List<Extent> Bytes)> _pages = [];

    /// <summary>The log's frames, and before which one everything was flushed when each was written.</summary>
    private readonly List<(string Log, int Number, int Flushed, Extent Place)> _frames = [];

    private readonly string _newest;

    public LiteDbDamage(StoreAtlas atlas, MemoryFiles files)
        : base(atlas, files)
    {
        foreach (var segment in atlas.Segments)
        {
            var file = Before[segment.Path];
            var life = BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(8));
            for (var page = 0; (page + 1) * PageFrame.Size <= file.Length; page++)
            {
                var frame = file.AsSpan(page * PageFrame.Size, PageFrame.Size);
                if (!PageFrame.IsWhole(frame, (uint)page, out var found) || found != life) continue;
                Add(segment.Path, page * PageFrame.Size, PageFrame.Size, segment.Path, frame[PageFrame.HeadSize..].ToArray());
            }
        }
        var epochs = Logs.Where(Before.ContainsKey).ToDictionary(log => log, log => EpochOf(Before[log]));
        _newest = epochs.OrderBy(log => log.Value).Select(log => log.Key).LastOrDefault("");
        foreach (var (log, epoch) in epochs) AddLog(atlas, log, epoch);
    }

    public override void Do(DamageKind kind, Random random)
    {
        var there = _pages.Where(page => Files.List("").Contains(page.File)).ToList();
        if (there.Count == 0) return;
        var inLog = there.FindAll(page => Logs.Contains(page.File));
        // The log has what was written last, and page 0 and its like say where everything is.
        var structure = there.FindAll(page => page.Bytes.Count == 0);
        var page = random.Next(3) switch
        {
            0 when inLog.Count > 0 => inLog[random.Next(inLog.Count)],
            1 when structure.Count > 0 => structure[random.Next(structure.Count)],
            _ => there[random.Next(there.Count)],
        };
        Do(kind, page.File, random.Next((int)page.Place.Start, (int)page.Place.End), random);
    }

    public override bool Hits(AtlasSegment segment, Extent extent)
    {
        var cut = Logs.SelectMany(log => CutIn(log).Select(place => (log, place))).ToHashSet();
        return !Files.List("").Contains(segment.Path) || _pages.Exists(page =>
            page.Segment == segment.Path && page.Bytes.Exists(bytes => bytes.Start < extent.End && bytes.End > extent.Start)
            && (IsHit(page.File, page.Place) || cut.Contains((page.File, page.Place))));
    }

    /// <summary>Where power may have failed, everything from there on counts for nothing.</summary>
    private List<Extent> CutIn(string log)
    {
        // Of the older file the newer one says how much was on the disk: all.
        if (log != _newest && Files.List("").Contains(_newest)) return [];
        var frames = _frames.FindAll(frame => frame.Log == log);
        var whole = frames.FindAll(frame => !IsHit(log, frame.Place));
        var flushed = whole.Select(frame => frame.Flushed).DefaultIfEmpty(0).Max();
        var last = frames.FindAll(frame => frame.Number >= flushed);
        return last.Exists(frame => !whole.Contains(frame)) ? last.ConvertAll(frame => frame.Place) : [];
    }

    private void AddLog(StoreAtlas atlas, string log, long epoch)
    {
        foreach (var (number, frameEpoch, life, flushed, page) in FramesOf(Before[log]))
        {
            var path = $"{TestStore.Directory}/{(int)life:D12}.seg";
            if (frameEpoch != epoch || !atlas.Segments.Exists(segment => segment.Path == path)) continue;
            var start = LogStart + (number * LogFrameSize);
            Add(log, start, LogFrameSize, path, page);
            _frames.Add((log, number, flushed, new Extent(start, start + LogFrameSize)));
        }
    }

    private static List<(int Number, long Epoch, long Life, int Flushed, byte[] Page)> FramesOf(byte[] log)
    {
        var frames = new List<(int Number, long Epoch, long Life, int Flushed, byte[] Page)>();
        for (var number = 0; LogStart + ((number + 1) * LogFrameSize) <= log.Length; number++)
        {
            var frame = log.AsSpan(LogStart + (number * LogFrameSize), LogFrameSize);
            if (BinaryPrimitives.ReadUInt32LittleEndian(frame) != Amqp.Core.Records.Crc32C.Of(frame[4..])) continue;
            frames.Add((number, BinaryPrimitives.ReadInt64LittleEndian(frame[8..]), BinaryPrimitives.ReadInt64LittleEndian(frame[16..]),
                BinaryPrimitives.ReadInt32LittleEndian(frame[28..]), frame[32..].ToArray()));
        }
        return frames;
    }

    private static long EpochOf(byte[] log) =>
        Math.Max(FramesOf(log).Select(frame => frame.Epoch).DefaultIfEmpty(0).Max(), Math.Max(EpochAt(log, 0), EpochAt(log, 2048)));

    private static long EpochAt(byte[] log, int header) => BinaryPrimitives.ReadInt64LittleEndian(log.AsSpan(header + 16));

    private void Add(string file, int start, int length, string segment, byte[] page) => _pages.Add((
        file, new Extent(start, start + length), segment, [.. Cells.InPage(page).Select(cell => new Extent(cell.Offset, cell.Offset + cell.Length))]));

    private bool IsHit(string file, Extent place)
    {
        if (!Files.List("").Contains(file)) return true;
        var after = Files.File(file).Bytes;
        return place.End > after.Length || !Before[file].AsSpan((int)place.Start..(int)place.End).SequenceEqual(after.AsSpan((int)place.Start..(int)place.End));
    }
}
