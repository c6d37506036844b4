using Amqp.Core.Records;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Messages.Reading;

/// <summary>The entries of a segment as they are while the store runs: from its footer, or else from its records. What is damaged in those has
/// been told of when the store was opened, and is passed over.</summary>
internal sealed class SegmentEntries(ISegmentEngine engine)
{
    /// <summary>Sees one entry.</summary>
    public delegate void Seen(in IndexEntry entry);

    public void Read(SegmentId segment, Seen seen)
    {
        if (engine.ReadFooter(segment) is { } footer) Read(footer, seen);
        else
        {
            foreach (var blob in engine.ReadBlobs(segment, broken => ReadBroken(segment, broken, seen))) Read(blob.Bytes.Span, blob.Address.Offset, seen);
        }
    }

    /// <summary>The entries of a footer.</summary>
    public static void Read(ReadOnlySpan<byte> footer, Seen seen)
    {
        var reader = new FooterReader(footer);
        while (reader.TryNext(out var entry)) seen(entry);
    }

    /// <summary>Records in a damaged range serve as long as they are whole.</summary>
    private void ReadBroken(SegmentId segment, BrokenRange broken, Seen seen)
    {
        if (broken.IsTornEnd || broken.IsFooter || broken.MayBeOld) return;
        var bytes = new byte[broken.Length];
        var range = bytes.AsSpan(0, engine.Read(segment, broken.Offset, bytes));
        var records = new WholeRecords(range);
        while (records.TryNext(out var header))
        {
            // As on opening: a part of a transaction that is not whole counts for nothing.
            if (header.Flags == 0) Read(range.Slice(records.Start, header.Length), broken.Offset + records.Start, seen);
        }
    }

    private static void Read(ReadOnlySpan<byte> bytes, long offset, Seen seen)
    {
        for (var start = 0; start < bytes.Length;)
        {
            var header = RecordHeader.Read(bytes[start..]);
            if (header.Type == RecordType.Transaction)
                Read(bytes.Slice(start + RecordHeader.Size, header.PaddedLength - RecordHeader.Size), offset + start + RecordHeader.Size, seen);
            else seen(IndexEntry.Of(header, bytes[start..], offset + start));
            start += header.PaddedLength;
        }
    }
}
