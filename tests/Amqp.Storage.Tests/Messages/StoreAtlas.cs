using System.Buffers.Binary;
using Amqp.Core.Records;
using Amqp.Storage.Journal;
using Amqp.Storage.Segments;
using Amqp.Storage.Tests.Journal;

namespace Amqp.Storage.Tests.Messages;

/// <summary>A part of a file.</summary>
internal readonly record struct Extent(long Start, long End);

/// <summary>Where everything lies in the segments of a store that is not damaged.</summary>
internal sealed class StoreAtlas
{
    public List<AtlasSegment> Segments { get; } = [];

    public List<AtlasRecord> Records { get; } = [];

    public static StoreAtlas Of(MemoryFiles files, int segmentBytes) => Of(TestEngine.Journal, files, segmentBytes);

    public static StoreAtlas Of(TestEngine by, MemoryFiles files, int segmentBytes)
    {
        var atlas = new StoreAtlas();
        var copy = files.Copy();
        var directory = new SegmentDirectory(copy, TestStore.Directory, Opening: 1_000_000, (path, _) => Assert.Fail($"{path} is damaged already"));
        using var engine = by.Engine.Open(directory with { SegmentBytes = segmentBytes });
        foreach (var info in engine.Segments)
        {
            var path = $"{TestStore.Directory}/{info.Id}.seg";
            var bytes = new byte[info.Bytes];
            engine.Read(info.Id, 0, bytes);
            var segment = new AtlasSegment(path, bytes, info.IsSealed);
            atlas.Segments.Add(segment);
            foreach (var blob in engine.ReadBlobs(info.Id, broken => Assert.That(broken.IsTornEnd, Is.True, $"{path} is damaged already: {broken}")))
            {
                var start = blob.Address.Offset - BlobFrame.HeaderSize;
                segment.Frames.Add(new Extent(start, start + BlobFrame.SizeOf(blob.Bytes.Length)));
                atlas.Add(segment, blob.Bytes.Span, blob.Address.Offset, transaction: null);
            }
        }
        return atlas;
    }

    /// <summary>The record that an opening goes by: the last one.</summary>
    public AtlasRecord Message(int queue, long position) =>
        Records.Last(record => record.Type == RecordType.Enqueue && record.Queue == queue && record.Position == position);

    public AtlasRecord Body(long id) => Records.Last(record => record.Type == RecordType.Body && record.Position == id);

    public IEnumerable<AtlasRecord> SettlementsOf(int queue, long position) =>
        Records.Where(record => record.Type == RecordType.Settle && record.Queue == queue && record.Settled.Contains(position));

    /// <summary>Every record about a message, for the text of a failed test.</summary>
    public string StoryOf(int queue, long position) => string.Join(", ", Records
        .Where(record => record.Queue == queue && ((record.Type == RecordType.Enqueue && record.Position == position) || record.Settled.Contains(position)))
        .Select(record => $"{record.Type} in {record.Segment.Path} at {record.Extent} in {record.Frame}{(record.Transaction is null ? "" : " in a transaction")}"));

    private void Add(AtlasSegment segment, ReadOnlySpan<byte> bytes, long offset, Extent? transaction)
    {
        for (var start = 0; start < bytes.Length;)
        {
            Assert.That(RecordHeader.TryRead(bytes[start..], out var header), Is.True);
            var extent = new Extent(offset + start, offset + start + header.Length);
            var reader = new RecordReader(bytes.Slice(start, header.Length));
            if (header.Type == RecordType.Transaction)
            {
                Add(segment, reader.Records, extent.Start + RecordHeader.Size, extent);
            }
            else
            {
                Records.Add(new AtlasRecord(segment, extent, header.Type, (int)header.Queue.Value, header.Position)
                {
                    BodyId = header.Type == RecordType.Enqueue ? reader.BodyId : 0,
                    Settled = header.Type == RecordType.Settle ? PositionsIn(reader.SettledRuns, header.Position) : [],
                    Frame = segment.Frames[^1],
                    Transaction = transaction,
                });
            }
            start += header.PaddedLength;
        }
    }

    private static HashSet<long> PositionsIn(ReadOnlySpan<byte> runs, long first)
    {
        var positions = new HashSet<long>();
        var end = first;
        while (PositionRuns.TryRead(ref runs, ref end, out var run))
            for (var position = run.First; position < run.End; position++) positions.Add(position);
        return positions;
    }
}

/// <param name="Bytes">As they are before any damage, in whatever the engine keeps them.</param>
internal sealed record AtlasSegment(string Path, byte[] Bytes, bool IsSealed)
{
    private const int EndSize = SegmentFile.HeaderSize + SegmentFile.TrailerSize;

    /// <summary>Of its blobs.</summary>
    public List<Extent> Frames { get; } = [];

    public long Opening => BinaryPrimitives.ReadInt64LittleEndian(Bytes.AsSpan(24));

    public Extent Header => new(0, SegmentFile.HeaderSize);

    public Extent SecondHeader => new(Bytes.Length - EndSize, Bytes.Length - SegmentFile.TrailerSize);

    public Extent Trailer => new(Bytes.Length - SegmentFile.TrailerSize, Bytes.Length);

    public Extent Footer
    {
        get
        {
            var start = BinaryPrimitives.ReadInt64LittleEndian(Bytes.AsSpan((int)Trailer.Start + 8));
            return new Extent(start, start + BlobFrame.SizeOf(BinaryPrimitives.ReadInt32LittleEndian(Bytes.AsSpan((int)start + 4))));
        }
    }

    /// <summary>Where something is.</summary>
    public long WrittenEnd => IsSealed ? Footer.End : Frames.Count > 0 ? Frames[^1].End : Header.End;
}

/// <param name="Position">Of a body: its id.</param>
internal sealed record AtlasRecord(AtlasSegment Segment, Extent Extent, RecordType Type, int Queue, long Position)
{
    public required long BodyId { get; init; }

    public required HashSet<long> Settled { get; init; }

    public required Extent Frame { get; init; }

    public required Extent? Transaction { get; init; }
}
