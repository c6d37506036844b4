using System.Text;
using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Replication.Tests;

/// <summary>Records on their way to a mirror.</summary>
public class RecordCodecTests
{
    private static readonly QueueId Queue = new(7);

    [Test]
    public void What_is_written_is_read()
    {
        StoreRecord[] records =
        [
            StoreRecord.Enqueue(Queue, Positions.Of(3, 8), NewMessage("one"), expiresAt: 99, priority: 4, deliveryCount: 2),
            StoreRecord.Settle(Queue, Positions.Of(2, 1), 12),
            StoreRecord.Change(Queue, Positions.Of(3, 8), new MessageAttributes(1, 2, 3, 4)),
            StoreRecord.Delivered(Queue, Positions.Of(3, 9), 2),
            StoreRecord.Page(Queue, Positions.Of(3, 10), NewMessage("two")),
        ];
        var read = RecordCodec.Read(Written(records), new ShortStringPool())!;
        Assert.That(read.Select(record => record with { Message = null }), Is.EqualTo(records.Select(record => record with { Message = null })));
        Assert.That(read.Select(record => record.Message is { } message ? $"{message.Exchange} {message.RoutingKey} {Encoding.UTF8.GetString(message.Content.Body)} {message.IsPersistent} {message.ExpirationMs}" : ""),
            Is.EqualTo(new[] { "ex key one True 5", "", "", "", "ex key two True 5" }));
    }

    [Test]
    public void What_is_damaged_or_cut_off_is_none()
    {
        var bytes = Written([StoreRecord.Enqueue(Queue, 8, NewMessage("one"), expiresAt: 0), StoreRecord.Settle(Queue, 1)]);
        for (var length = 1; length < bytes.Length; length++)
        {
            if (length % 8 == 0 && RecordCodec.Read(bytes.AsSpan(0, length), new ShortStringPool()) is { } whole) Assert.That(whole, Has.Length.EqualTo(1));
            else Assert.That(RecordCodec.Read(bytes.AsSpan(0, length), new ShortStringPool()), Is.Null);
        }
        bytes[40] ^= 1;
        Assert.That(RecordCodec.Read(bytes, new ShortStringPool()), Is.Null);
    }

    private static byte[] Written(StoreRecord[] records)
    {
        var buffer = new RecordBuffer();
        RecordCodec.Write(buffer, records);
        return buffer.Bytes.ToArray();
    }

    private static Message NewMessage(string body)
    {
        var properties = new MutableProperties { DeliveryMode = 2, Expiration = "5" }.Encode();
        return new Message("ex", "key", new Content([.. properties, .. Encoding.UTF8.GetBytes(body)], properties.Length));
    }
}
