using System.Buffers;
using AMQP.Net;
using Amqp.Core.Records;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>What records, and messages with them, are for who gets them: they have been bytes in between.</summary>
internal sealed class Wire
{
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private readonly RecordBuffer _buffer = new();
    private readonly ShortStringPool _strings = new();

    public ReplicaMessage Copy(ReplicaMessage message)
    {
        _bytes.ResetWrittenCount();
        ReplicaCodec.Write(_bytes, _buffer, message);
        return ReplicaCodec.Read(_bytes.WrittenSpan, _strings)!;
    }

    public StoreRecord[] Copy(ReadOnlySpan<StoreRecord> records)
    {
        if (records.Length == 0) return [];
        _buffer.Clear();
        RecordCodec.Write(_buffer, records);
        return RecordCodec.Read(_buffer.Bytes, _strings)!;
    }
}
