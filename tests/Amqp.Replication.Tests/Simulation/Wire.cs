using AMQP.Net;
using Amqp.Core.Records;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>What a message is for who gets it: its records have been bytes in between.</summary>
internal static class Wire
{
    public static ReplicaMessage Copy(ReplicaMessage message) => message is Feed feed ? feed with { Item = Copy(feed.Item) } : message;

    private static FeedItem Copy(FeedItem item) => item switch
    {
        Batch batch => batch with { Records = Copy(batch.Records) },
        Fill fill => fill with { Records = Copy(fill.Records) },
        _ => item,
    };

    private static StoreRecord[] Copy(StoreRecord[] records)
    {
        var buffer = new RecordBuffer();
        RecordCodec.Write(buffer, records);
        return RecordCodec.Read(buffer.Bytes, new ShortStringPool())!;
    }
}
