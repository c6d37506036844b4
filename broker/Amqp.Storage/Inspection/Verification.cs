using Amqp.Core.Records;
using Amqp.Core.Topology;
using AMQP.Net;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Inspection;

/// <summary>Reads every record of every segment, and then every message as a consumer would get it.</summary>
internal sealed class Verification(ISegmentEngine engine, StoreState state, Func<QueueId, string> nameOf, string directory)
{
    private readonly ShortStringPool _strings = new();
    private readonly SortedDictionary<string, long> _records = new(StringComparer.Ordinal);

    /// <summary>Whole records, by type.</summary>
    public IReadOnlyDictionary<string, long> Records => _records;

    public long Messages { get; private set; }

    public List<DamagedPlace> Damages { get; } = [];

    public List<DamagedPlace> TornEnds { get; } = [];

    /// <summary>Reads the blobs of a segment, and holds its footer against them.</summary>
    public void ReadSegment(SegmentId segment)
    {
        var isWhole = true;
        var records = 0L;
        foreach (var blob in engine.ReadBlobs(segment, broken => isWhole &= Note(segment, broken))) records += Count(segment, blob.Bytes.Span, blob.Address.Offset);
        if (!isWhole || engine.ReadFooter(segment) is not { } footer) return;
        var entries = 0L;
        var reader = new FooterReader(footer);
        while (reader.TryNext(out _)) entries++;
        if (entries != records) Add(segment, -1, 0, $"its index has {entries} records, and there are {records}", []);
    }

    /// <summary>Reads every message that is in a queue.</summary>
    public void ReadMessages()
    {
        foreach (var queue in state.Queues.Values)
        {
            foreach (var (key, location) in queue.All())
            {
                var position = queue.PositionOf(key);
                var type = Positions.IsKey(key) ? RecordType.EnqueueAgain : RecordType.Enqueue;
                if (location.IsShared) ReadShared(queue, position, location);
                else ReadMessage(queue, position, new SegmentId(location.Segment), location.Offset, location.Length, type, key);
            }
        }
    }

    private void ReadShared(QueueIndex queue, long position, RecordLocation location)
    {
        var body = state.Bodies[location.BodySlot];
        if (body.Segment != 0) ReadMessage(queue, position, new SegmentId(body.Segment), body.Offset, body.Length, RecordType.Body, body.Id);
        else Add(new SegmentId(location.Segment), -1, 0, $"message {position}: its body, which it shares with other queues, is missing", [nameOf(queue.Id)]);
    }

    private void ReadMessage(QueueIndex queue, long position, SegmentId segment, long offset, int length, RecordType type, long number)
    {
        var bytes = new byte[length];
        var record = bytes.AsSpan(0, engine.Read(segment, offset, bytes));
        if (RecordHeader.TryRead(record, out var header) && header.Type == type && header.Position == number
            && new RecordReader(record[..header.Length]).ReadMessage(type, _strings) is not null) Messages++;
        else Add(segment, offset, length, $"message {position}", [nameOf(queue.Id)]);
    }

    /// <summary>True: it is no damage.</summary>
    private bool Note(SegmentId segment, BrokenRange broken)
    {
        if (broken.IsTornEnd)
        {
            TornEnds.Add(new DamagedPlace($"{directory}/{segment}.seg", broken.Offset, broken.Length, "the end", []));
            return true;
        }
        if (broken.IsFooter) Add(segment, broken.Offset, 0, "its index, which the next start makes anew", []);
        else Add(segment, broken.Offset, broken.Length, "records", QueuesIn(segment, broken));
        return false;
    }

    private List<string> QueuesIn(SegmentId segment, BrokenRange broken)
    {
        var queues = new HashSet<QueueId>();
        if (engine.ReadFooter(segment) is { } footer)
        {
            var reader = new FooterReader(footer);
            while (reader.TryNext(out var entry))
                if (entry.Offset >= broken.Offset && entry.Offset < broken.Offset + broken.Length && entry.Queue != default) queues.Add(entry.Queue);
        }
        return [.. queues.Select(nameOf).Order(StringComparer.Ordinal)];
    }

    /// <summary>Counts the records of a blob; those of a transaction, and not itself, count for the footer.</summary>
    private long Count(SegmentId segment, ReadOnlySpan<byte> bytes, long offset)
    {
        var entries = 0L;
        for (var start = 0; start < bytes.Length;)
        {
            if (!RecordHeader.TryRead(bytes[start..], out var header))
            {
                Add(segment, offset + start, bytes.Length - start, "records", []);
                return entries;
            }
            var type = header.Type.ToString();
            _records[type] = _records.GetValueOrDefault(type) + 1;
            entries += header.Type == RecordType.Transaction
                ? Count(segment, bytes[(start + RecordHeader.Size)..(start + header.Length)], offset + start + RecordHeader.Size)
                : 1;
            start += header.PaddedLength;
        }
        return entries;
    }

    private void Add(SegmentId segment, long offset, long length, string what, IReadOnlyList<string> queues) =>
        Damages.Add(new DamagedPlace($"{directory}/{segment}.seg", offset, length, what, queues));
}
