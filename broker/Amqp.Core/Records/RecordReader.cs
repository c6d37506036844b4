using System.Buffers.Binary;
using Amqp.Core.Messages;
using AMQP.Net;

namespace Amqp.Core.Records;

/// <summary>What stands behind the head of a record whose checksum is right (<see cref="RecordHeader.TryRead"/>).</summary>
/// <param name="record">The record, from its head on.</param>
public readonly ref struct RecordReader(ReadOnlySpan<byte> record)
{
    private const int EnqueueHeadSize = RecordHeader.Size + 24;
    private const int BodyHeadSize = 8;

    private readonly ReadOnlySpan<byte> _record = record;

    /// <summary>Of an Enqueue, Page or EnqueueAgain.</summary>
    public MessageAttributes Attributes => new(
        BinaryPrimitives.ReadInt64LittleEndian(_record[32..]), _record[48], BinaryPrimitives.ReadInt32LittleEndian(_record[52..]));

    /// <summary>Of a Change.</summary>
    public MessageAttributes ChangedAttributes => Attributes with { ReadyAt = BodyId };

    /// <summary>Of an Enqueue, Page or EnqueueAgain: where its body is, or 0: in the record.</summary>
    public long BodyId => BinaryPrimitives.ReadInt64LittleEndian(_record[40..]);

    /// <summary>Of an EnqueueAgain: the position that the head has a key for.</summary>
    public long PositionOfKey => BinaryPrimitives.ReadInt64LittleEndian(_record[EnqueueHeadSize..]);

    /// <summary>Of a Settle: the segment that has the messages' records.</summary>
    public long Segment => BinaryPrimitives.ReadInt64LittleEndian(_record[32..]);

    /// <summary>Of a Settle: the positions, see <see cref="PositionRuns"/>.</summary>
    public ReadOnlySpan<byte> SettledRuns => _record[40..];

    /// <summary>Of a Delivered.</summary>
    public ReadOnlySpan<byte> DeliveredRuns => _record[RecordHeader.Size..];

    /// <summary>Of a Transaction: its records.</summary>
    public ReadOnlySpan<byte> Records => _record[RecordHeader.Size..];

    /// <summary>Of an Enqueue, Page or EnqueueAgain that has its body, or of a Body: bytes of the message's body, its properties left out.</summary>
    /// <param name="type">The record's.</param>
    public int BodySize(RecordType type)
    {
        var body = BodyOf(type);
        if (body.Length < BodyHeadSize) return 0; // as ReadMessage: this is no message
        return Math.Max(0, body.Length - BodyHeadSize - body[0] - body[1] - BinaryPrimitives.ReadInt32LittleEndian(body[4..]));
    }

    /// <summary>The message of an Enqueue, Page or EnqueueAgain that has its body, or of a Body.</summary>
    /// <param name="type">The record's.</param>
    /// <param name="strings">Gives names seen before as the same object.</param>
    /// <returns>Null: this is no message. With a right checksum that means a defect of its writer.</returns>
    public Message? ReadMessage(RecordType type, ShortStringPool strings)
    {
        var body = BodyOf(type);
        if (body.Length < BodyHeadSize) return null;
        var (exchange, routingKey) = ((int)body[0], (int)body[1]);
        var properties = BinaryPrimitives.ReadInt32LittleEndian(body[4..]);
        var names = body[BodyHeadSize..];
        if (exchange + routingKey > names.Length) return null;
        var content = names[(exchange + routingKey)..];
        if (properties < 0 || properties > content.Length) return null;
        var copied = Content.Copy(content, properties);
        return new Message(strings.Get(names[..exchange]), strings.Get(names.Slice(exchange, routingKey)), copied)
        {
            ExpirationMs = Expiration.Of(copied.Properties),
            BodyId = type == RecordType.Body ? RecordHeader.Read(_record).Position : 0,
        };
    }

    private ReadOnlySpan<byte> BodyOf(RecordType type) => _record[(type switch
    {
        RecordType.Body => RecordHeader.Size,
        RecordType.EnqueueAgain => EnqueueHeadSize + RecordBuffer.KeyedSize,
        _ => EnqueueHeadSize,
    })..];
}
