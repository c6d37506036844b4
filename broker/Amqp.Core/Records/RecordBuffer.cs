using System.Buffers.Binary;
using Amqp.Core.Messages;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Records;

/// <summary>Records one behind the other as bytes, the way <see cref="RecordHeader"/> draws them. Serves again after <see cref="Clear"/>.</summary>
public sealed class RecordBuffer
{
    private const int InitialBytes = 64 << 10;

    /// <summary>Room that is kept when the buffer is cleared. One large message must not be held for ever.</summary>
    private const int KeptBytes = 8 << 20;

    /// <summary>Lengths of names and properties before the bytes of a body.</summary>
    private const int BodyHeadSize = 8;

    private const int EnqueueHeadSize = RecordHeader.Size + 24;

    /// <summary>Bytes that a message takes more if it has a key: those of its position.</summary>
    public const int KeyedSize = 8;

    /// <summary>Bytes that a message takes at most whose body is stored by id.</summary>
    public const int SharedSize = EnqueueHeadSize + KeyedSize;

    /// <summary>Bytes that a change takes.</summary>
    public const int ChangeSize = EnqueueHeadSize;

    /// <summary>Bytes that the settlement of one message takes at most, padding included.</summary>
    public const int SettleOneSizeMax = RecordHeader.Size + 8 + (2 * Varint.SizeMax) + 4;

    private byte[] _bytes = new byte[InitialBytes];
    private int _transaction = -1;

