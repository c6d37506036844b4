using Amqp.Core.Records;
using AMQP.Net;

namespace Amqp.Replication;

/// <summary>Records of one queue as bytes and back, in the format of the store (<see cref="RecordHeader"/>): what is written is what is sent.</summary>
public static class RecordCodec
{
    /// <summary>Appends records to a buffer. Every message has its body with it: ids of shared bodies mean nothing on another node.</summary>
    public static void Write(RecordBuffer buffer, ReadOnlySpan<StoreRecord> records)
    {
        foreach (ref readonly var record in records)
        {
            switch (record.Type)
            {
                case RecordType.Enqueue or RecordType.Page:
                    buffer.Enqueue(record.Type, record.Queue, record.Position, record.Attributes, record.Message!);
                    break;
                case RecordType.Settle:
                    buffer.Settle(record.Queue, segment: 0, [new PositionRun(record.Position, record.Count)]);
                    break;
                case RecordType.Delivered:
                    buffer.Delivered(record.Queue, [new PositionRun(record.Position, record.Count)]);
                    break;
                case RecordType.Change:
                    buffer.Change(record.Queue, record.Position, record.Attributes);
                    break;
                default:
                    throw new ArgumentException($"{record.Type} is no record of a queue", nameof(records));
            }
        }
    }

    /// <summary>Reads records that follow each other.</summary>
    /// <param name="strings">Gives names seen before as the same object.</param>
    /// <returns>Null: that is not what another node has written, or not all of it.</returns>
    public static StoreRecord[]? Read(ReadOnlySpan<byte> bytes, ShortStringPool strings)
    {
        var records = new List<StoreRecord>();
        while (bytes.Length > 0)
        {
            if (!RecordHeader.TryRead(bytes, out var header) || !header.IsKnown || header.PaddedLength > bytes.Length) return null;
            if (Read(header, bytes[..header.Length], strings) is not { } record) return null;
            records.Add(record);
            bytes = bytes[header.PaddedLength..];
        }
        return [.. records];
    }

    private static StoreRecord? Read(in RecordHeader header, ReadOnlySpan<byte> record, ShortStringPool strings)
    {
        var reader = new RecordReader(record);
        var (queue, position) = (header.Queue, header.Position);
        switch (header.Type)
        {
            case RecordType.Enqueue or RecordType.Page when reader.BodyId == 0 && reader.ReadMessage(header.Type, strings) is { } message:
                return new StoreRecord { Type = header.Type, Queue = queue, Position = position, Message = message, Attributes = reader.Attributes };
            case RecordType.Settle:
                return ReadRun(reader.SettledRuns, position) is { } settled ? StoreRecord.Settle(queue, settled.First, settled.Count) : null;
            case RecordType.Delivered:
                return ReadRun(reader.DeliveredRuns, position) is { } delivered ? StoreRecord.Delivered(queue, delivered.First, delivered.Count) : null;
            case RecordType.Change:
                return StoreRecord.Change(queue, position, reader.ChangedAttributes);
            default:
                return null;
        }
    }

    private static PositionRun? ReadRun(ReadOnlySpan<byte> runs, long first) => PositionRuns.TryRead(ref runs, ref first, out var run) && run.Count > 0 ? run : null;
}
