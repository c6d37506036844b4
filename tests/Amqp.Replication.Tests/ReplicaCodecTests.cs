using System.Buffers;
using System.Text;
using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Replication.Tests;

/// <summary>What copies say to each other, as bytes.</summary>
public class ReplicaCodecTests
{
    private static readonly QueueId Queue = new(7);
    private static readonly ProducerMark[] Marks = [new(new ProducerId(1, 2), 3, 4, 2), new(new ProducerId(long.MaxValue, 0), 1, 1, 1)];

    private static readonly StoreRecord[] Records =
    [
        StoreRecord.Enqueue(Queue, Positions.Of(3, 8), new Message("ex", "key", new Content([0, 0, .. Encoding.UTF8.GetBytes("body")], 2)), expiresAt: 99, priority: 4, deliveryCount: 2),
        StoreRecord.Settle(Queue, Positions.Of(2, 1), 12),
    ];

    private static ReplicaMessage[] Messages =>
    [
        new Join(1, 2, new Member("rabbit@höst", Guid.NewGuid(), 77)),
        new Taken(uint.MaxValue, long.MaxValue, 5, IsComplete: true, Lacking: 0),
        new Taken(1, 2, 0, IsComplete: false, Lacking: int.MaxValue),
        new Want(1, 2, 3, [Positions.Of(1, 0), Positions.Of(1, 5), Positions.Of(9, 1)]),
        new Refuse(1, 2),
        new Feed(1, 2, 3, new Batch(4, Records, Marks, IsTogether: true, 0)),
        new Feed(1, 2, 3, new Batch(4, [], [], IsTogether: false, 0)),
        new Feed(1, 2, 3, new Part(4, 0, Positions.Of(2, 0), [new LiveMessage(3, new MessageAttributes(1, 2, 3, 4)), new LiveMessage(9, default)], Last: null)),
        new Feed(1, 2, 3, new Part(4, Positions.Of(2, 0), long.MaxValue, [], new LastPart(Marks, [new EpochEnd(1, 50), new EpochEnd(2, Positions.Of(2, 9))]))),
        new Feed(1, 2, 3, new Fill(4, 5, Positions.Of(9, 1), Records, 0)),
    ];

    [Test]
    public void What_is_written_is_read()
    {
        foreach (var message in Messages) Assert.That(Text(ReplicaCodec.Read(Written(message), new ShortStringPool())), Is.EqualTo(Text(message)));
    }

    [Test]
    public void What_is_cut_off_or_has_more_behind_it_is_none()
    {
        foreach (var bytes in Messages.Select(Written))
        {
            // Where records end, a message without them ends too.
            for (var length = 0; length < bytes.Length; length++)
                if (ReplicaCodec.Read(bytes.AsSpan(0, length), new ShortStringPool()) is { } shorter) Assert.That(shorter, Is.InstanceOf<Feed>().With.Property("Item").Not.InstanceOf<Part>());
            Assert.That(ReplicaCodec.Read([.. bytes, 1], new ShortStringPool()), Is.Null);
        }
    }

    [Test]
    public void Whatever_comes_it_is_read_or_it_is_none([Range(1, 200)] int seed)
    {
        var random = new Random(seed);
        var bytes = Written(Messages[random.Next(Messages.Length)]);
        for (var changes = random.Next(1, 4); changes > 0; changes--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        Assert.That(() => ReplicaCodec.Read(bytes, new ShortStringPool()), Throws.Nothing);
    }

    private static byte[] Written(ReplicaMessage message)
    {
        var bytes = new ArrayBufferWriter<byte>();
        ReplicaCodec.Write(bytes, new RecordBuffer(), message);
        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>With all that is in lists, and without the size in memory, which is each side's own.</summary>
    private static string Text(ReplicaMessage? message) => message switch
    {
        Want want => $"{want.Epoch} {want.Session} {want.Number} wants {string.Join(' ', want.Positions)}",
        Feed { Item: Batch batch } feed => $"{feed.Epoch} {feed.Session} {feed.Place} batch {batch.Number} {Text(batch.Records)} {string.Join(' ', batch.Marks)}",
        Feed { Item: Fill fill } feed => $"{feed.Epoch} {feed.Session} {feed.Place} fill {fill.Number} {fill.Want} {fill.End} {Text(fill.Records)}",
        Feed { Item: Part part } feed => $"{feed.Epoch} {feed.Session} {feed.Place} part {part.Number} {part.From} {part.End} {string.Join(' ', part.Live)} {string.Join(' ', part.Last?.Producers ?? [])} {string.Join(' ', part.Last?.Ends ?? [])}",
        _ => $"{message}",
    };

    private static string Text(StoreRecord[] records) =>
        string.Join(' ', records.Select(record => $"{record with { Message = null }} {(record.Message is { } message ? Encoding.UTF8.GetString(message.Content.Body) : "")}"));
}