    /// <summary>Bytes written; always a multiple of 8.</summary>
    public int Length { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    public void Clear()
    {
        Length = 0;
        if (_bytes.Length > KeptBytes) _bytes = new byte[InitialBytes];
    }

    /// <summary>Bytes that a message with its body in the record takes, padding included; for a shared one, those of its body's record.</summary>
    public static int SizeOf(Message message) => RecordHeader.Padded(
        EnqueueHeadSize + BodyHeadSize + LosslessUtf8.GetByteCount(message.Exchange) + LosslessUtf8.GetByteCount(message.RoutingKey)
        + message.Content.Size);

    /// <summary>A message with its body.</summary>
    /// <param name="type">Enqueue, Page or EnqueueAgain.</param>
    /// <param name="key">Its position, or of an EnqueueAgain its key.</param>
    /// <param name="position">Of an EnqueueAgain.</param>
    public void Enqueue(RecordType type, QueueId queue, long key, in MessageAttributes attributes, Message message, long position = 0)
    {
        var head = EnqueueHeadSizeOf(type);
        var record = Begin(head + SizeOfBody(message));
        WriteEnqueueHead(record[..head], attributes, bodyId: 0, position);
        WriteBody(record[head..], message);
        End(record, type, queue, key);
    }

    /// <summary>A message whose body is stored by id; parameters as of <see cref="Enqueue"/>.</summary>
    public void EnqueueShared(RecordType type, QueueId queue, long key, in MessageAttributes attributes, long bodyId, long position = 0)
    {
        var record = Begin(EnqueueHeadSizeOf(type));
        WriteEnqueueHead(record, attributes, bodyId, position);
        End(record, type, queue, key);
    }

    /// <summary>A body by id.</summary>
    public void Body(long bodyId, Message message)
    {
        var record = Begin(RecordHeader.Size + SizeOfBody(message));
        WriteBody(record[RecordHeader.Size..], message);
        End(record, RecordType.Body, default, bodyId);
    }

    /// <summary>Messages that left a queue.</summary>
    /// <param name="segment">Number of the segment in which their records are; where that means nothing, 0.</param>
    /// <param name="runs">Ascending; one at least.</param>
    public void Settle(QueueId queue, long segment, ReadOnlySpan<PositionRun> runs)
    {
        const int Head = RecordHeader.Size + 8;
        var record = Begin(Head + PositionRuns.SizeMax(runs));
        BinaryPrimitives.WriteInt64LittleEndian(record[32..], segment);
        var length = Head + PositionRuns.Write(record[Head..], runs[0].First, runs);
        End(record[..length], RecordType.Settle, queue, runs[0].First);
    }

    /// <summary>Messages that have been handed out before.</summary>
    /// <param name="runs">Ascending; one at least.</param>
    public void Delivered(QueueId queue, ReadOnlySpan<PositionRun> runs)
    {
        var record = Begin(RecordHeader.Size + PositionRuns.SizeMax(runs));
        var length = RecordHeader.Size + PositionRuns.Write(record[RecordHeader.Size..], runs[0].First, runs);
        End(record[..length], RecordType.Delivered, queue, runs[0].First);
    }

    /// <summary>What a message is from here on.</summary>
    public void Change(QueueId queue, long position, in MessageAttributes attributes)
    {
        var record = Begin(EnqueueHeadSize);
        WriteEnqueueHead(record, attributes, bodyId: attributes.ReadyAt);
        End(record, RecordType.Change, queue, position);
    }

    /// <summary>The store was closed in order.</summary>
    public void Closed() => End(Begin(RecordHeader.Size), RecordType.Closed, default, position: 0);

    /// <summary>A record as it stands elsewhere, its padding left out; if it was part of a transaction it is not any more.</summary>
    public void Copy(in RecordHeader header, ReadOnlySpan<byte> record)
    {
        var copy = Begin(record.Length);
        record.CopyTo(copy);
        if (header.Flags != 0) (header with { Flags = 0 }).Seal(copy);
        Advance(record.Length);
    }

    /// <summary>What is written until <see cref="EndTransaction"/> is one record.</summary>
    /// <param name="size">Bytes that it will take at most: a large one gets its room at once, and not by doubling.</param>
    public void BeginTransaction(int size)
    {
        var end = checked(Length + size);
        if (end > _bytes.Length) Array.Resize(ref _bytes, Math.Max(end, Math.Min(2 * _bytes.Length, KeptBytes)));
        _transaction = Length;
        Begin(RecordHeader.Size);
        Advance(RecordHeader.Size);
    }

    public void EndTransaction()
    {
        var record = _bytes.AsSpan(_transaction, Length - _transaction);
        Length = _transaction;
        _transaction = -1;
        End(record, RecordType.Transaction, default, position: 0);
    }

    private static int SizeOfBody(Message message) => BodyHeadSize + LosslessUtf8.GetByteCount(message.Exchange)
        + LosslessUtf8.GetByteCount(message.RoutingKey) + message.Content.Size;

    private static int EnqueueHeadSizeOf(RecordType type) => type == RecordType.EnqueueAgain ? EnqueueHeadSize + KeyedSize : EnqueueHeadSize;

    /// <param name="record">As long as the head: a longer one has a position.</param>
    private static void WriteEnqueueHead(Span<byte> record, in MessageAttributes attributes, long bodyId, long position = 0)
    {
        BinaryPrimitives.WriteInt64LittleEndian(record[32..], attributes.ExpiresAt);
        BinaryPrimitives.WriteInt64LittleEndian(record[40..], bodyId);
        BinaryPrimitives.WriteInt32LittleEndian(record[48..], attributes.Priority);
        BinaryPrimitives.WriteInt32LittleEndian(record[52..], attributes.DeliveryCount);
        if (record.Length > EnqueueHeadSize) BinaryPrimitives.WriteInt64LittleEndian(record[EnqueueHeadSize..], position);
    }

    private static void WriteBody(Span<byte> body, Message message)
    {
        var names = body[BodyHeadSize..];
        var exchange = LosslessUtf8.GetBytes(message.Exchange, names);
        var routingKey = LosslessUtf8.GetBytes(message.RoutingKey, names[exchange..]);
        message.Content.CopyTo(names[(exchange + routingKey)..]);
        (body[0], body[1]) = ((byte)exchange, (byte)routingKey); // short strings: at most 255 bytes
        BinaryPrimitives.WriteUInt16LittleEndian(body[2..], 0);
        BinaryPrimitives.WriteInt32LittleEndian(body[4..], message.Content.PropertiesLength);
    }

    /// <summary>Room for a record of that length.</summary>
    private Span<byte> Begin(int length)
    {
        var end = checked(Length + RecordHeader.Padded(length));
        if (end > _bytes.Length) Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(end, 2L * _bytes.Length)));
        return _bytes.AsSpan(Length, length);
    }

    private void End(Span<byte> record, RecordType type, QueueId queue, long position)
    {
        var flags = _transaction < 0 ? (ushort)0 : RecordHeader.InTransaction;
        new RecordHeader(record.Length, type, RecordHeader.CurrentVersion, flags, queue, position).Seal(record);
        Advance(record.Length);
    }

    private void Advance(int length)
    {
        var end = Length + RecordHeader.Padded(length);
        _bytes.AsSpan(Length + length, end - Length - length).Clear();
        Length = end;
    }
}
