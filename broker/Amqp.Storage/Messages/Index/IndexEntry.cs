using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Storage.Messages.Index;

/// <summary>What the store wants to know of a record without its body: from the record itself, or from a segment's footer.</summary>
internal readonly ref struct IndexEntry
{
    /// <summary>Enqueue, EnqueueAgain, Page, Change, Body, Settle, Delivered or Closed. A transaction is the entries of its records.</summary>
    public required RecordType Type { get; init; }

    public QueueId Queue { get; init; }

    /// <summary>The message's key, which is its position but for an EnqueueAgain and what names that; a body's id; of settlements and deliveries the first one's.</summary>
    public long Position { get; init; }

    /// <summary>Of an EnqueueAgain: where in its queue the message is.</summary>
    public long PositionOfKey { get; init; }

    /// <summary>Of a message, or as changed.</summary>
    public MessageAttributes Attributes { get; init; }

    /// <summary>Of a message: the body it shares, or 0.</summary>
    public long BodyId { get; init; }

    /// <summary>Of a settlement: the segment with the messages.</summary>
    public long Segment { get; init; }

    /// <summary>Of a settlement or delivery: positions, see <see cref="PositionRuns"/>.</summary>
    public ReadOnlySpan<byte> Runs { get; init; }

    /// <summary>Where the record begins, in its segment.</summary>
    public long Offset { get; init; }

    /// <summary>Bytes of the record, padding left out.</summary>
    public int Length { get; init; }

    /// <summary>Of a message with its body, or of a body: bytes of that alone.</summary>
    public int BodySize { get; init; }

    /// <summary>A message enters.</summary>
    public static bool IsMessage(RecordType type) => type is RecordType.Enqueue or RecordType.Page or RecordType.EnqueueAgain;

    /// <summary>The body of a message is a part of the record.</summary>
    public static bool HasBody(RecordType type, long bodyId) => type == RecordType.Body || (IsMessage(type) && bodyId == 0);

    /// <summary>The entry of a whole record that is no transaction.</summary>
    /// <param name="offset">Where it begins, in its segment.</param>
    public static IndexEntry Of(in RecordHeader header, ReadOnlySpan<byte> record, long offset)
    {
        var reader = new RecordReader(record[..header.Length]);
        var isMessage = IsMessage(header.Type);
        var bodyId = isMessage ? reader.BodyId : 0;
        return new IndexEntry
        {
            Type = header.Type,
            Queue = header.Queue,
            Position = header.Position,
            PositionOfKey = header.Type == RecordType.EnqueueAgain ? reader.PositionOfKey : 0,
            Attributes = isMessage ? reader.Attributes : header.Type == RecordType.Change ? reader.ChangedAttributes : default,
            BodyId = bodyId,
            Segment = header.Type == RecordType.Settle ? reader.Segment : 0,
            Runs = header.Type switch
            {
                RecordType.Settle => reader.SettledRuns,
                RecordType.Delivered => reader.DeliveredRuns,
                _ => default,
            },
            Offset = offset,
            Length = header.Length,
            BodySize = HasBody(header.Type, bodyId) ? reader.BodySize(header.Type) : 0,
        };
    }
}
