using AMQP.Net;
using Amqp.Core.Records;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>What records, and messages with them, are for who gets them: they have been bytes in between.</summary>
internal sealed class Wire
{
    private readonly RecordBuffer _buffer = new();
    private readonly ShortStringPool _strings = new();

    public ReplicaMessage Copy(ReplicaMessage message) => message is Feed feed ? feed with { Item = Copy(feed.Item) } : message;

    public StoreRecord[] Copy(ReadOnlySpan<StoreRecord> records)
    {
        if (records.Length == 0) return [];
        _buffer.Clear();
        RecordCodec.Write(_buffer, records);
        return RecordCodec.Read(_buffer.Bytes, _strings)!;
    }

    private FeedItem Copy(FeedItem item) => item switch
    {
        Batch batch => batch with { Records = Copy(batch.Records) },
        Fill fill => fill with { Records = Copy(fill.Records) },
        _ => item,
    };
}
